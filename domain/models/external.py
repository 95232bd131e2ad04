"""Points of an outside brand's own programme, issued by a signed webhook or an export file."""

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, TenantRow, of_merchant, refers


class ExternalProgramme(TenantRow, Base):
    """A brand's programme: how its points reach it, and what they are worth."""

    __tablename__ = "external_programmes"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        UniqueConstraint("merchant_id", "name"),
        CheckConstraint("delivery IN ('webhook', 'export')", name="delivery_known"),
        CheckConstraint(
            "(delivery = 'webhook') = (url IS NOT NULL AND secret_sealed IS NOT NULL)",
            name="webhook_whole",
        ),
        CheckConstraint("points_per_yuan > 0", name="points_per_yuan_positive"),
        of_merchant(),
    )

    public_id: Mapped[str]
    name: Mapped[str]
    delivery: Mapped[str]
    url: Mapped[str | None]
    secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    points_per_yuan: Mapped[int]
    created_at: Mapped[Instant]


class ExternalIssue(TenantRow, Base):
    """One grant's points on their way to a programme; `public_id` is what repeats carry.

    States: pending (to be sent or exported), delivered (it answered 2xx, or was exported and
    confirmed), exported, refused (waits for staff).
    """

    __tablename__ = "external_issues"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        UniqueConstraint("merchant_id", "grant_id"),
        CheckConstraint(
            "state IN ('pending', 'exported', 'delivered', 'refused')", name="state_known"
        ),
        CheckConstraint("points > 0 AND amount_fen > 0", name="points_positive"),
        CheckConstraint("state <> 'exported' OR export IS NOT NULL", name="export_numbered"),
        refers("grant_id", to="grants"),
        refers("programme_id", to="external_programmes"),
        refers("shopper_id", to="shoppers"),
        Index(
            "ix_external_issues_open",
            "merchant_id",
            "programme_id",
            "id",
            postgresql_where=text("state <> 'delivered'"),
        ),
        Index("ix_external_issues_shopper", "merchant_id", "shopper_id"),
        Index("ix_external_issues_export", "merchant_id", "programme_id", "export"),
    )

    public_id: Mapped[str]
    grant_id: Mapped[int]
    programme_id: Mapped[int]
    shopper_id: Mapped[int]
    state: Mapped[str]
    points: Mapped[int]
    amount_fen: Mapped[FenColumn]
    error: Mapped[str | None]
    export: Mapped[int | None]
    created_at: Mapped[Instant]
    delivered_at: Mapped[Instant | None]
