"""What gateways said that cannot be believed as it stands, until staff have looked at it."""

from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, Instant, TenantRow, refers


class GatewayFinding(TenantRow, Base):
    """One statement of a gateway that differs from our books, or that could not be read.

    `number` is what it is about (our number, or empty), `heard_by` how it came: callback, query,
    close, bill and so on. `fields` holds for each name ours and theirs, `said` the raw text. The
    same statement heard again counts up `times`.
    """

    __tablename__ = "gateway_findings"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        UniqueConstraint("merchant_id", "gateway_account_id", "kind", "number", "digest"),
        CheckConstraint("times > 0", name="times_positive"),
        CheckConstraint(
            "(resolved_at IS NULL) = (resolution IS NULL)"
            " AND (resolved_at IS NULL) = (resolved_by IS NULL)",
            name="resolved_with_reason",
        ),
        refers("gateway_account_id", to="gateway_accounts"),
        Index("ix_gateway_findings_open", "merchant_id", "resolved_at", "id"),
    )

    public_id: Mapped[str]
    gateway_account_id: Mapped[int]
    kind: Mapped[str]
    number: Mapped[str]
    digest: Mapped[str]
    heard_by: Mapped[str]
    problem: Mapped[str] = mapped_column(server_default="")
    fields: Mapped[dict[str, Any]]
    said: Mapped[str] = mapped_column(server_default="")
    times: Mapped[int]
    first_at: Mapped[Instant]
    last_at: Mapped[Instant]
    resolved_at: Mapped[Instant | None]
    resolved_by: Mapped[str | None]
    resolution: Mapped[str | None]
