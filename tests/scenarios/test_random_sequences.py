"""Whatever shoppers, staff, gateways and time do in whatever order: the audit stays clean."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import text

from domain import clock
from domain.auditing.running import audit
from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import BuyAlone
from domain.database import transaction
from domain.errors import DomainError
from domain.interventions.pushing import Push, order_push
from domain.merchants.auditing import StaffActor
from domain.merchants.changing_settings import change_settings
from domain.merchants.rules import Role
from domain.referrals.visiting import Visitor, visit_share
from domain.settlement.clawing_back import ClawBack, claw_back
from domain.settlement.issuing import Source
from domain.subsidies.segments import Segment
from domain.terms import Caps, Levers, Limits, RewardRule, SubsidyKind, SubsidyRule
from tests.domain.auditing.world import World
from tests.factories.instruments import make_coupon, make_gift
from tests.factories.staff import make_staff
from tests.scenarios.stage import make_stage

pytestmark = pytest.mark.transactional

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
LIMITS = Limits(open_groups=50, participations_per_day=50, expired_holds_per_day=50)
CAMPAIGNS: tuple[dict[str, Any], ...] = (
    {"subsidy": SubsidyRule(SubsidyKind.CASH, 1000), "group_size": 2},
    {
        "subsidy": SubsidyRule(
            SubsidyKind.CASH,
            600,
            least_fen=100,
            new_shopper_fen=200,
            invite_fen=100,
            invites_most=2,
            delay_seconds=3600,
        ),
        "levers": Levers(full_from_seats=2, consolation_fen=50, least_paid_seconds=1800),
        "caps": Caps(day_fen=1500, month_fen=4000, failures=4),
        "reward": RewardRule(formed_fen=500, failed_fen=300, threshold_fen=1500),
    },
    {
        "subsidy": SubsidyRule(SubsidyKind.COUPON, 700, threshold_fen=1500, valid_days=2),
        "caps": Caps(day_fen=1400),
        "group_size": 2,
        "reward": RewardRule(failed_fen=200),
    },
    {"subsidy": SubsidyRule(SubsidyKind.POINTS, 800, least_fen=200)},
    {"subsidy": SubsidyRule(SubsidyKind.PASS, 1500, valid_days=3)},
    {"subsidy": SubsidyRule(SubsidyKind.CASH, 300), "group_price_fen": 1200, "group_size": 2},
)
EXTERNAL = SubsidyRule(SubsidyKind.EXTERNAL_POINTS, 500, least_fen=100, point_fen=100)
MEANS = st.fixed_dictionaries(
    {"coupon": st.booleans(), "points": st.booleans(), "wallet": st.booleans()}
) | st.just({"pass": True})
_OWN = """
    SELECT public_id FROM instruments
    WHERE shopper_id = :v AND kind = '{kind}' AND state = 'issued' ORDER BY id LIMIT 1
"""
_SOURCES = """
    SELECT 'grant', id FROM grants WHERE merchant_id = :v AND issued_at IS NOT NULL
    UNION ALL SELECT 'reward', id FROM rewards WHERE merchant_id = :v
    UNION ALL SELECT 'gift', id FROM gifts WHERE merchant_id = :v ORDER BY 1, 2
"""
_CAN_PAY = """
    SELECT o.state = 'placed' AND NOT EXISTS (
        SELECT FROM payments p
        WHERE p.order_id = o.id AND p.merchant_id = o.merchant_id
          AND p.state IN ('created', 'pending', 'unknown', 'succeeded'))
    FROM orders o WHERE o.public_id = :v
