"""Groups."""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, Moving, TenantRow, in_states, refers
from domain.states import GROUP


class Group(Moving, TenantRow, Base):
    """One team under a campaign; settled by the rule version it was opened under.

    `taken`, `held` and `releasing` count seats; `version` grows with each change and is the ETag.
    `cut_at` is the instant of fail-now or cancel; `paid_seats` counts who had paid when
    the group ended, late ones included. Budget is committed for each seat's largest subsidy and
    the largest reward for who invited it.
    """

    __tablename__ = "groups"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        in_states(GROUP),
        CheckConstraint(
            "taken >= 0 AND held >= 0 AND releasing >= 0 AND taken + held + releasing <= size",
            name="seats_kept",
        ),
        refers("campaign_id", to="campaigns"),
        refers("rule_version_id", to="rule_versions"),
        refers("leader_id", to="shoppers"),
        Index(
            "ix_groups_fullest",
            "merchant_id",
            "campaign_id",
            text("(taken + held) DESC"),
            "deadline_at",
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_groups_ended", "merchant_id", "ended_at"),
        Index("ix_groups_campaign", "merchant_id", "campaign_id", "id"),
        Index("ix_groups_state", "merchant_id", "state", "id"),
        Index("ix_groups_opened", "merchant_id", "opened_at"),
        Index(
            "ix_groups_failed",
            "merchant_id",
            text("LEAST(deadline_at, cut_at)"),
            postgresql_where=text("state = 'failed'"),
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )

    public_id: Mapped[str]
    campaign_id: Mapped[int]
    rule_version_id: Mapped[int]
    state: Mapped[str]
    size: Mapped[int]
    largest_subsidy_fen: Mapped[FenColumn]
    largest_reward_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    taken: Mapped[int] = mapped_column(server_default=text("0"))
    held: Mapped[int] = mapped_column(server_default=text("0"))
    releasing: Mapped[int] = mapped_column(server_default=text("0"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    paid_seats: Mapped[int | None]
    leader_id: Mapped[int | None]
    end_reason: Mapped[str | None]
    created_at: Mapped[Instant]
    opened_at: Mapped[Instant | None]
    deadline_at: Mapped[Instant | None]
    cut_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
