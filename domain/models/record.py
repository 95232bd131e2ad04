"""What is only ever added: state moves, risk decisions, idempotency keys."""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, Instant, TenantRow, of_merchant


class StateMove(Base):
    """One move of one machine, written by triggers; only legal edges fit. Partitioned by time."""

    __tablename__ = "state_moves"
    __table_args__ = (
        PrimaryKeyConstraint("merchant_id", "id", "occurred_at"),
        CheckConstraint("is_legal_move(machine, from_state, to_state)", name="edge_legal"),
        Index("ix_state_moves_subject", "merchant_id", "machine", "subject_id"),
        {"postgresql_partition_by": "RANGE (occurred_at)"},
    )

    merchant_id: Mapped[int]
    id: Mapped[int] = mapped_column(Identity())
    occurred_at: Mapped[Instant]
    machine: Mapped[str]
    subject_id: Mapped[int]
    from_state: Mapped[str]
    to_state: Mapped[str]
    actor: Mapped[str]


class RiskDecision(Base):
    """Allow, review or block at a point, with the rules that fired. Partitioned by time."""

    __tablename__ = "risk_decisions"
    __table_args__ = (
        PrimaryKeyConstraint("merchant_id", "id", "occurred_at"),
        CheckConstraint("point IN ('join', 'pay', 'settle')", name="point_known"),
        CheckConstraint("outcome IN ('allow', 'review', 'block')", name="outcome_known"),
        Index("ix_risk_decisions_shopper", "merchant_id", "shopper_id", "occurred_at"),
        {"postgresql_partition_by": "RANGE (occurred_at)"},
    )

    merchant_id: Mapped[int]
    id: Mapped[int] = mapped_column(Identity())
    occurred_at: Mapped[Instant]
    point: Mapped[str]
    shopper_id: Mapped[int]
    order_id: Mapped[int | None]
    outcome: Mapped[str]
    fired: Mapped[list[Any]]
    inputs: Mapped[dict[str, Any]]


class IdempotencyKey(TenantRow, Base):
    """A key of a caller with the answer it got; kept 48 hours."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("merchant_id", "caller", "key"),
        of_merchant(),
        Index("ix_idempotency_keys_created", "created_at"),
    )

    caller: Mapped[str]
    key: Mapped[str]
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[Instant]