"""


class Trading(RuleBasedStateMachine):
    """A merchant's days."""

    @initialize(cap_fen=st.sampled_from([None, 1800, 5000]), failures=st.sampled_from([None, 3]))
    def begin(self, cap_fen: int | None, failures: int | None) -> None:
        stage = make_stage(daily_subsidy_cap_fen=cap_fen, limits=LIMITS)
        with transaction() as session:
            changes = {"daily_failures_cap": failures, "points_valid_days": 2}
            changes |= {"goodwill_budget_fen": 5000}
            change_settings(session, stage.merchant_id, changes)
            self.staff_id = make_staff(session, stage.merchant_id).id
        self.world = World(stage)
        self.shops = [self.world.with_campaign(limits=LIMITS, **c) for c in CAMPAIGNS]
        programme_id = self.world.add_programme(stage.start, per_yuan=1)
        external = replace(EXTERNAL, programme_id=programme_id)
        caps = Caps(day_fen=750)
        self.shops.append(self.world.with_campaign(limits=LIMITS, subsidy=external, caps=caps))
        self.shoppers = [stage.shopper() for _ in range(5)]
        self.groups: list[tuple[World, str]] = []
        self.orders: list[tuple[tuple[int, int], dict[str, Any]]] = []
        self.payments: list[tuple[str, int]] = []
        self.tokens: list[tuple[str, str]] = []
        self.at = stage.start

    def _try(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except DomainError:
            return None

    def _means(self, shopper: tuple[int, int], wanted: dict[str, bool]) -> dict[str, Any]:
        stage = self.world.stage
        using: dict[str, Any] = {}
        for kind in ("coupon", "pass"):
            found = stage.rows(_OWN.format(kind=kind), shopper[1])
            if wanted.get(kind) and found:
                using[f"{kind}_id"] = found[0][0]
        return using | {f"use_{name}": True for name in ("points", "wallet") if wanted.get(name)}

    def _placed(self, shopper: tuple[int, int], order: dict[str, Any] | None) -> None:
        if order is not None:
            self.orders.append((shopper, order))

    @rule(shop=st.integers(0, 6), who=st.integers(0, 4), means=MEANS)
    def open(self, shop: int, who: int, means: dict[str, bool]) -> None:
        shopper, of = self.shoppers[who], self.shops[shop]
        using = self._means(shopper, means)
        order = self._try(lambda: of.stage.open(shopper, self.at, **using))
        self._placed(shopper, order)
        if order is not None:
            self.groups.append((of, order["group_id"]))

    @rule(number=st.integers(0, 9), who=st.integers(0, 4), means=MEANS, is_shared=st.booleans())
    def join(self, number: int, who: int, means: dict[str, bool], is_shared: bool) -> None:
        if not self.groups:
            return
        of, group_id = self.groups[-1 - number % len(self.groups)]
        shopper = self.shoppers[who]
        using = self._means(shopper, means)
        tokens = [token for shared, token in self.tokens if shared == group_id]
        if is_shared and tokens:
            using["share_token"] = tokens[-1]
        self._placed(shopper, self._try(lambda: of.stage.join(shopper, group_id, self.at, **using)))

    @rule(who=st.integers(0, 4), means=MEANS)
    def buy(self, who: int, means: dict[str, bool]) -> None:
        shopper = self.shoppers[who]
        basket = self.world.stage.basket(shopper, **self._means(shopper, means))
        self._placed(shopper, self._try(lambda: buy_alone(BuyAlone(basket), at=self.at)))

    @rule(number=st.integers(0, 9))
    def prepare(self, number: int) -> None:
        unpaid = [o for _, o in self.orders if o["state"] == "placed" and o["payable_fen"]]
        if unpaid:
            order = unpaid[-1 - number % len(unpaid)]
            if self.world.stage.one(_CAN_PAY, order["id"]):
                added = self.world.add_payment(order, self.at)
                self.payments.append((added, order["payable_fen"]))

    @rule(number=st.integers(0, 4), delay=st.sampled_from([0, 0, 0, 1, 20]))
    def pay(self, number: int, delay: int) -> None:
        """The gateway took the money, and says so at once, or minutes later."""
        if self.payments:
            paid, fen = self.payments[-1 - number % len(self.payments)]
            paid_at, self.at = self.at, self.at + delay * MINUTE
            self.world.stage.succeed(paid, paid_at, at=self.at, amount_fen=fen)

    @rule(number=st.integers(0, 9))
    def give_up(self, number: int) -> None:
        if self.orders:
            shopper, order = self.orders[-1 - number % len(self.orders)]
            self._try(lambda: self.world.give_up(shopper, order, self.at))

    @rule(number=st.integers(0, 9), who=st.integers(0, 4), visitor=st.integers(0, 4))
    def share(self, number: int, who: int, visitor: int) -> None:
        if self.groups:
            _, group_id = self.groups[-1 - number % len(self.groups)]
            token = self._try(lambda: self.world.share(self.shoppers[who], group_id, self.at))
            if token is not None:
                self.tokens.append((group_id, token))
                with transaction() as session:
                    visit_share(session, token, Visitor(self.shoppers[visitor]), at=self.at)

    @rule(minutes=st.sampled_from([1, 4, 16, 90, 700]))
    def wait(self, minutes: int) -> None:
        self.at += minutes * MINUTE

    @rule(ahead=st.sampled_from([-61, -1, 0, 1]))
    def come_to_midnight(self, ahead: int) -> None:
        """Come to Shanghai's next midnight, but for some seconds."""
        midnight = clock.day_start(clock.shanghai_day(self.at) + DAY)
        self.at = max(self.at, midnight + timedelta(seconds=ahead))

    @rule()
    def work(self) -> None:
        self.world.come_to_rest(self.at)

    @rule()
    def settle(self) -> None:
        self.world.stage.expire(self.at)
        self.world.settle(self.at)

    @rule()
    def expire(self) -> None:
        self.world.expire_values(self.at)

    @rule(who=st.integers(0, 4), kind=st.sampled_from(["coupon", "pass", "points", "cash"]))
    def give(self, who: int, kind: str) -> None:
        shopper = self.shoppers[who]
        with transaction() as session:
            if kind in ("points", "cash"):
                make_gift(session, shopper, SubsidyKind(kind), 400, at=self.at)
            else:
                value = 2500 if kind == "pass" else 500
                make_coupon(
                    session, shopper, value, at=self.at, kind=SubsidyKind(kind), valid_days=1
                )

    @rule(
        segment=st.sampled_from(Segment),
        value_fen=st.sampled_from([200, 700]),
        is_given=st.booleans(),
    )
    def push(self, segment: Segment, value_fen: int, is_given: bool) -> None:
        days = 1 if segment is Segment.DORMANT else None
        push = Push(segment, value_fen, "test", dormant_days=days, valid_days=1)
        actor = StaffActor(self.world.stage.merchant_id, self.staff_id, Role.OWNER)

        def order() -> None:
            with transaction() as session:
                order_push(session, actor, push, at=self.at)

        self._try(order)
        if is_given:
            self.world.give_pushes(self.at)

    @rule(number=st.integers(0, 99), most=st.sampled_from([None, 1, 150]))
    def take_back(self, number: int, most: int | None) -> None:
        merchant_id = self.world.stage.merchant_id
        found = self.world.stage.rows(_SOURCES, merchant_id)
        if found:
            source, source_id = found[number % len(found)]
            wanted = ClawBack(Source(source), (merchant_id, source_id), "test", most)

            def take() -> None:
                with transaction() as session:
                    claw_back(session, wanted, at=self.at, actor="staff:1")

            self._try(take)

    @rule(who=st.integers(0, 4), flag=st.sampled_from([None, "review"]))
    def flag(self, who: int, flag: str | None) -> None:
        with transaction() as session:
            session.execute(
                text("UPDATE shoppers SET flag = :flag WHERE id = :id"),
                {"flag": flag, "id": self.shoppers[who][1]},
            )

    def _look(self, at: datetime, *, at_rest: bool = False) -> None:
        report = audit(at=at, at_rest=at_rest)
        broken = [line for line in report.to_text().splitlines() if not line.startswith("ok")]
        assert report.is_ok, "\n".join(broken)

    @rule()
    def look(self) -> None:
        self._look(self.at)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self._look(self.at)
        for days in (0, 2, 3):
            self.world.come_to_rest(self.at + days * DAY)
            self.world.expire_values(self.at + days * DAY)
        self._look(self.at + 3 * DAY, at_rest=True)


def test_random_days_end_with_a_clean_audit(fresh_database: object) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Trading,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
