"""One merchant's world in which everything has happened that the audit looks at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from domain import work
from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import BuyAlone
from domain.checkout.giving_up import give_up_order
from domain.checkout.reacting import consume_facts
from domain.checkout.settling import fold_campaigns, settle_due_groups
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.notices.writing import write_notices
from domain.settlement.applying_payments import Applied
from domain.settlement.applying_refunds import move_refund
from domain.settlement.releasing import (
    DRIVE_PAYMENT,
    Candidate,
    find_overdue_releases,
    free_overdue,
    record_closed,
)
from domain.states import RefundState
from tests.scenarios.stage import Stage, make_stage

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

Shopper = tuple[int, int]


@dataclass
class World:
    """A stage with hands for what the stage itself does not do."""

    stage: Stage
    named: dict[str, Any] = field(default_factory=dict)

    @property
    def start(self) -> datetime:
        return self.stage.start

    def add_payment(self, order: dict[str, Any], at: datetime) -> str:
        """Insert a payment together with the work that drives it."""
        number = self.stage.add_payment(order, at)
        with transaction() as session:
            key = (self.stage.merchant_id, self.id_of("payments", number))
            work.put(session, DRIVE_PAYMENT, [key], due_at=at + MINUTE)
        return number

    def pay(self, order: dict[str, Any], at: datetime) -> None:
        number = self.add_payment(order, at)
        applied = self.stage.succeed(number, at, amount_fen=order["payable_fen"])
        assert applied is Applied.SEATED

    def id_of(self, table: str, public_id: str) -> int:
        statement = f"SELECT id FROM {table} WHERE public_id = :v"  # noqa: S608 - constants only
        found: int = self.stage.one(statement, public_id)
        return found

    def open(self, at: datetime, shopper: Shopper | None = None, **values: Any) -> str:
        """Open a group and pay its leader's seat; returns its public id."""
        order = self.stage.open(shopper or self.stage.shopper(), at, **values)
        if order["payable_fen"]:
            self.pay(order, at)
        group_id: str = order["group_id"]
        return group_id

    def join(
        self, group_id: str, at: datetime, shopper: Shopper | None = None, **values: Any
    ) -> dict[str, Any]:
        """Join a group and pay; returns the order as it was placed."""
        order = self.stage.join(shopper or self.stage.shopper(), group_id, at, **values)
        if order["payable_fen"]:
            self.pay(order, at)
        return order

    def give_up(self, shopper: Shopper, order: dict[str, Any], at: datetime) -> None:
        key = RequestKey.of(
            shopper[0], f"shopper:{shopper[1]}", f"give-up-{order['id']}", order["id"]
        )
        give_up_order(shopper, order["id"], key, at=at)

    def move_refunds(self, order: dict[str, Any], *to: RefundState, at: datetime) -> None:
        """Move an order's refunds as a gateway's answers would."""
        order_id = self.id_of("orders", order["id"])
        refunds = self.stage.rows("SELECT id FROM refunds WHERE order_id = :v", order_id)
        for (refund_id,) in refunds:
            for state in to:
                with transaction() as session:
                    key = (self.stage.merchant_id, refund_id)
                    assert move_refund(session, key, order_id, state, at=at, actor="test")

    def close_payment(self, order: dict[str, Any], number: str, at: datetime) -> None:
        """Record that the gateway closed a payment."""
        order_id = self.id_of("orders", order["id"])
        group_id = self.stage.one("SELECT group_id FROM orders WHERE id = :v", order_id)
        candidate = Candidate(self.stage.merchant_id, order_id, group_id)
        with transaction() as session:
            record_closed(session, candidate, self.id_of("payments", number), at=at)

    def settle(self, at: datetime) -> None:
        while settle_due_groups(at=at):
            pass

    def fold(self, at: datetime) -> None:
        fold_campaigns(at=at)

    def notify(self, at: datetime) -> None:
        while consume_facts(
            "notify", lambda s, facts, when: write_notices(s, facts, at=when), at=at
        ):
            pass

    def free_overdue(self, at: datetime) -> None:
        with transaction() as session:
            free_overdue(session, find_overdue_releases(session, at=at, limit=500), at=at)


def _form(world: World, at: datetime) -> None:
    group = world.open(at)
    world.join(group, at + MINUTE)
    world.join(group, at + 2 * MINUTE)
    world.named["formed"] = group


def _fail(world: World, at: datetime) -> None:
    shopper = world.stage.shopper()
    group = world.open(at, shopper)
    world.named["refunded"] = world.join(group, at + MINUTE)
    world.named |= {"failed": group, "credited": shopper}


def _hold_a_grant(world: World, at: datetime) -> None:
    group = world.open(at)
    world.join(group, at + MINUTE, world.stage.shopper(flag="review"))


def _pay_in_time_but_be_heard_late(world: World, at: datetime) -> None:
    group = world.open(at)
    deadline = at + DAY
    order = world.stage.join(world.stage.shopper(), group, deadline - 2 * MINUTE)
    world.named["heard_late"] = world.add_payment(order, deadline - 2 * MINUTE)


