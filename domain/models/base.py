"""What all tables share: naming, keys, and the columns of a state machine."""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    MetaData,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from domain.states import Machine

type_map: dict[Any, Any] = {
    datetime: DateTime(timezone=True),
    int: BigInteger,
    str: Text,
    dict[str, Any]: JSONB,
    list[Any]: JSONB,
}

FenColumn = Annotated[int, mapped_column(BigInteger)]
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]


class Base(DeclarativeBase):
    """The one metadata."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = type_map


class TenantRow:
    """A row of one merchant: the key is (merchant_id, id)."""

    merchant_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[int] = mapped_column(Identity(), primary_key=True, sort_order=-1)


class Moving:
    """A row with a state machine: when it last moved, and who moved it (`shopper:7`)."""

    moved_at: Mapped[Instant]
    moved_by: Mapped[str]


def refers(column: str, *, to: str, closes_a_cycle: bool = False) -> ForeignKeyConstraint:
    """Build a foreign key inside one merchant: (merchant_id, column) -> (merchant_id, id)."""
    return ForeignKeyConstraint(
        ["merchant_id", column], [f"{to}.merchant_id", f"{to}.id"], use_alter=closes_a_cycle
    )


def of_merchant() -> ForeignKeyConstraint:
    """Build the foreign key of a tenant's row to its merchant."""
    return ForeignKeyConstraint(["merchant_id"], ["merchants.id"])


def in_states(machine: Machine) -> CheckConstraint:
    """Build the CHECK that a column holds a state of its machine."""
    names = ", ".join(f"'{state.value}'" for state in machine.states)
    return CheckConstraint(f"{machine.column} IN ({names})", name=f"{machine.column}_known")


def created_now() -> Any:
    """Map a column that is the real instant of insertion, for diagnosis only."""
    return mapped_column(DateTime(timezone=True), server_default=text("now()"))
