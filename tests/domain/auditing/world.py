"""A merchant's world for the audit: the stage, with hands for what gateways and jobs do."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from domain import work
from domain.checkout.expiring import expire_due, warn_of_expiring
from domain.checkout.giving_up import give_up_order
from domain.checkout.reacting import consume_facts
from domain.checkout.settling import (
    fold_campaigns,
    give_due_pushes,
    issue_due_grants,
    reward_due_groups,
    settle_due_groups,
)
from domain.checkout.withdrawing import Withdraw, withdraw
from domain.database import transaction
from domain.gateways.protocol import GatewayTransfer, TransferStatus
from domain.idempotency import RequestKey
from domain.interventions.deciding_grants import DecideGrant
from domain.interventions.pushing import Push, order_push, worst_case
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.changing_settings import change_settings
from domain.merchants.rules import Role
from domain.models import ExternalProgramme
from domain.money import Fen
from domain.notices.writing import write_notices
from domain.points.programmes import DELIVER_POINTS, record_delivery
from domain.public_ids import new_public_id
from domain.referrals.sharing import share_group
from domain.referrals.visiting import Visitor, visit_share
from domain.settlement.applying_payments import Applied
from domain.settlement.applying_refunds import move_refund
from domain.settlement.clawing_back import ClawBack, claw_back
from domain.settlement.issuing import Source
from domain.settlement.paying_out import WORK as DRIVE_WITHDRAWAL
from domain.settlement.paying_out import apply_transfer, set_aside, start_sending
from domain.settlement.refunding import WORK as DRIVE_REFUND
from domain.settlement.releasing import (
    DRIVE_PAYMENT,
    Candidate,
    find_overdue_releases,
    free_overdue,
    record_closed,
)
from domain.states import RefundState, WithdrawalState
from domain.subsidies.segments import Segment
from domain.terms import SubsidyKind
from tests.factories.campaigns import make_campaign
from tests.factories.instruments import make_gift
from tests.factories.staff import make_staff
from tests.scenarios.stage import Stage

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

Shopper = tuple[int, int]
Order = dict[str, Any]

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
_UNSPENT = {
    "cash": "SELECT max(id) FROM {table} WHERE state = 'issued' AND kind = 'cash'",
    "points": "SELECT max(source_id) FROM point_lots WHERE left_fen > 0",
    "coupon": "SELECT max(source_id) FROM instruments WHERE state = 'issued' AND kind = 'coupon'"
    " AND source = '{source}'",
}


@dataclass
class World:
    """One merchant; `named` are the numbers that stories leave for later."""

    stage: Stage
    named: dict[str, Any] = field(default_factory=dict)

    @property
    def start(self) -> datetime:
        return self.stage.start

    def with_campaign(self, **values: Any) -> "World":
        """Return this world with another campaign on its stage."""
        with transaction() as session:
            made = make_campaign(session, self.stage.merchant_id, **values)
        return World(replace(self.stage, campaign=made), self.named)

    def id_of(self, table: str, public_id: str) -> int:
        statement = f"SELECT id FROM {table} WHERE public_id = :v"  # noqa: S608 - constants only
        found: int = self.stage.one(statement, public_id)
        return found

    def add_payment(self, order: Order, at: datetime) -> str:
        """Insert a payment and the work that drives it, as preparing it would; returns its number.

        In one transaction: an audit may look at any moment.
        """
        number = new_public_id()
        with transaction() as session:
            payment_id = session.execute(
                _ADD_PAYMENT,
                {
                    "m": self.stage.merchant_id,
                    "number": number,
                    "order": order["id"],
                    "account": self.stage.account_id,
                    "at": at,
                },
            ).scalar_one()
            session.execute(
                text("UPDATE payments SET state = 'pending' WHERE id = :i"), {"i": payment_id}
            )
            key = (self.stage.merchant_id, payment_id)
            work.put(session, DRIVE_PAYMENT, [key], due_at=at + MINUTE)
        return number

    def pay(self, order: Order, at: datetime) -> None:
        number = self.add_payment(order, at)
        applied = self.stage.succeed(number, at, amount_fen=order["payable_fen"])
        assert applied is Applied.SEATED

    def open(self, at: datetime, shopper: Shopper | None = None, **values: Any) -> str:
        """Open a group and pay its leader's seat; returns its public id."""
        order = self.stage.open(shopper or self.stage.shopper(), at, **values)
        if order["payable_fen"]:
            self.pay(order, at)
        group_id: str = order["group_id"]
        return group_id

    def join(
        self, group_id: str, at: datetime, shopper: Shopper | None = None, **values: Any
    ) -> Order:
        """Join a group and pay; returns the order as it was placed."""
        order = self.stage.join(shopper or self.stage.shopper(), group_id, at, **values)
        if order["payable_fen"]:
            self.pay(order, at)
        return order

    def share(self, shopper: Shopper, group_id: str, at: datetime) -> str:
        """Share a group; returns the share's token."""
        with transaction() as session:
            return share_group(session, shopper, group_id, at=at).token

    def visit(self, shopper: Shopper, token: str, at: datetime) -> None:
        """Open a share, signed in."""
        with transaction() as session:
            visit_share(session, token, Visitor(shopper), at=at)

    def means_of(self, kind: SubsidyKind, shopper: Shopper) -> dict[str, Any]:
        """Say how a shopper pays with what it was given of a kind."""
        if kind is SubsidyKind.POINTS:
            return {"use_points": True}
        own = "SELECT public_id FROM instruments WHERE shopper_id = :v"
        return {f"{kind.value}_id": self.stage.one(own, shopper[1])}

    def settle_alone(self, group_id: str, at: datetime) -> None:
        """Settle one group, as the job would when only that is due."""
        self.stage.settle(group_id, at)

    def live_points(self, at: datetime, *, days: int) -> None:
        """Let points that are issued from now on live so many days, as staff would."""
        merchant_id = self.stage.merchant_id
        with transaction() as session:
            staff = StaffActor(merchant_id, make_staff(session, merchant_id).id, Role.OWNER)
            before, after = change_settings(session, merchant_id, {"points_valid_days": days})
            audit(
                session,
                staff,
                "settings.changed",
                subject_kind="settings",
                subject_id=None,
                at=at,
                before=before,
                after=after,
            )

    def expire_values(self, at: datetime) -> None:
        while expire_due(at=at):
            pass

    def warn_of_expiring(self, at: datetime) -> None:
        while warn_of_expiring(at=at):
            pass

    def give(self, kind: SubsidyKind, amount_fen: int, at: datetime) -> None:
        shopper = self.stage.shopper()
        with transaction() as session:
            make_gift(session, shopper, kind, amount_fen, at=at)

    def push(self, segment: Segment, value_fen: int, at: datetime) -> None:
        """Staff push a coupon, out of a goodwill budget that grows by its worst case."""
        push = Push(segment, value_fen, "test", threshold_fen=2 * value_fen)
        merchant_id = self.stage.merchant_id
        with transaction() as session:
            staff = StaffActor(merchant_id, make_staff(session, merchant_id).id, Role.OWNER)
            session.execute(
                text(
                    "UPDATE merchant_settings SET goodwill_budget_fen = goodwill_budget_fen + :fen"
                    " WHERE merchant_id = :m"
                ),
                {"m": merchant_id, "fen": worst_case(session, merchant_id, push, at=at)},
            )
            order_push(session, staff, push, at=at)
        self.give_pushes(at)

    def add_programme(self, at: datetime, *, per_yuan: int = 20) -> int:
        """Add a brand's programme that hears of points by webhook."""
        programme = ExternalProgramme(
            merchant_id=self.stage.merchant_id,
            public_id=new_public_id(),
            name="brand",
            delivery="webhook",
            url="https://brand.example/points",
            secret_sealed=b"sealed",
            points_per_yuan=per_yuan,
            created_at=at,
        )
        with transaction() as session:
            session.add(programme)
            session.flush()
            return programme.id

    def deliver_points(self, at: datetime, *, most: int = 500) -> None:
        """Brands answer that they have the points that they are told of."""
        with transaction() as session:
            for lease in work.claim(session, DELIVER_POINTS, limit=most, at=at):
                record_delivery(session, lease.subject, "delivered", at=at)
                work.finish(session, [lease])

    def give_pushes(self, at: datetime) -> None:
        while give_due_pushes(at=at):
            pass

    def reward(self, at: datetime) -> None:
        while reward_due_groups(at=at):
            pass

    def issue_grants(self, at: datetime) -> None:
        while issue_due_grants(at=at):
            pass

    def flag(self, shopper: Shopper) -> None:
        with transaction() as session:
            session.execute(
                text("UPDATE shoppers SET flag = 'review' WHERE id = :i"), {"i": shopper[1]}
            )

    def claw_back(self, table: str, kind: str, at: datetime) -> None:
        """Let staff take back what is unspent of the newest of its kind, of cash a little."""
        found = self.stage.one(_UNSPENT[kind].format(table=table, source=table[:-1]))
        wanted = ClawBack(
            Source(table[:-1]),
            (self.stage.merchant_id, found),
            "paid by mistake",
            at_most_fen=30 if kind == "cash" else None,
        )
        with transaction() as session:
            claw_back(session, wanted, at=at, actor="staff:1")

    def give_up(self, shopper: Shopper, order: Order, at: datetime) -> None:
        key = RequestKey.of(
            shopper[0], f"shopper:{shopper[1]}", f"give-up-{order['id']}", order["id"]
        )
        give_up_order(shopper, order["id"], key, at=at)

    def held_grants(self) -> list[str]:
        """List the public ids of held subsidies, in order of deciding."""
        rows = self.stage.rows("SELECT public_id FROM grants WHERE state = 'held' ORDER BY id")
        return [grant_id for (grant_id,) in rows]

    def decide(self, verb: Callable[..., Any], grant_id: str, at: datetime) -> None:
        """Let staff release or deny a held subsidy."""
        with transaction() as session:
            staff = make_staff(session, self.stage.merchant_id)
        actor = StaffActor(self.stage.merchant_id, staff.id, Role.OPERATOR)
        key = RequestKey.of(self.stage.merchant_id, f"staff:{staff.id}", grant_id, grant_id)
        verb(DecideGrant(actor, key, grant_id, "called the shopper"), at=at)

    def settle(self, at: datetime) -> None:
        while settle_due_groups(at=at):
            pass

    def notify(self, at: datetime) -> None:
        while consume_facts(
            "notify", lambda session, facts, when: write_notices(session, facts, at=when), at=at
        ):
            pass

    def free_overdue(self, at: datetime) -> None:
        with transaction() as session:
            free_overdue(session, find_overdue_releases(session, at=at, limit=500), at=at)

    def move_refunds(self, order: Order, *to: RefundState, at: datetime) -> None:
        """Move an order's refunds as a gateway's answers would."""
        order_id = self.id_of("orders", order["id"])
        for (refund_id,) in self.stage.rows("SELECT id FROM refunds WHERE order_id = :v", order_id):
            self.move_refund(refund_id, *to, at=at)

    def move_refund(self, refund_id: int, *to: RefundState, at: datetime) -> None:
        order_id = self.stage.one("SELECT order_id FROM refunds WHERE id = :v", refund_id)
        for state in to:
            with transaction() as session:
                key = (self.stage.merchant_id, refund_id)
                moved = move_refund(session, key, order_id, state, at=at, actor="test")
            assert moved is state

    def close_payment(self, number: str, at: datetime) -> None:
        """Record that the gateway closed a payment."""
        [(payment_id, order_id, group_id)] = self.stage.rows(
            "SELECT p.id, o.id, o.group_id FROM payments p JOIN orders o ON o.id = p.order_id"
            " WHERE p.public_id = :v",
            number,
        )
        candidate = Candidate(self.stage.merchant_id, order_id, group_id)
        with transaction() as session:
            record_closed(session, candidate, payment_id, at=at)

    def withhold_tax(self, bps: int) -> None:
        with transaction() as session:
            change_settings(session, self.stage.merchant_id, {"withdrawal_tax_bps": bps})

    def withdraw(self, shopper: Shopper, amount_fen: int, at: datetime) -> int:
        """Have a shopper withdraw, and send it; returns the withdrawal's inner id."""
        key = RequestKey.of(
            shopper[0], f"shopper:{shopper[1]}", f"withdraw-{at.timestamp()}", amount_fen
        )
        public_id = withdraw(Withdraw(shopper, amount_fen, key), at=at).id
        withdrawal_id = self.id_of("withdrawals", public_id)
        with transaction() as session:
            start_sending(session, (self.stage.merchant_id, withdrawal_id), at=at, actor="test")
        return withdrawal_id

    def hear_of(self, withdrawal_id: int, status: TransferStatus, at: datetime) -> None:
        """Apply what a gateway says of a withdrawal."""
        [(number, net_fen)] = self.stage.rows(
            "SELECT public_id, net_fen FROM withdrawals WHERE id = :v", withdrawal_id
        )
        told = GatewayTransfer(number, status, f"t{number}", Fen(net_fen), package_info="pkg")
        with transaction() as session:
            key = (self.stage.merchant_id, withdrawal_id)
            apply_transfer(session, key, told, at=at, actor="test")

    def lack_funds(self, withdrawal_id: int, at: datetime) -> None:
        key, needs_funds = (self.stage.merchant_id, withdrawal_id), WithdrawalState.NEEDS_FUNDS
        with transaction() as session:
            set_aside(session, key, needs_funds, at=at, actor="test", reason="NOT_ENOUGH")

    def come_to_rest(self, at: datetime) -> None:
        """Do what is due: holds, groups, gateways that answer, notices, folding."""
        self.stage.expire(at)
        for (number,) in self.stage.rows("SELECT public_id FROM payments WHERE state = 'closing'"):
            self.close_payment(number, at)
        self.free_overdue(at)
        self.settle(at)
        self.issue_grants(at)
        self.reward(at)
        self.give_pushes(at)
        self.deliver_points(at)
        for (refund_id,) in self.stage.rows("SELECT id FROM refunds WHERE state = 'requested'"):
            arriving = (RefundState.SENDING, RefundState.ACCEPTED, RefundState.ARRIVED)
            self.move_refund(refund_id, *arriving, at=at)
        self.notify(at)
        self.look_later(at)
        fold_campaigns(at=at)

    def look_later(self, at: datetime) -> None:
        """Look at payments and refunds that are due: who is over is done, the others wait."""
        over = "('succeeded', 'closed', 'arrived', 'failed')"
        with transaction() as session:
            for kind, table in (
                (DRIVE_PAYMENT, "payments"),
                (DRIVE_REFUND, "refunds"),
                (DRIVE_WITHDRAWAL, "withdrawals"),
            ):
                for lease in work.claim(session, kind, limit=500, at=at):
                    is_over = session.execute(
                        text(f"SELECT state IN {over} FROM {table} WHERE id = :i"),  # noqa: S608
                        {"i": lease.subject_id},
                    ).scalar_one()
                    if is_over:
                        work.finish(session, [lease])
                    else:
                        work.put_back(session, [lease], due_at=at + MINUTE)
