"""Orders, and the seats they hold."""

from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
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
from domain.states import LIVE_ORDER_STATES, ORDER

_BINDING = ", ".join(f"'{s}'" for s in ("placed", *(state.value for state in LIVE_ORDER_STATES)))


class Order(Moving, TenantRow, Base):
    """What one shopper bought: a seat in a group (with its seat's state), or a product alone.

    `price_fen` = `instrument_fen` (by a coupon or pass) + `points_fen` + `wallet_fen` (all three
    taken when placed) + `payable_fen` (gateway). `is_new_paid` says that nothing had been
    paid before but such as was left (`left_at`). `quote_fen` is the most subsidy that is promised
    and `quote_least_fen` the least (not known of orders of earlier releases); `quote_parts` says
    how they came about. `cap_fen` is what counts against the caps of `cap_on`: the
    quote while the order may still fail, then what was granted. `hold_expires_at` is also the
    gateway's payment time-out. `share_id` is the share it came by, and `share_source` how that was
    found: named by its token, or the last one of the group that was opened or registered by.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        in_states(ORDER),
        CheckConstraint(
            "seat_state IN ('held', 'taken', 'releasing', 'released')", name="seat_state_known"
        ),
        CheckConstraint("(seat_state IS NULL) = (group_id IS NULL)", name="seat_in_group"),
        CheckConstraint("(quote_fen IS NULL) = (group_id IS NULL)", name="quote_in_group"),
        CheckConstraint(
            "price_fen > 0 AND instrument_fen >= 0 AND points_fen >= 0 AND wallet_fen >= 0"
            " AND payable_fen >= 0"
            " AND price_fen = instrument_fen + points_fen + wallet_fen + payable_fen",
            name="price_split",
        ),
        CheckConstraint("quote_fen >= 0 AND quote_fen <= price_fen", name="quote_within_price"),
        CheckConstraint("quote_least_fen >= 0", name="quote_least_positive"),
        CheckConstraint(
            "(instrument_id IS NULL) = (instrument_fen = 0)", name="instrument_has_value"
        ),
        CheckConstraint(
            "cap_fen >= 0 AND (cap_fen = 0 OR cap_on IS NOT NULL AND cap_fen <= quote_fen)",
            name="cap_within_quote",
        ),
        CheckConstraint(
            "share_source IN ('token', 'visit', 'registration')", name="share_source_known"
        ),
        CheckConstraint("share_source IS NULL OR share_id IS NOT NULL", name="source_of_share"),
        of_merchant(),
        refers("group_id", to="groups"),
        refers("campaign_id", to="campaigns"),
        refers("shopper_id", to="shoppers"),
        refers("variant_id", to="variants"),
        refers("share_id", to="shares"),
        refers("instrument_id", to="instruments", closes_a_cycle=True),
        Index(
            "ix_orders_capped",
            "merchant_id",
            "shopper_id",
            "cap_on",
            postgresql_include=["cap_fen", "campaign_id"],
            postgresql_where=text("cap_fen > 0"),
        ),
        Index(
            "uq_orders_one_per_group",
            "merchant_id",
            "group_id",
            "shopper_id",
            unique=True,
            postgresql_where=text(f"state IN ({_BINDING})"),
        ),
        Index(
            "uq_orders_one_hold",
            "merchant_id",
            "shopper_id",
            unique=True,
            postgresql_where=text("state = 'placed' AND releasing_at IS NULL"),
        ),
        Index(
            "ix_orders_hold_expires",
            "hold_expires_at",
            postgresql_where=text("state = 'placed' AND releasing_at IS NULL"),
        ),
        Index(
            "ix_orders_releasing",
            "releasing_at",
            postgresql_where=text("state = 'placed' AND releasing_at IS NOT NULL"),
        ),
        Index(
            "ix_orders_running",
            "merchant_id",
            "shopper_id",
            postgresql_where=text("state IN ('placed', 'paid')"),
        ),
        Index("ix_orders_group", "merchant_id", "group_id"),
        Index("ix_orders_shopper", "merchant_id", "shopper_id", "id"),
        Index(
            "ix_orders_paid",
            "merchant_id",
            "paid_at",
            postgresql_include=[
                "shopper_id",
                "campaign_id",
                "price_fen",
                "wallet_fen",
                "is_first_paid",
            ],
            postgresql_where=text("paid_at IS NOT NULL"),
        ),
        Index(
            "ix_orders_share",
            "merchant_id",
            "share_id",
            postgresql_where=text("share_id IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )

    public_id: Mapped[str]
    group_id: Mapped[int | None]
    campaign_id: Mapped[int | None]
    shopper_id: Mapped[int]
    variant_id: Mapped[int]
    state: Mapped[str]
    seat_state: Mapped[str | None]
    price_fen: Mapped[FenColumn]
    list_price_fen: Mapped[FenColumn]
    instrument_id: Mapped[int | None]
    instrument_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    points_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    wallet_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    payable_fen: Mapped[FenColumn]
    quote_fen: Mapped[FenColumn | None]
    quote_least_fen: Mapped[FenColumn | None]
    quote_parts: Mapped[list[Any] | None]
    placed_on: Mapped[date]
    cap_on: Mapped[date | None]
    cap_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    placed_at: Mapped[Instant]
    hold_expires_at: Mapped[Instant]
    releasing_at: Mapped[Instant | None]
    release_reason: Mapped[str | None]
    paid_at: Mapped[Instant | None]
    is_first_paid: Mapped[bool | None]
    is_new_paid: Mapped[bool | None]
    left_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    address_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    client_address: Mapped[str | None]
    device: Mapped[str | None]
    channel: Mapped[str | None]
    share_id: Mapped[int | None]
    share_source: Mapped[str | None]
    risk_outcome: Mapped[str] = mapped_column(server_default="allow")
