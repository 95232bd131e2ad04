"""A stage for races: many connections, a start at noon, and payments that have their work row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from domain import clock, work
from domain.auditing.running import audit
from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import BuyAlone
from domain.checkout.giving_up import give_up_order
from domain.checkout.settling import fold_campaigns
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.public_ids import new_public_id
from domain.settlement.releasing import DRIVE_PAYMENT
from tests.factories.campaigns import make_campaign
from tests.factories.shoppers import make_shoppers
from tests.scenarios.stage import Stage, make_stage

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
MILLISECOND = timedelta(milliseconds=1)

Shopper = tuple[int, int]

_ADD_PAYMENT = text(
    """
    INSERT INTO payments (merchant_id, public_id, order_id, gateway_account_id, state, amount_fen,
        prepay_id, expires_at, created_at, moved_at, moved_by)
    SELECT merchant_id, :number, id, :account, 'created', payable_fen, 'p', hold_expires_at, :at,
        :at, 'test'
    FROM orders WHERE merchant_id = :m AND public_id = :order
    RETURNING id
    """
)


@dataclass
class Arena(Stage):
    """A stage on which many act at once; `start` is noon in Shanghai, tomorrow."""

    def shoppers(self, count: int) -> list[Shopper]:
        with transaction() as session:
            made = make_shoppers(session, self.merchant_id, count)
        return [(self.merchant_id, shopper.id) for shopper in made]

    def add_payment(self, order: dict[str, Any], at: datetime, *, state: str = "pending") -> str:
        """Insert a payment and its work as preparing one would leave them; returns its number."""
        number = new_public_id()
        with transaction() as session:
            payment_id = session.execute(
                _ADD_PAYMENT,
                {
                    "number": number,
                    "account": self.account_id,
                    "at": at,
                    "m": self.merchant_id,
                    "order": order["id"],
                },
            ).scalar_one()
            session.execute(
                text("UPDATE payments SET state = :state WHERE public_id = :number"),
                {"state": state, "number": number},
            )
            work.put(session, DRIVE_PAYMENT, [(self.merchant_id, payment_id)], due_at=at)
        return number

    def buy_alone(self, shopper: Shopper, at: datetime, **values: Any) -> dict[str, Any]:
        return buy_alone(BuyAlone(self.basket(shopper, **values)), at=at)

    def buy_for_points(self, shopper: Shopper, at: datetime) -> dict[str, Any]:
        return buy_alone(BuyAlone(self.basket(shopper), for_points=True), at=at)

    def leave(self, shopper: Shopper, order: dict[str, Any], at: datetime) -> dict[str, Any]:
        key = self.basket(shopper).key
        return give_up_order(shopper, order["id"], key, at=at)

    def request_key(self, shopper: Shopper, key: str) -> RequestKey:
        return RequestKey.of(self.merchant_id, f"shopper:{shopper[1]}", key, key)

    def earn(self, shopper: Shopper, amount_fen: int) -> None:
        """Give a shopper a wallet: by a group that fails, a day before `start`."""
        with transaction() as session:
            campaign = make_campaign(
                session,
                self.merchant_id,
                subsidy_fen=amount_fen,
                group_price_fen=2 * amount_fen,
                budget_fen=1000 * amount_fen,
                starts_at=self.start - 3 * DAY,
            )
        elsewhere = replace(self, campaign=campaign)
        begun = self.start - 2 * DAY
        order = elsewhere.open(shopper, begun)
        elsewhere.pay(order, begun)
        elsewhere.settle(order["group_id"], begun + DAY)

    def group_key(self, group_id: str) -> tuple[int, int]:
        return (self.merchant_id, self.group(group_id)["id"])

    def assert_sound(self, at: datetime) -> None:
        """Recount every invariant from the rows."""
        assert_sound(at)


def make_arena(**campaign: Any) -> Arena:
    """Build a merchant with a gateway account and a published campaign."""
    stage = make_stage(**campaign)
    start = clock.day_start(clock.shanghai_day(clock.real_now()) + DAY) + timedelta(hours=12)
    return Arena(stage.merchant_id, stage.campaign, stage.account_id, start)


def assert_sound(at: datetime) -> None:
    """Fold what is to be folded, and recount every invariant from the rows."""
    fold_campaigns(at=at)
    report = audit(at=at)
    assert report.is_ok, report.to_text()


def raised(ends: Sequence[Any]) -> list[Exception]:
    """Pick what was raised."""
    return [end for end in ends if isinstance(end, Exception)]


def returned(ends: Sequence[Any]) -> list[Any]:
    """Pick what was returned."""
    return [end for end in ends if not isinstance(end, Exception)]
