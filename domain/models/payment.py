"""Money in (payments) and money back (refunds) at a gateway."""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, Moving, TenantRow, in_states, refers
from domain.states import PAYMENT, REFUND


class Payment(Moving, TenantRow, Base):
    """One attempt to pay an order at a gateway; `public_id` is the gateway's out_trade_no.

    `succeeded_at` is the gateway's time, `learned_at` ours. `received_fen` is what came; `outcome`
    says what became of it: seated, or why it is refunded. `description` is what the gateway was
    told: a repeat must say the same. `asked_at` is when the gateway was last asked about a payment
    that is being closed, `answered_at` when it last answered: no seat is freed before its payment
    has had its say.
    """

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        UniqueConstraint("merchant_id", "gateway_account_id", "transaction_no"),
        in_states(PAYMENT),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint(
            "(state = 'succeeded') = (received_fen IS NOT NULL)", name="received_if_succeeded"
        ),
        refers("order_id", to="orders"),
        refers("gateway_account_id", to="gateway_accounts"),
        Index("ix_payments_order", "merchant_id", "order_id"),
        Index(
            "ix_payments_succeeded",
            "merchant_id",
            "gateway_account_id",
            "succeeded_at",
            postgresql_where=text("succeeded_at IS NOT NULL"),
        ),
        Index(
            "uq_payments_one_open",
            "merchant_id",
            "order_id",
            unique=True,
            postgresql_where=text("state IN ('created', 'pending', 'unknown')"),
        ),
        Index(
            "uq_payments_one_seated",
            "merchant_id",
            "order_id",
            unique=True,
            postgresql_where=text("outcome = 'seated'"),
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )

    public_id: Mapped[str]
    order_id: Mapped[int]
    gateway_account_id: Mapped[int]
    state: Mapped[str]
    amount_fen: Mapped[FenColumn]
    description: Mapped[str] = mapped_column(server_default="")
    prepay_id: Mapped[str | None]
    expires_at: Mapped[Instant]
    created_at: Mapped[Instant]
    received_fen: Mapped[FenColumn | None]
    transaction_no: Mapped[str | None]
    succeeded_at: Mapped[Instant | None]
    learned_at: Mapped[Instant | None]
    asked_at: Mapped[Instant | None]
    answered_at: Mapped[Instant | None]
    outcome: Mapped[str | None]


class Refund(Moving, TenantRow, Base):
    """One refund of a payment; `public_id` is its out_refund_no, the same on each retry.

    One that was made at the gateway's own console has its number there as `elsewhere_no` (or a name
    of ours while we do not know it), and is accepted from the first. `is_covered`: the order that
    it belongs to gave its part of the deposit for it.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        in_states(REFUND),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        refers("payment_id", to="payments"),
        refers("order_id", to="orders"),
        Index(
            "uq_refunds_one_live",
            "merchant_id",
            "payment_id",
            "purpose",
            unique=True,
            postgresql_where=text("state <> 'closed' AND elsewhere_no IS NULL"),
        ),
        Index(
            "uq_refunds_elsewhere",
            "merchant_id",
            "payment_id",
            "elsewhere_no",
            unique=True,
            postgresql_where=text("elsewhere_no IS NOT NULL"),
        ),
        Index(
            "ix_refunds_elsewhere_no",
            "merchant_id",
            "elsewhere_no",
            postgresql_where=text("elsewhere_no IS NOT NULL"),
        ),
        Index("ix_refunds_order", "merchant_id", "order_id"),
        Index(
            "ix_refunds_accepted",
            "merchant_id",
            "accepted_at",
            postgresql_where=text("accepted_at IS NOT NULL"),
        ),
        Index(
            "ix_refunds_waiting",
            "merchant_id",
            "state",
            "id",
            postgresql_where=text("state IN ('rejected', 'abnormal')"),
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )

    public_id: Mapped[str]
    payment_id: Mapped[int]
    order_id: Mapped[int]
    purpose: Mapped[str]
    state: Mapped[str]
    amount_fen: Mapped[FenColumn]
    requested_at: Mapped[Instant]
    accepted_at: Mapped[Instant | None]
    arrived_at: Mapped[Instant | None]
    error_code: Mapped[str | None]
    elsewhere_no: Mapped[str | None]
    is_covered: Mapped[bool] = mapped_column(server_default=text("false"))
