import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from bench.playing.agenda import Agenda, Performer
from bench.playing.day import Day
from bench.playing.setting_up import Offer
from bench.shoppers.calling import Caller
from bench.shoppers.drawing import Arrival, Intent, Opening, Person
from bench.shoppers.journal import Journal
from bench.shoppers.phone import Mall

START = datetime(2026, 11, 23, 16, tzinfo=UTC)
END = START + timedelta(hours=24)
STEP = timedelta(minutes=15)
OFFER = Offer("campaign", "chips", "nuts", END)


class TinyMall:
    """One group of three in memory, and what was called; `subsidised` says how it ended."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.bodies: dict[str, list[Any]] = {}
        self.subsidised = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        for pattern, method, answer in self.routes:
            found = re.fullmatch(pattern, request.url.path)
            if found and method == request.method:
                self.calls.append(answer)
                self.bodies.setdefault(answer, []).append(body)
                status, told = getattr(self, f"_{answer}")(*found.groups(), body)
                return httpx.Response(status, json=told)
        raise AssertionError(f"{request.method} {request.url.path}")

    routes = (
        ("/control/codes", "POST", "code"),
        ("/shopper/pay", "POST", "pay"),
        ("/v1/auth/sessions", "POST", "sign_in"),
        ("/v1/campaigns/campaign", "GET", "campaign"),
        ("/v1/campaigns/campaign/groups", "GET", "groups"),
        ("/v1/campaigns/campaign/groups", "POST", "open"),
        ("/v1/groups/group/orders", "POST", "join"),
        ("/v1/groups/group/shares", "POST", "share"),
        ("/v1/groups/group", "GET", "group"),
        ("/v1/shares/(.+)", "GET", "visit"),
        ("/v1/orders", "POST", "buy"),
        ("/v1/orders/(.+)/payments", "POST", "prepare"),
        ("/v1/orders/(.+)/cancellation", "POST", "leave"),
        ("/v1/orders/(.+)", "GET", "order"),
        ("/v1/me/results", "GET", "results"),
    )

    @property
    def taken(self) -> int:
        return sum(order["state"] == "paid" for order in self.orders.values())

    def _code(self, body: Any) -> tuple[int, Any]:
        return 200, {"code": "c", "openid": body["openid"]}

    def _sign_in(self, _: Any) -> tuple[int, Any]:
        return 201, {"access_token": "t", "refresh_token": "r"}

    def _campaign(self, _: Any) -> tuple[int, Any]:
        return 200, {}

    def _group(self, _: Any) -> tuple[int, Any]:
        return 200, {}

    def _results(self, _: Any) -> tuple[int, Any]:
        return 200, {"items": []}

    def _groups(self, _: Any) -> tuple[int, Any]:
        return 200, {"items": [{"id": "group"}] if self.taken < 3 else []}

    def _open(self, _: Any) -> tuple[int, Any]:
        return 201, self._placed()

    def _join(self, _: Any) -> tuple[int, Any]:
        if self.taken == 3:
            return 409, {"code": "group_full"}
        return 201, self._placed()

    def _buy(self, body: Any) -> tuple[int, Any]:
        order = self._placed()
        order |= {"group_id": None, "payable_fen": 0 if body["use_wallet"] else 2500}
        return 201, order

    def _placed(self) -> dict[str, Any]:
        name = f"order-{len(self.orders) + 1}"
        self.orders[name] = {
            "id": name,
            "group_id": "group",
            "state": "placed",
            "payable_fen": 1990,
            "subsidy": None,
        }
        return self.orders[name]

    def _share(self, _: Any) -> tuple[int, Any]:
        return 201, {"token": "token"}

    def _visit(self, _token: str, _: Any) -> tuple[int, Any]:
        return 200, {"group": {"state": "open", "seats_left": 3 - self.taken}}

    def _prepare(self, order_id: str, _: Any) -> tuple[int, Any]:
        return 201, {"client_parameters": {"package": order_id}}

    def _pay(self, body: Any) -> tuple[int, Any]:
        self.orders[body["package"]]["state"] = "paid"
        return 200, {"errMsg": "requestPayment:ok"}

    def _leave(self, order_id: str, _: Any) -> tuple[int, Any]:
        self.orders[order_id]["state"] = "refunding"
        return 201, self.orders[order_id]

    def _order(self, order_id: str, _: Any) -> tuple[int, Any]:
        order = dict(self.orders[order_id])
        if self.subsidised:
            order |= {"state": "refunded", "subsidy": {"state": "issued"}}
        return 200, order


class StillClock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def jump_to(self, at: datetime) -> None:
        self.at = max(self.at, at)


def person(number: str, *friends: Arrival, **changes: Any) -> Person:
    plain = Person(number, "王小芳", True, True, Intent.PAY, friends, None, None, None)
    return replace(plain, **changes)


def after(hours: float, who: Person) -> Arrival:
    return Arrival(timedelta(hours=hours), who)


def play(mall: TinyMall, opener: Person, *strangers: Arrival) -> Day:
    caller = Caller("http://mall", Journal(), transport=httpx.MockTransport(mall))
    clock = StillClock()
    day = Day(
        Mall(caller, caller, "wxapp", "run", sleep=lambda _: None),
        OFFER,
        clock,
        starts_at=START,
        step=STEP,
    )
    agenda = Agenda()
    for at, event in day.plan([Opening(timedelta(hours=1), opener, strangers)]):
        agenda.add(at, event)
    Performer(clock, 1, step=STEP).perform(agenda, until=END, on_step=lambda _: None)
    return day


def come_back(day: Day) -> None:
    agenda = Agenda()
    for member in day.notes.members:
        agenda.add(END, day.plan_return(member))
    morning = END + timedelta(hours=12)
    Performer(StillClock(), 1, step=STEP).perform(agenda, until=morning, on_step=lambda _: None)


def test_an_opener_pays_and_shares_and_friends_of_friends_fill_the_group() -> None:
    mall = TinyMall()
    second = person("1.0.0")
    first = person("1.0", after(1, second))

    day = play(mall, person("1", after(1, first)))

    assert mall.taken == 3
    assert [member.person.number for member in day.notes.members] == ["1", "1.0", "1.0.0"]
    assert mall.bodies["join"][0]["share_token"] == "token"
    assert day.notes.problems == []


def test_a_friend_who_meets_a_full_group_does_not_register() -> None:
    mall = TinyMall()
    friends = [after(hours, person(f"1.{hours}")) for hours in (1, 2, 3)]

    play(mall, person("1", *friends))

    assert mall.calls.count("visit") == 3
    assert mall.calls.count("sign_in") == 3


def test_a_friend_who_does_not_visit_calls_nothing() -> None:
    mall = TinyMall()

    play(mall, person("1", after(1, person("1.0", visits=False))))

    assert "visit" not in mall.calls


def test_who_only_looks_registers_and_places_no_order() -> None:
    mall = TinyMall()

    play(mall, person("1", after(1, person("1.0", intent=Intent.LOOK))))

    assert mall.calls.count("sign_in") == 2
    assert "join" not in mall.calls


def test_who_never_pays_leaves_an_order_behind() -> None:
    mall = TinyMall()

    play(mall, person("1", after(1, person("1.0", intent=Intent.NEVER_PAY))))

    assert [order["state"] for order in mall.orders.values()] == ["paid", "placed"]


def test_who_pays_late_tries_when_the_hold_is_over() -> None:
    mall = TinyMall()

    day = play(mall, person("1", after(1, person("1.0", intent=Intent.PAY_LATE))))

    assert mall.calls.count("pay") == 2
    assert day.notes.refusals["paid_too_late"] == 1


def test_a_member_who_wants_to_leave_leaves() -> None:
    mall = TinyMall()

    play(mall, person("1", leaves_after=timedelta(hours=2)))

    assert mall.calls.count("leave") == 1


def test_a_stranger_joins_from_the_campaigns_page() -> None:
    mall = TinyMall()

    play(mall, person("1"), after(1, person("1.s0")))

    assert mall.taken == 2
    assert "share_token" not in mall.bodies["join"][0]


def test_friends_who_would_come_after_the_deadline_do_not_come() -> None:
    mall = TinyMall()

    play(mall, person("1", after(30, person("1.0"))))

    assert "visit" not in mall.calls


def test_a_subsidised_member_spends_the_wallet() -> None:
    mall = TinyMall()
    day = play(mall, person("1", uses_wallet_after=timedelta(hours=2)))
    mall.subsidised = True

    come_back(day)

    (bought,) = mall.bodies["buy"]
    assert (bought["variant_id"], bought["use_wallet"]) == ("nuts", True)


def test_a_winner_buys_again_and_a_loser_does_not() -> None:
    buys = timedelta(hours=2)
    won, lost = TinyMall(), TinyMall()
    winners = play(won, person("1", buys_again_after=buys))
    losers = play(lost, person("1", buys_again_after=buys))
    lost.subsidised = True

    come_back(winners)
    come_back(losers)

    assert won.calls.count("buy") == 1
    assert lost.calls.count("buy") == 0


def test_a_refusal_that_nobody_should_meet_is_a_problem() -> None:
    mall = TinyMall()
    mall._open = lambda _: (409, {"code": "budget_exhausted"})

    day = play(mall, person("1"))

    assert day.notes.problems == ["open: 409 budget_exhausted"]
