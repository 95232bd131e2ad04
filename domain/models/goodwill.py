"""What staff give: gifts and coupon pushes out of the goodwill budget; claw-backs; approvals."""

from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, TenantRow, of_merchant, refers


class CouponPush(TenantRow, Base):
    """A coupon given to every shopper of a segment, each once.

    `set_aside_fen` is what was taken from the goodwill budget for it; what the gifts did not need
    goes back when it is done.
    """

    __tablename__ = "coupon_pushes"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        CheckConstraint(
            "segment IN ('won', 'subsidised', 'dormant', 'followers')", name="segment_known"
        ),
        CheckConstraint("(segment = 'dormant') = (dormant_days IS NOT NULL)", name="dormant_days"),
        CheckConstraint(
            "value_fen > 0 AND threshold_fen >= 0 AND valid_days > 0 AND set_aside_fen >= 0",
            name="values_positive",
        ),
        refers("staff_id", to="staff"),
        Index(
            "ix_coupon_pushes_unfinished", "merchant_id", postgresql_where=text("done_at IS NULL")
        ),
    )

    public_id: Mapped[str]
    staff_id: Mapped[int]
    segment: Mapped[str]
    dormant_days: Mapped[int | None]
    value_fen: Mapped[FenColumn]
    threshold_fen: Mapped[FenColumn]
    valid_days: Mapped[int]
    reason: Mapped[str]
    set_aside_fen: Mapped[FenColumn]
    shoppers: Mapped[int]
    created_at: Mapped[Instant]
    done_at: Mapped[Instant | None]


class Gift(TenantRow, Base):
    """A subsidy given by hand, or by a push, out of the goodwill budget; issued at once."""

    __tablename__ = "gifts"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        CheckConstraint("kind IN ('cash', 'coupon', 'points', 'pass')", name="kind_known"),
        CheckConstraint(
            "amount_fen > 0 AND clawed_back_fen BETWEEN 0 AND amount_fen", name="amounts_ordered"
        ),
        refers("shopper_id", to="shoppers"),
        refers("push_id", to="coupon_pushes"),
        refers("staff_id", to="staff"),
        Index("ix_gifts_shopper", "merchant_id", "shopper_id", "id"),
        Index(
            "uq_gifts_once_a_push",
            "merchant_id",
            "push_id",
            "shopper_id",
            unique=True,
            postgresql_where=text("push_id IS NOT NULL"),
        ),
    )

    public_id: Mapped[str]
    shopper_id: Mapped[int]
    push_id: Mapped[int | None]
    staff_id: Mapped[int]
    kind: Mapped[str]
    amount_fen: Mapped[FenColumn]
    clawed_back_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    reason: Mapped[str]
    issued_at: Mapped[Instant]


class Clawback(TenantRow, Base):
    """Value taken back from what a grant, reward or gift issued, as far as unspent; append-only."""

    __tablename__ = "clawbacks"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        CheckConstraint("source IN ('grant', 'reward', 'gift')", name="source_known"),
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        of_merchant(),
        Index("ix_clawbacks_source", "merchant_id", "source", "source_id"),
    )

    public_id: Mapped[str]
    source: Mapped[str]
    source_id: Mapped[int]
    amount_fen: Mapped[FenColumn]
    reason: Mapped[str]
    actor: Mapped[str]
    at: Mapped[Instant]


class Approval(TenantRow, Base):
    """An act above the merchant's limit, that a second person decides; `command` is done then."""

    __tablename__ = "approvals"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        CheckConstraint(
            "state IN ('pending', 'approved', 'refused', 'withdrawn')", name="state_known"
        ),
        CheckConstraint(
            "decided_by <> requested_by OR state = 'withdrawn'"
            " OR (kind = 'approval_limit' AND decided_at >= requested_at + interval '24 hours')",
            name="second_person",
        ),
        CheckConstraint(
            "(state = 'pending') = (decided_at IS NULL)"
            " AND (decided_at IS NULL) = (decided_by IS NULL)",
            name="decided_by_somebody",
        ),
        refers("requested_by", to="staff"),
        refers("decided_by", to="staff"),
        Index("ix_approvals_state", "merchant_id", "state", "id"),
    )

    public_id: Mapped[str]
    kind: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[int | None]
    amount_fen: Mapped[FenColumn]
    command: Mapped[dict[str, Any]]
    reason: Mapped[str]
    state: Mapped[str]
    requested_by: Mapped[int]
    requested_at: Mapped[Instant]
    decided_by: Mapped[int | None]
    decided_at: Mapped[Instant | None]
    decision_reason: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
