"""Campaigns, their frozen rule versions, and the movements of their budget and stock."""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    FetchedValue,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import (
    Base,
    FenColumn,
    Instant,
    Moving,
    TenantRow,
    in_states,
    of_merchant,
    refers,
)
from domain.states import CAMPAIGN


class Campaign(Moving, TenantRow, Base):
    """One product under one set of group-buy rules in a time window.

    Budget and stock counters move when a group opens, and by folded movements when it ends: they
    may run high for a moment (a group is refused too early), never low.
    """

    __tablename__ = "campaigns"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        in_states(CAMPAIGN),
        CheckConstraint("starts_at < ends_at", name="window_ordered"),
        CheckConstraint(
            "committed_fen >= 0 AND spent_fen >= 0 AND committed_fen + spent_fen <= budget_fen",
            name="budget_kept",
        ),
        CheckConstraint(
            "stock_committed >= 0 AND stock_consumed >= 0"
            " AND stock_committed + stock_consumed <= stock_units",
            name="stock_kept",
        ),
        refers("product_id", to="products"),
        refers("rule_version_id", to="rule_versions", closes_a_cycle=True),
        Index("ix_campaigns_product", "merchant_id", "product_id"),
        of_merchant(),
    )

    public_id: Mapped[str]
    product_id: Mapped[int]
    title: Mapped[str]
    state: Mapped[str]
    starts_at: Mapped[Instant]
    ends_at: Mapped[Instant]
    draft_terms: Mapped[dict[str, Any]]
    rule_version_id: Mapped[int | None]
    budget_fen: Mapped[FenColumn]
    committed_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    spent_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    stock_units: Mapped[int]
    stock_committed: Mapped[int] = mapped_column(server_default=text("0"))
    stock_consumed: Mapped[int] = mapped_column(server_default=text("0"))
    groups_opened: Mapped[int] = mapped_column(server_default=text("0"))
    groups_formed: Mapped[int] = mapped_column(server_default=text("0"))
    groups_failed: Mapped[int] = mapped_column(server_default=text("0"))
    people_paid: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[Instant]


class RuleVersion(TenantRow, Base):
    """A frozen copy of a campaign's rules, with the text that was shown; append-only.

    `chain` is the hash of all that and of the version before, written by a trigger.
    """

    __tablename__ = "rule_versions"
    __table_args__ = (
        UniqueConstraint("merchant_id", "campaign_id", "number"),
        refers("campaign_id", to="campaigns"),
        refers("published_by", to="staff"),
    )

    campaign_id: Mapped[int]
    number: Mapped[int]
    terms: Mapped[dict[str, Any]]
    text_zh: Mapped[list[Any]]
    text_en: Mapped[list[Any]]
    acknowledged: Mapped[list[Any]]
    published_at: Mapped[Instant]
    published_by: Mapped[int]
    chain: Mapped[bytes] = mapped_column(LargeBinary, FetchedValue())


class CampaignMovement(TenantRow, Base):
    """What a group's opening or end moves in its campaign; folded into the counters by a job.

    A group's opening is applied at once and stored folded; `reason` says which step it was.
    """

    __tablename__ = "campaign_movements"
    __table_args__ = (
        UniqueConstraint("merchant_id", "group_id", "reason", "order_id"),
        refers("campaign_id", to="campaigns"),
        refers("group_id", to="groups"),
        Index(
            "ix_campaign_movements_unfolded",
            "merchant_id",
            "campaign_id",
            postgresql_where=text("folded_at IS NULL"),
        ),
    )

    campaign_id: Mapped[int]
    group_id: Mapped[int]
    order_id: Mapped[int] = mapped_column(server_default=text("0"))
    reason: Mapped[str]
    committed_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    spent_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    stock_committed: Mapped[int] = mapped_column(server_default=text("0"))
    stock_consumed: Mapped[int] = mapped_column(server_default=text("0"))
    groups_opened: Mapped[int] = mapped_column(server_default=text("0"))
    groups_formed: Mapped[int] = mapped_column(server_default=text("0"))
    groups_failed: Mapped[int] = mapped_column(server_default=text("0"))
    people_paid: Mapped[int] = mapped_column(server_default=text("0"))
    at: Mapped[Instant]
    folded_at: Mapped[Instant | None]
