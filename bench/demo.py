"""`python -m bench.demo`: plays the founding document's case through the real stack.

Simulated shoppers open, share, join and pay over HTTP; the gateway sandbox moves the money; the
stack's own workers settle. The table at the end holds only figures read through REST.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from bench.playing.agenda import Agenda, Performer
from bench.playing.case import Played, build_rows, draw_case
from bench.playing.clocks import BusinessClock, Stuck, in_shanghai
from bench.playing.day import Day, Member
from bench.playing.progress import Progress
from bench.playing.setting_up import (
    DAY,
    LIFE,
    SUBSIDY_FEN,
    Deadline,
    Offer,
    Plan,
    plan_day,
    set_up_case,
)
from bench.playing.staff import Staff, read_access
from bench.playing.statements import Statement, find_faults, read_gateway, read_statement
from bench.shoppers.behaviour import Behaviour, split_conversion
from bench.shoppers.calling import Caller, Refused, Unanswered
from bench.shoppers.drawing import Drawer
from bench.shoppers.journal import Journal
from bench.shoppers.phone import Mall

VAR = Path(os.environ.get("PINBU_VAR") or Path(__file__).parents[1] / "var")
RETURNING = timedelta(hours=12)
RETURN_STEP = timedelta(hours=1)
LARGE = 1000
SMALL_STEP_MINUTES = 15
LARGE_STEP_MINUTES = 5
MOST_REFUND_WAITS = 30
SHOWN_FAULTS = 20

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything the play is played with."""

    options: argparse.Namespace
    journal: Journal
    progress: Progress
    clock: BusinessClock
    staff: Staff
    mall: Mall


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a day; returns 1 if money is missing, a subsidy was late, or a call failed badly."""
    options = _parser().parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    with Journal(options.log) as journal:
        try:
            return _play(options, journal)
        except (Refused, Unanswered, Stuck) as error:
            print(f"\nThe demo cannot go on: {error}", file=sys.stderr)
            return 1


def _play(options: argparse.Namespace, journal: Journal) -> int:
    stage = _set_stage(options, journal)
    began = time.monotonic()
    plan = plan_day(stage.clock.read(), options.deadline)
    offer = set_up_case(stage.staff, plan, options.size)
    stage = replace(stage, mall=replace(stage.mall, run=offer.campaign_id))
    day, performer = _play_day(stage, plan, offer)
    statements = _read_statements(stage, day.notes.members)
    played = Played(
        stage.staff.read_figures(plan.day_on, plan.last_on, campaign_id=offer.campaign_id)["total"],
        stage.staff.read_figures(plan.day_on, plan.last_on)["total"],
        statements,
        options.size,
    )
    stage.progress.done(in_shanghai(stage.clock.now()))
    rows = build_rows(played)
    print(f"\n{draw_case(rows, options.language)}\n", flush=True)
    faults = [
        *_money_faults(stage, statements),
        *_figure_faults(played),
        *(f"server error: {error}" for error in journal.server_errors),
        *(f"no answer: {lost}" for lost in journal.lost),
        *(f"unexpected: {problem}" for problem in day.notes.problems),
    ]
    _tell_effort(stage, performer, time.monotonic() - began)
    if options.json is not None:
        _write_json(options.json, rows, played, faults)
    return _tell_faults(faults)


def _set_stage(options: argparse.Namespace, journal: Journal) -> Stage:
    api = Caller(options.api_url, journal, connections=options.threads + 2)
    gateway = Caller(options.sandbox_url, journal, connections=options.threads + 2)
    access = read_access(options.sample, login=options.login, app_id=options.app_id)
    staff = Staff(api, access)
    staff.sign_in()
    progress = Progress()
    mall = Mall(api, gateway, access.app_id, run="")
    return Stage(options, journal, progress, BusinessClock(api), staff, mall)


def _play_day(stage: Stage, plan: Plan, offer: Offer) -> tuple[Day, Performer]:
    """Play the day, its deadline, and the morning after."""
    options, clock, progress = stage.options, stage.clock, stage.progress
    step = timedelta(minutes=options.step_minutes or _usual_step(options.size))
    day = Day(stage.mall, offer, clock, starts_at=plan.starts_at, step=step)
    performer = Performer(clock, options.threads, step=step)
    agenda = Agenda()
    horizon = DAY if options.deadline is Deadline.MIDNIGHT else LIFE
    drawer = Drawer(_behaviour(options), options.seed)
    for at, event in day.plan(drawer.draw_day(options.size, horizon=horizon)):
        agenda.add(at, event)
    progress.begin(_phase(options, "waiting for 0:00", "等到 0 点"))
    clock.jump_to(plan.starts_at)
    progress.done()
    length = plan.last_deadline_at - plan.starts_at

    def show(at: Any) -> None:
        done = (at - plan.starts_at) / length
        progress.show(done, f"{in_shanghai(at)}  {stage.journal.calls:,} calls")

    progress.begin(_phase(options, "the day", "拼团日"))
    performer.perform(agenda, until=plan.last_deadline_at, on_step=show)
    progress.done(in_shanghai(plan.last_deadline_at))
    progress.begin(_phase(options, "settling", "截止结算"))
    most = 1

    def show_rest(waiting: int) -> None:
        nonlocal most
        most = max(most, waiting)
        progress.show(1 - waiting / most, f"{waiting:,}")

    clock.drain(on_wait=show_rest)
    progress.done()
    _play_returns(stage, day, agenda)
    return day, performer


def _play_returns(stage: Stage, day: Day, agenda: Agenda) -> None:
    """Let everybody see their result, and come back to spend or to buy again."""
    clock, progress = stage.clock, stage.progress
    began_at = clock.now()
    for member in day.notes.members:
        agenda.add(began_at, day.plan_return(member))
    progress.begin(_phase(stage.options, "the morning after", "次日回购"))
    performer = Performer(clock, stage.options.threads, step=RETURN_STEP)
    performer.perform(
        agenda,
        until=began_at + RETURNING,
        on_step=lambda at: progress.show((at - began_at) / RETURNING, in_shanghai(at)),
    )
    clock.drain()
    progress.done(in_shanghai(clock.now()))


def _read_statements(stage: Stage, members: Sequence[Member]) -> list[Statement]:
    """Read everybody's statement; wait, as the clock goes on, until all refunds have arrived."""
    progress = stage.progress
    progress.begin(_phase(stage.options, "reading", "读取结果"))
    done: dict[str, Statement] = {}
    waiting = {member.phone.openid: member.phone for member in members}
    for _ in range(MOST_REFUND_WAITS):
        for statement in _in_parallel(stage, read_statement, waiting.values()):
            done[statement.openid] = statement
            progress.show(len(done) / max(1, len(members)))
        waiting = {openid: phone for openid, phone in waiting.items() if done[openid].waits}
        if not waiting:
            break
        stage.clock.jump_to(stage.clock.now() + timedelta(minutes=10))
        stage.clock.drain()
    return list(done.values())