def _pay_too_late(world: World, at: datetime) -> None:
    group = world.open(at)
    deadline = at + DAY
    order = world.stage.join(world.stage.shopper(), group, deadline - 2 * MINUTE)
    world.named["late"] = world.add_payment(order, deadline - 2 * MINUTE)


def _stay_releasing(world: World, at: datetime) -> None:
    group = world.open(at)
    deadline = at + DAY
    order = world.stage.join(world.stage.shopper(), group, deadline - 2 * MINUTE)
    world.add_payment(order, deadline - 2 * MINUTE)
    world.named["releasing"] = order


def _leave(world: World, at: datetime) -> None:
    leader, follower = world.stage.shopper(), world.stage.shopper()
    order = world.stage.open(leader, at)
    world.pay(order, at)
    world.join(order["group_id"], at + MINUTE, follower)
    world.give_up(leader, order, at + 2 * MINUTE)
    world.named["left"] = order
    alone = world.stage.shopper()
    order = world.stage.open(alone, at)
    world.pay(order, at)
    world.give_up(alone, order, at + 2 * MINUTE)


def _let_holds_run_out(world: World, at: datetime) -> None:
    world.stage.open(world.stage.shopper(), at)
    shopper = world.stage.shopper()
    world.give_up(shopper, world.stage.open(shopper, at), at + MINUTE)
    order = world.stage.open(world.stage.shopper(), at)
    world.add_payment(order, at)
    world.named["overdue"] = order
    world.stage.expire(at + 5 * MINUTE)


def _confirm_another_amount(world: World, at: datetime) -> None:
    order = world.stage.open(world.stage.shopper(), at)
    number = world.add_payment(order, at)
    world.stage.succeed(number, at + MINUTE, amount_fen=1000, is_confirmed=True)


def _pay_what_is_closed(world: World, at: datetime) -> None:
    group = world.open(at)
    order = world.stage.join(world.stage.shopper(), group, at + MINUTE)
    number = world.add_payment(order, at + MINUTE)
    world.close_payment(order, number, at + 2 * MINUTE)
    world.pay(order, at + 3 * MINUTE)
    world.stage.succeed(number, at + 3 * MINUTE)


def _buy_alone(world: World, at: datetime) -> None:
    shopper = world.stage.shopper()
    world.pay(buy_alone(BuyAlone(world.stage.basket(shopper)), at=at), at)
    buy_alone(BuyAlone(world.stage.basket(shopper)), at=at)
    world.stage.expire(at + 15 * MINUTE)


_STORIES: tuple[Callable[[World, datetime], None], ...] = (
    _form,
    _fail,
    _hold_a_grant,
    _pay_in_time_but_be_heard_late,
    _pay_too_late,
    _stay_releasing,
    _leave,
    _let_holds_run_out,
    _confirm_another_amount,
    _pay_what_is_closed,
    _buy_alone,
)


def _settle_the_day(world: World, at: datetime) -> None:
    stage = world.stage
    world.settle(at)
    stage.succeed(world.named["heard_late"], at - SECOND, at=at + MINUTE)
    stage.succeed(world.named["late"], at, at=at + MINUTE)
    world.free_overdue(at)
    world.notify(at + MINUTE)
    world.move_refunds(
        world.named["refunded"],
        RefundState.SENDING,
        RefundState.ACCEPTED,
        RefundState.ARRIVED,
        at=at + MINUTE,
    )
    world.move_refunds(
        world.named["left"], RefundState.SENDING, RefundState.NEEDS_FUNDS, at=at + MINUTE
    )
    world.fold(at + MINUTE)


def _spend_the_wallet(world: World, at: datetime) -> None:
    """A shopper whose groups failed twice pays a seat that forms, one that fails, one that ends."""
    stage, shopper = world.stage, world.named["credited"]
    group = world.open(at, shopper)
    world.settle(at + DAY)
    at += DAY + MINUTE
    group = world.open(at)
    world.join(group, at, shopper, use_wallet=True)
    world.join(group, at)
    for use in range(3):
        other = stage.shopper()
        with transaction() as session:
            session.execute(
                text("UPDATE shoppers SET nickname = '小红' WHERE merchant_id = :m AND id = :i"),
                {"m": other[0], "i": other[1]},
            )
        for _ in range(2):
            world.open(at, other)
        world.settle(at + DAY)
        order = stage.open(other, at + DAY, use_wallet=True)
        if use == 0:
            world.settle(at + 2 * DAY)
        elif use == 1:
            world.give_up(other, order, at + DAY + MINUTE)
        at += 3 * DAY


def play() -> World:
    """Play every story; leaves open groups, held seats and unfolded movements behind."""
    world = World(make_stage(daily_cash_cap_fen=2500, group_price_fen=1990, subsidy_fen=1000))
    for story in _STORIES:
        story(world, world.start)
    _settle_the_day(world, world.start + DAY)
    _spend_the_wallet(world, world.start + 2 * DAY)
    at = world.start + 20 * DAY
    world.named["open"] = world.open(at)
    order = world.stage.join(world.stage.shopper(), world.named["open"], at)
    world.add_payment(order, at)
    world.named["held"] = order
    return world
