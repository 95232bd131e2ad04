"""Reconciliation: a gateway's bill of a day, line by line, and what differs from our rows."""

from datetime import date

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, TenantRow, refers

_SUBJECT = "subject IN ('payment', 'refund', 'transfer', 'unreadable')"


class Reconciliation(TenantRow, Base):
    """One Shanghai day of one gateway account; the counts are of the latest comparison."""

    __tablename__ = "reconciliations"
    __table_args__ = (
        UniqueConstraint("merchant_id", "gateway_account_id", "on_date"),
        UniqueConstraint("merchant_id", "public_id"),
        refers("gateway_account_id", to="gateway_accounts"),
    )

    public_id: Mapped[str]
    gateway_account_id: Mapped[int]
    on_date: Mapped[date]
    due_at: Mapped[Instant]
    compared_at: Mapped[Instant | None]
    lines: Mapped[int | None]
    matched: Mapped[int | None]


class BillLineRow(TenantRow, Base):
    """One line of a downloaded bill; a repeated download replaces a day's lines.

    `trade_no` is our number of the order that a refund is of. One that could not be read is kept as
    `said`, with the `problem`.
    """

    __tablename__ = "bill_lines"
    __table_args__ = (
        CheckConstraint(_SUBJECT, name="subject_known"),
        refers("reconciliation_id", to="reconciliations"),
        Index("ix_bill_lines_number", "merchant_id", "subject", "number"),
        Index("ix_bill_lines_reconciliation", "merchant_id", "reconciliation_id"),
    )

    reconciliation_id: Mapped[int]
    subject: Mapped[str]
    number: Mapped[str]
    gateway_no: Mapped[str]
    amount_fen: Mapped[FenColumn]
    at: Mapped[Instant]
    trade_no: Mapped[str] = mapped_column(server_default="")
    currency: Mapped[str] = mapped_column(server_default="")
    problem: Mapped[str] = mapped_column(server_default="")
    said: Mapped[str] = mapped_column(server_default="")


class ReconciliationTask(TenantRow, Base):
    """One difference, until somebody resolves it with a reason.

    `missing_here`: in the bill only. `missing_there`: in our books only. `amount_differs`,
    `currency_differs`. `late`: both have it, but we learned of it from the bill, or have it on
    another day. `unreadable`: a line that nobody could read, kept as `said`.
    """

    __tablename__ = "reconciliation_tasks"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        UniqueConstraint("merchant_id", "reconciliation_id", "kind", "subject", "number"),
        CheckConstraint(_SUBJECT, name="subject_known"),
        CheckConstraint(
            "kind IN ('missing_here', 'missing_there', 'amount_differs', 'currency_differs',"
            " 'late', 'unreadable')",
            name="kind_known",
        ),
        CheckConstraint(
            "(resolved_at IS NULL) = (resolution IS NULL)"
            " AND (resolved_at IS NULL) = (resolved_by IS NULL)",
            name="resolved_with_reason",
        ),
        refers("reconciliation_id", to="reconciliations"),
        Index("ix_reconciliation_tasks_open", "merchant_id", "resolved_at", "id"),
    )

    public_id: Mapped[str]
    reconciliation_id: Mapped[int]
    kind: Mapped[str]
    subject: Mapped[str]
    number: Mapped[str]
    gateway_no: Mapped[str | None]
    our_fen: Mapped[FenColumn | None]
    their_fen: Mapped[FenColumn | None]
    our_at: Mapped[Instant | None]
    their_at: Mapped[Instant | None]
    found_at: Mapped[Instant]
    resolved_at: Mapped[Instant | None]
    resolved_by: Mapped[str | None]
    resolution: Mapped[str | None]
    said: Mapped[str | None]