def _in_parallel(stage: Stage, act: Callable[[T], R], subjects: Iterable[T]) -> Iterable[R]:
    with ThreadPoolExecutor(stage.options.threads) as pool:
        yield from pool.map(act, subjects)


def _money_faults(stage: Stage, statements: Sequence[Statement]) -> list[str]:
    money = read_gateway(stage.mall.gateway, {statement.openid for statement in statements})
    faults = find_faults(
        statements, money.received_fen, money.refunded_fen, subsidy_fen=SUBSIDY_FEN
    )
    if money.unfinished_refunds:
        faults.append(f"{money.unfinished_refunds} refunds have not arrived at the gateway")
    return faults


def _figure_faults(played: Played) -> list[str]:
    figures, faults = played.campaign, []
    slowest = figures["credit_seconds_max"]
    if slowest is not None and slowest > 600:
        faults.append(f"a subsidy was credited {slowest} s after its deadline")
    ended = figures["groups_formed"] + figures["groups_failed"]
    if ended > figures["groups_opened"]:
        faults.append(f"{ended} groups ended of {figures['groups_opened']} opened")
    subsidised = sum(s["state"] == "issued" for x in played.statements for s in x.subsidies)
    if subsidised != figures["subsidies_issued"]:
        faults.append(
            f"shoppers see {subsidised} subsidies, the figures {figures['subsidies_issued']}"
        )
    return faults


def _tell_effort(stage: Stage, performer: Performer, seconds: float) -> None:
    clock = stage.clock
    waited = ", ".join(f"{name} {count}" for name, count in clock.waited_for.most_common(4))
    print(
        f"{seconds:.0f} s: {clock.jumps} jumps of the clock, {clock.waited_seconds:.0f} s waiting"
        f" for work ({waited or 'none'}), {performer.acting_seconds:.0f} s of shoppers' calls,"
        f" {stage.journal.calls:,} calls",
        file=sys.stderr,
    )


