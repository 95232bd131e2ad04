"""Withdrawals: from a shopper's wallet to their change, through the merchant's gateway account."""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from domain.models.base import Base, FenColumn, Instant, Moving, TenantRow, in_states, refers
from domain.states import FINAL_WITHDRAWAL_STATES, WITHDRAWAL

_ENDED = ", ".join(f"'{state.value}'" for state in FINAL_WITHDRAWAL_STATES)


class Withdrawal(Moving, TenantRow, Base):
    """One payout; `public_id` is the gateway's out_bill_no, the same on each retry.

    The wallet gave `gross_fen`; the shopper gets `net_fen`, the rest is tax withheld. The three
    texts are what the gateway was told: a repeat must say the same. `package_info` is
    set while the shopper must confirm. `fail_reason` is the gateway's code.
    """

    __tablename__ = "withdrawals"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        in_states(WITHDRAWAL),
        CheckConstraint("gross_fen = tax_fen + net_fen", name="parts_add_up"),
        CheckConstraint("net_fen > 0 AND tax_fen >= 0", name="parts_positive"),
        CheckConstraint(f"(ended_at IS NOT NULL) = (state IN ({_ENDED}))", name="ended_if_final"),
        refers("shopper_id", to="shoppers"),
        refers("gateway_account_id", to="gateway_accounts"),
        Index(
            "uq_withdrawals_one_running",
            "merchant_id",
            "shopper_id",
            unique=True,
            postgresql_where=text(f"state NOT IN ({_ENDED})"),
        ),
        Index("ix_withdrawals_shopper", "merchant_id", "shopper_id", "id"),
        Index("ix_withdrawals_ended", "merchant_id", "gateway_account_id", "ended_at"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    public_id: Mapped[str]
    shopper_id: Mapped[int]
    gateway_account_id: Mapped[int]
    state: Mapped[str]
    gross_fen: Mapped[FenColumn]
    tax_fen: Mapped[FenColumn]
    net_fen: Mapped[FenColumn]
    tax_category: Mapped[str]
    app_id: Mapped[str]
    payee_id: Mapped[str]
    activity_name: Mapped[str]
    reward_note: Mapped[str]
    remark: Mapped[str]
    transfer_no: Mapped[str | None]
    package_info: Mapped[str | None]
    fail_reason: Mapped[str | None]
    requested_at: Mapped[Instant]
    awaiting_at: Mapped[Instant | None]
    cancel_requested_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
