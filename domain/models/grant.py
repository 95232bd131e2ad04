"""Subsidy grants."""

from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, Moving, TenantRow, in_states, refers
from domain.states import GRANT


class Grant(Moving, TenantRow, Base):
    """What one order of a failed group is owed, with every reason for its amount; one per order."""

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        UniqueConstraint("merchant_id", "order_id"),
        in_states(GRANT),
        CheckConstraint(
            "kind IN ('cash', 'coupon', 'points', 'pass', 'external_points')", name="kind_known"
        ),
        CheckConstraint("amount_fen >= 0 AND amount_fen <= quote_fen", name="within_quote"),
        CheckConstraint("clawed_back_fen BETWEEN 0 AND amount_fen", name="clawed_back_within"),
        refers("order_id", to="orders"),
        refers("group_id", to="groups"),
        refers("campaign_id", to="campaigns"),
        refers("shopper_id", to="shoppers"),
        Index("ix_grants_shopper", "merchant_id", "shopper_id", "id"),
        Index("ix_grants_group", "merchant_id", "group_id"),
        Index("ix_grants_decided", "merchant_id", "decided_at"),
        Index(
            "ix_grants_issued",
            "merchant_id",
            "issued_at",
            postgresql_where=text("issued_at IS NOT NULL"),
        ),
        Index(
            "ix_grants_unissued",
            "merchant_id",
            "state",
            "id",
            postgresql_where=text("state NOT IN ('decided', 'issued')"),
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )

    public_id: Mapped[str]
    order_id: Mapped[int]
    group_id: Mapped[int]
    campaign_id: Mapped[int]
    shopper_id: Mapped[int]
    state: Mapped[str]
    kind: Mapped[str]
    quote_fen: Mapped[FenColumn]
    amount_fen: Mapped[FenColumn]
    clawed_back_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    parts: Mapped[list[Any]]
    deadline_at: Mapped[Instant]
    decided_at: Mapped[Instant]
    due_at: Mapped[Instant]
    issued_at: Mapped[Instant | None]
