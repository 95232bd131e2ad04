"""A stage to play stories on: one merchant, one campaign, shoppers; instants are arguments."""

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import clock, work
from domain.checkout.commands import Basket, JoinGroup, OpenGroup
from domain.checkout.joining import join_group
from domain.checkout.opening import open_group
from domain.database import reading, transaction
from domain.idempotency import RequestKey
from domain.public_ids import new_public_id
from domain.settlement.applying_payments import Applied, SuccessfulPayment, apply_payment
from domain.settlement.applying_refunds import move_refund
from domain.settlement.failing import settle_groups
from domain.settlement.refunding import WORK as DRIVE_REFUND
from domain.settlement.releasing import expire_holds, find_expired_holds, record_asked
from domain.states import RefundState
from tests.factories.campaigns import MadeCampaign, make_campaign
from tests.factories.gateway_accounts import make_gateway_account
from tests.factories.merchants import make_merchant
from tests.factories.shoppers import make_shopper

_numbers = itertools.count(1)
MINUTE = timedelta(minutes=1)


@dataclass
class Stage:
    """A merchant's world; `start` is a round instant at which its stories begin."""

    merchant_id: int
    campaign: MadeCampaign
    account_id: int
    start: datetime

    def shopper(self, **values: Any) -> tuple[int, int]:
        with transaction() as session:
            made = make_shopper(session, self.merchant_id, **values)
        return (self.merchant_id, made.id)

    def basket(self, shopper: tuple[int, int], **values: Any) -> Basket:
        number = f"k{next(_numbers)}"
        return Basket(
            shopper=shopper,
            key=RequestKey.of(self.merchant_id, f"shopper:{shopper[1]}", number, number),
            variant_id=self.campaign.variant.public_id,
            **values,
        )

    def open(self, shopper: tuple[int, int], at: datetime, **values: Any) -> dict[str, Any]:
        return open_group(OpenGroup(self.basket(shopper, **values), self.campaign.public_id), at=at)

    def join(
        self, shopper: tuple[int, int], group_id: str, at: datetime, **values: Any
    ) -> dict[str, Any]:
        return join_group(JoinGroup(self.basket(shopper, **values), group_id), at=at)

    def add_payment(self, order: dict[str, Any], at: datetime, *, state: str = "pending") -> str:
        """Insert a payment as preparing one at a gateway would leave it; returns its number."""
        number = new_public_id()
        with transaction() as session:
            session.execute(
                text(
                    """
                    INSERT INTO payments (merchant_id, public_id, order_id, gateway_account_id,
                        state, amount_fen, prepay_id, expires_at, created_at, moved_at, moved_by)
                    SELECT merchant_id, :number, id, :account, 'created', payable_fen, 'p',
                        hold_expires_at, :at, :at, 'test'
                    FROM orders WHERE merchant_id = :m AND public_id = :order
                    """
                ),
                {
                    "number": number,
                    "account": self.account_id,
                    "at": at,
                    "m": self.merchant_id,
                    "order": order["id"],
                },
            )
            session.execute(
                text("UPDATE payments SET state = 'pending' WHERE public_id = :n"), {"n": number}
            )
        return number

    def succeed(
        self, number: str, succeeded_at: datetime, *, at: datetime | None = None, **values: Any
    ) -> Applied:
        paid = SuccessfulPayment(
            gateway_account=(self.merchant_id, self.account_id),
            payment_no=number,
            transaction_no=values.get("transaction_no", f"t-{number}"),
            amount_fen=values.get("amount_fen", 1990),
            succeeded_at=succeeded_at,
            is_confirmed=values.get("is_confirmed", False),
            source="callback",
        )
        with transaction() as session:
            return apply_payment(session, paid, at=at or succeeded_at)

    def ask(self, number: str, at: datetime) -> None:
        """Ask about a payment that is being closed; the gateway says neither paid nor closed."""
        payment = (self.merchant_id, self.one("SELECT id FROM payments WHERE public_id=:v", number))
        with transaction() as session:
            record_asked(session, payment, is_answered=True, at=at)

    def pay(self, order: dict[str, Any], at: datetime) -> Applied:
        return self.succeed(self.add_payment(order, at), at, amount_fen=order["payable_fen"])

    def opened(self, at: datetime) -> str:
        """Open a group whose leader has paid; returns its public id."""
        order = self.open(self.shopper(), at)
        assert self.pay(order, at) is Applied.SEATED
        group_id: str = order["group_id"]
        return group_id

    def joined(self, group_id: str, at: datetime) -> dict[str, Any]:
        """Join with a new shopper and pay; returns the order as it was placed."""
        order = self.join(self.shopper(), group_id, at)
        assert self.pay(order, at) is Applied.SEATED
        return order

    def expire(self, at: datetime) -> int:
        with transaction() as session:
            return expire_holds(session, find_expired_holds(session, at=at, limit=500), at=at)

    def settle(self, group_id: str, at: datetime) -> None:
        inner = self.one("SELECT id FROM groups WHERE public_id = :v", group_id)
        with transaction() as session:
            settle_groups(session, [(self.merchant_id, inner)], at=at)

    def refund_that(self, ending: RefundState) -> str:
        """Fail a group whose refund the gateway answers so; returns the refund's public id."""
        group_id, at = self.opened(self.start), self.start + timedelta(days=1)
        self.settle(group_id, at)
        [(refund_id, order_id, public_id)] = self.rows(
            "SELECT r.id, r.order_id, r.public_id FROM refunds r JOIN orders o ON o.id = r.order_id"
            " JOIN groups g ON g.id = o.group_id WHERE g.public_id = :v",
            group_id,
        )
        key = (self.merchant_id, refund_id)
        with transaction() as session:
            for state in (RefundState.SENDING, ending):
                move_refund(session, key, order_id, state, at=at, actor="test", error="NO_AUTH")
            if ending is RefundState.REJECTED:
                self._park(session, key, at)
        found: str = public_id
        return found

    def _park(self, session: Session, refund: tuple[int, int], at: datetime) -> None:
        leases = work.claim(session, DRIVE_REFUND, limit=500, at=at)
        [rejected] = [lease for lease in leases if lease.subject == refund]
        work.park(session, rejected, error="NO_AUTH")
        work.put_back(session, [lease for lease in leases if lease != rejected], due_at=at)

    def one(self, statement: str, value: Any = None) -> Any:
        with reading() as session:
            return session.execute(text(statement), {"v": value}).scalar_one()

    def rows(self, statement: str, value: Any = None) -> list[tuple[Any, ...]]:
        with reading() as session:
            return [tuple(row) for row in session.execute(text(statement), {"v": value})]

    def group(self, group_id: str) -> dict[str, Any]:
        with reading() as session:
            found = session.execute(
                text("SELECT * FROM groups WHERE public_id = :v"), {"v": group_id}
            )
            return dict(found.mappings().one())

    def states(self, group_id: str) -> list[tuple[str, str]]:
        """Return (order state, seat state) of a group's orders, in order of placing."""
        return [
            (row[0], row[1])
            for row in self.rows(
                "SELECT o.state, o.seat_state FROM orders o JOIN groups g ON g.id = o.group_id"
                " WHERE g.public_id = :v ORDER BY o.id",
                group_id,
            )
        ]

    def wallet(self, shopper_id: int) -> int:
        found: int = self.one(
            "SELECT balance_fen FROM ledger_accounts WHERE kind = 'wallet' AND owner_id = :v",
            shopper_id,
        )
        return found


def make_stage(*, daily_subsidy_cap_fen: int | None = None, **campaign: Any) -> Stage:
    """Build a merchant with a gateway account and a published campaign."""
    start = clock.real_now().replace(microsecond=0) + timedelta(seconds=1)
    with transaction() as session:
        merchant = make_merchant(session, daily_subsidy_cap_fen=daily_subsidy_cap_fen)
        made = make_campaign(session, merchant.id, **campaign)
        account = make_gateway_account(session, merchant.id)
    return Stage(merchant.id, made, account.id, start)
