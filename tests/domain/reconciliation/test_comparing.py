"""A bill against our rows, both ways: each kind of difference, and none where there is none."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.clock import day_start, shanghai_day
from domain.database import reading, transaction
from domain.gateways.protocol import BillLine, BillLineKind
from domain.money import Fen
from domain.reconciliation.comparing import Difference, compare
from domain.reconciliation.downloading import DayOfAccount, find_day, keep_lines
from domain.reconciliation.planning import plan_days
from domain.reconciliation.reporting import list_tasks, write_csv
from domain.reconciliation.resolving import resolve_task
from domain.states import RefundState
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ON = date(2026, 11, 20)
NOON = day_start(ON) + 12 * HOUR


@pytest.fixture
def stage(database: object) -> Stage:
    """A merchant whose account is older than the day."""
    window = {"starts_at": NOON - 9 * DAY, "ends_at": NOON + 9 * DAY}
    made = make_stage(group_price_fen=1990, subsidy_fen=1000, **window)
    with transaction() as session:
        session.execute(
            text("UPDATE gateway_accounts SET created_at = :at WHERE id = :i"),
            {"at": NOON - DAY, "i": made.account_id},
        )
    return replace(made, start=NOON)


@pytest.fixture
def day(stage: Stage) -> DayOfAccount:
    return planned(stage, ON)


def planned(stage: Stage, on: date) -> DayOfAccount:
    with transaction() as session:
        [key] = plan_days(session, on, on, at=NOON + DAY, merchant_id=stage.merchant_id)
    return find_day(key)


def paid(stage: Stage, at: datetime = NOON) -> BillLine:
    """Have a leader pay; returns the line that the gateway writes of it."""
    order = stage.open(stage.shopper(), at)
    number = stage.add_payment(order, at)
    stage.succeed(number, at, amount_fen=1990)
    return BillLine(BillLineKind.PAYMENT, number, f"t-{number}", Fen(1990), at)


def refunded(stage: Stage, at: datetime = NOON) -> BillLine:
    """Have a refund accepted; returns the line that the gateway writes of it."""
    public_id = stage.refund_that(RefundState.ACCEPTED)
    with transaction() as session:
        session.execute(
            text("UPDATE refunds SET accepted_at = :at WHERE public_id = :no"),
            {"at": at, "no": public_id},
        )
    return BillLine(BillLineKind.REFUND, public_id, f"r-{public_id}", Fen(1990), at)


def compared(
    day: DayOfAccount, lines: list[BillLine], learnt: tuple[tuple[str, str], ...] = ()
) -> list[Difference]:
    with transaction() as session:
        keep_lines(session, day.key, lines)
        return compare(session, day, learnt=learnt, at=NOON + DAY)


def told(found: list[Difference]) -> set[tuple[Any, ...]]:
    return {(f.kind, f.subject, f.number, f.our_fen, f.their_fen) for f in found}


def test_equal_books_have_no_difference(stage: Stage, day: DayOfAccount) -> None:
    lines = [paid(stage), refunded(stage)]
    lines.append(line_of_payment_behind(stage, lines[1]))

    assert compared(day, lines) == []
    with reading() as session:
        counted = session.execute(text("SELECT lines, matched FROM reconciliations")).all()
    assert (3, 3) in [tuple(row) for row in counted]


def line_of_payment_behind(stage: Stage, refund: BillLine) -> BillLine:
    [(number, gateway_no, at)] = stage.rows(
        "SELECT p.public_id, p.transaction_no, p.succeeded_at FROM payments p"
        " JOIN refunds r ON r.payment_id = p.id WHERE r.public_id = :v",
        refund.number,
    )
    return BillLine(BillLineKind.PAYMENT, number, gateway_no, Fen(1990), at)


def test_missing_extra_and_changed_rows_are_exactly_three_tasks(
    stage: Stage, day: DayOfAccount
) -> None:
    good, missing, changed = paid(stage), paid(stage), paid(stage)
    extra = BillLine(BillLineKind.PAYMENT, "nobodys", "t-nobodys", Fen(500), NOON)

    found = compared(day, [good, extra, replace(changed, amount_fen=Fen(1991))])

    assert told(found) == {
        ("missing_there", "payment", missing.number, 1990, None),
        ("missing_here", "payment", "nobodys", None, 500),
        ("amount_differs", "payment", changed.number, 1990, 1991),
    }
    with reading() as session:
        tasks = list_tasks(session, stage.merchant_id, is_open=True)
    assert {(task.kind, task.number) for task in tasks} == {(f.kind, f.number) for f in found}


def test_line_written_twice_is_missing_here_once(stage: Stage, day: DayOfAccount) -> None:
    line = paid(stage)

    assert told(compared(day, [line, line])) == {
        ("missing_here", "payment", line.number, 1990, 1990)
    }


def test_other_transaction_under_our_number_is_not_ours(stage: Stage, day: DayOfAccount) -> None:
    line = paid(stage)

    [found] = compared(day, [replace(line, gateway_no="another")])

    assert found.kind == "missing_here"


def test_payment_of_another_day_is_late(stage: Stage, day: DayOfAccount) -> None:
    line = paid(stage, NOON + DAY)

    assert told(compared(day, [line])) == {("late", "payment", line.number, 1990, 1990)}


def test_what_the_bill_taught_us_is_late(stage: Stage, day: DayOfAccount) -> None:
    line = paid(stage)

    found = compared(day, [line], learnt=(("payment", line.number),))

    assert told(found) == {("late", "payment", line.number, 1990, 1990)}


def test_days_end_at_midnight_in_shanghai(stage: Stage, day: DayOfAccount) -> None:
    midnight = day_start(ON + DAY)
    last, first = paid(stage, midnight - timedelta(seconds=1)), paid(stage, midnight)
    assert shanghai_day(first.at) == ON + DAY

    assert [f.number for f in compared(day, [])] == [last.number]
    assert [f.number for f in compared(planned(stage, ON + DAY), [])] == [first.number]


def test_refund_on_either_side_of_midnight_is_no_difference(
    stage: Stage, day: DayOfAccount
) -> None:
    """The gateway books it by its clock before its answer reaches ours."""
    midnight = day_start(ON + DAY)
    before, after = refunded(stage, midnight - HOUR / 60), refunded(stage, midnight + HOUR / 60)
    their_lines = [replace(after, at=midnight - timedelta(seconds=1))]

    ours = {f.number for f in compared(day, their_lines) if f.subject == "refund"}
    theirs = compared(planned(stage, ON + DAY), [before])

    assert ours == set()
    assert [f for f in theirs if f.subject == "refund"] == []


def test_repeated_comparison_settles_what_agrees_now(stage: Stage, day: DayOfAccount) -> None:
    line = paid(stage)
    compared(day, [])

    assert compared(day, [line]) == []
    with reading() as session:
        [task] = list_tasks(session, stage.merchant_id)
    assert (task.kind, task.resolved_by) == ("missing_there", "system")


def test_resolved_difference_stays_resolved(stage: Stage, day: DayOfAccount) -> None:
    paid(stage)
    compared(day, [])
    with transaction() as session:
        [task] = list_tasks(session, stage.merchant_id)
        resolve_task(
            session,
            task.id,
            merchant_id=stage.merchant_id,
            reason="gateway confirmed by mail",
            who="staff:1",
            at=NOON + DAY,
        )

    compared(day, [])

    with reading() as session:
        assert list_tasks(session, stage.merchant_id, is_open=True) == []
        [kept] = list_tasks(session, stage.merchant_id)
    assert kept.resolution == "gateway confirmed by mail"


def test_another_account_does_not_answer_for_a_line(stage: Stage, day: DayOfAccount) -> None:
    other = make_stage()
    line = paid(other, other.start)

    assert told(compared(day, [replace(line, at=NOON)])) == {
        ("missing_here", "payment", line.number, None, 1990)
    }


def test_csv_has_each_line_and_what_the_bill_lacks(stage: Stage, day: DayOfAccount) -> None:
    good, missing = paid(stage), paid(stage)
    risky = BillLine(BillLineKind.PAYMENT, "=cmd()", "t", Fen(5), NOON)
    compared(day, [good, risky])
    with reading() as session:
        public_id = session.execute(
            text("SELECT public_id FROM reconciliations WHERE id = :i"), {"i": day.key[1]}
        ).scalar_one()
        content = write_csv(session, day, public_id)

    head, *rows = content.removeprefix("\ufeff").splitlines()
    assert head.startswith("result,subject,number,gateway_no,our_fen,their_fen")
    assert {tuple(row.split(",")[:3]) for row in rows} == {
        ("matched", "payment", good.number),
        ("missing_there", "payment", missing.number),
        ("missing_here", "payment", "'=cmd()"),
    }
