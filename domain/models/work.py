"""Work rows (what is to be done, with lease and fencing token), and the facts of the outbox."""

from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, Instant, TenantRow, in_states, of_merchant
from domain.states import WORK


class WorkRow(TenantRow, Base):
    """One piece of work on one subject; the row is the retry.

    `due_at` is business time; `leased_until` is real time. `fence` grows with each lease: who holds
    an older one may write nothing. `attempts` counts leases since the row last waited in peace,
    `failures` those that ended in an error of ours, `lapses` those in a row that ran out: their
    worker died.
    """

    __tablename__ = "work_rows"
    __table_args__ = (
        UniqueConstraint("merchant_id", "kind", "subject_id"),
        in_states(WORK),
        of_merchant(),
        Index("ix_work_rows_due", "kind", "due_at", postgresql_where=text("state = 'due'")),
        Index(
            "ix_work_rows_due_by_merchant",
            "kind",
            "merchant_id",
            "due_at",
            postgresql_where=text("state = 'due'"),
        ),
        Index(
            "ix_work_rows_suspect",
            "kind",
            "lapses",
            "due_at",
            postgresql_where=text("state = 'due' AND lapses >= 2"),
        ),
        Index(
            "ix_work_rows_leased",
            "kind",
            "leased_until",
            postgresql_where=text("state = 'leased'"),
        ),
        Index("ix_work_rows_parked", "kind", postgresql_where=text("state = 'parked'")),
        {"postgresql_with": {"fillfactor": 70}},
    )

    kind: Mapped[str]
    subject_id: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="due")
    due_at: Mapped[Instant]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    lapses: Mapped[int] = mapped_column(server_default=text("0"))
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    leased_until: Mapped[Instant | None]
    error: Mapped[str | None]


class Fact(TenantRow, Base):
    """Something that happened; each consumer has a work row for it (kind = consumer)."""

    __tablename__ = "facts"
    __table_args__ = (of_merchant(),)

    kind: Mapped[str]
    subject_id: Mapped[int]
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    at: Mapped[Instant]