def _tell_faults(faults: Sequence[str]) -> int:
    for fault in faults[:SHOWN_FAULTS]:
        print(f"FAULT  {fault}", file=sys.stderr)
    if len(faults) > SHOWN_FAULTS:
        print(f"FAULT  ... and {len(faults) - SHOWN_FAULTS} more", file=sys.stderr)
    return 1 if faults else 0


def _write_json(path: Path, rows: Iterable[Any], played: Played, faults: list[str]) -> None:
    told = {
        "rows": [asdict(row) for row in rows],
        "campaign": dict(played.campaign),
        "everything": dict(played.everything),
        "faults": faults,
    }
    path.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _behaviour(options: argparse.Namespace) -> Behaviour:
    usual = Behaviour()
    visit, register, pay = split_conversion(options.conversion, pay_rate=usual.pay_rate)
    return replace(
        usual,
        opener_share_rate=options.share_rate,
        joiner_share_rate=options.reshare_rate,
        mean_invites=options.invites,
        visit_rate=visit,
        register_rate=register,
        pay_rate=pay,
        mean_reply_hours=options.reply_hours,
        organic_per_hour=options.organic,
        leave_rate=options.leave_rate,
        late_rate=options.late_rate,
        unpaid_rate=options.unpaid_rate,
        wallet_use_rate=options.wallet_use,
        repurchase_rate=options.repurchase,
    )


def _usual_step(size: int) -> int:
    return SMALL_STEP_MINUTES if size <= LARGE else LARGE_STEP_MINUTES


def _phase(options: argparse.Namespace, en: str, zh: str) -> str:
    return en if options.language == "en" else zh


def _language() -> str:
    """Return en where the environment names an English locale; zh otherwise, also for C."""
    named = next(
        filter(None, (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), ""
    )
    return "en" if named.lower().startswith("en") else "zh"


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return rate


def _amount(text: str) -> float:
    amount = float(text)
    if not 0 <= amount < 1000:
        raise argparse.ArgumentTypeError(f"{text} is not a number of 0 or more")
    return amount


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of 1 or more")
    return number


def _parser() -> argparse.ArgumentParser:
    usual = Behaviour()
    parser = argparse.ArgumentParser(
        prog="python -m bench.demo",
        description="Plays the founding document's case with simulated shoppers.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--api-url", required=True)
    parser.add_argument("--sandbox-url", required=True)
    parser.add_argument(
        "--sample",
        type=Path,
        default=VAR / "sample-login.json",
        help="what `flask sample` printed, or the passwords it keeps",
    )
    parser.add_argument("--login", help="staff login; the sample's owner otherwise")
    parser.add_argument("--app-id", help="mini-program; the sample's otherwise")
    parser.add_argument("--size", type=_positive, default=500, help="groups opened in the day")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--deadline",
        type=Deadline,
        choices=list(Deadline),
        default=Deadline.MIDNIGHT,
        help="midnight: all groups end at 24:00; life: each 24 hours after it was opened",
    )
    parser.add_argument(
        "--step-minutes", type=_positive, help="events of so long are done together; by the size"
    )
    parser.add_argument("--threads", type=_positive, default=12, help="shoppers acting at once")
    _add_behaviour(parser, usual)
    parser.add_argument("--language", choices=["zh", "en"], default=_language())
    parser.add_argument(
        "--log", type=Path, default=VAR / "log" / "demo" / "calls.jsonl", help="every call made"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    return parser


def _add_behaviour(parser: argparse.ArgumentParser, usual: Behaviour) -> None:
    group = parser.add_argument_group("behaviour (see docs/demo.md)")
    for name, kind, default, about in (
        ("--share-rate", _rate, usual.opener_share_rate, "openers who share"),
        ("--reshare-rate", _rate, usual.joiner_share_rate, "joiners who share"),
        ("--invites", _amount, usual.mean_invites, "friends invited by who shares, mean"),
        ("--conversion", _rate, round(usual.conversion, 2), "invited friends who pay"),
        ("--reply-hours", _amount, usual.mean_reply_hours, "until a friend comes, mean"),
        ("--organic", _amount, usual.organic_per_hour, "strangers per group and hour"),
        ("--leave-rate", _rate, usual.leave_rate, "members who want to leave"),
        ("--late-rate", _rate, usual.late_rate, "registered friends who pay too late"),
        ("--unpaid-rate", _rate, usual.unpaid_rate, "registered friends who never pay"),
        ("--wallet-use", _rate, usual.wallet_use_rate, "subsidised people who spend it"),
        ("--repurchase", _rate, usual.repurchase_rate, "winners who buy again"),
    ):
        group.add_argument(name, type=kind, default=default, help=about)


if __name__ == "__main__":
    sys.exit(main())
