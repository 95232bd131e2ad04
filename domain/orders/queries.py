"""Reads of orders, as their shopper sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.clock import iso
from domain.orders.errors import OrderNotFound
from domain.sealing import unseal

ADDRESS_PURPOSE = "order-address"
_MONEY = ("gateway", "wallet")


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with its refund and subsidy; `to_json` is the body REST answers with."""

    id: str
    state: str
    seat_state: str | None
    group_id: str | None
    campaign_id: str | None
    variant_id: str
    price_fen: int
    instrument_fen: int
    points_fen: int
    wallet_fen: int
    payable_fen: int
    quote_fen: int | None
    quote_least_fen: int | None
    quote_parts: list[dict[str, Any]] | None
    placed_at: datetime
    hold_expires_at: datetime
    paid_at: datetime | None = None
    address: dict[str, Any] | None = None
    refund: dict[str, Any] | None = None
    subsidy: dict[str, Any] | None = None
    coupon_id: str | None = None
    pass_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Write the order as JSON."""
        return {
            "id": self.id,
            "kind": "alone" if self.group_id is None else "group",
            "state": self.state,
            "seat_state": self.seat_state,
            "group_id": self.group_id,
            "campaign_id": self.campaign_id,
            "variant_id": self.variant_id,
            "price_fen": self.price_fen,
            "coupon_id": self.coupon_id,
            "pass_id": self.pass_id,
            "instrument_fen": self.instrument_fen,
            "points_fen": self.points_fen,
            "wallet_fen": self.wallet_fen,
            "payable_fen": self.payable_fen,
            "quote": None
            if self.quote_fen is None
            else {
                "least_fen": self.quote_least_fen or 0,
                "most_fen": self.quote_fen,
                "is_certain": self.quote_fen == (self.quote_least_fen or 0),
                "parts": self.quote_parts,
            },
            "hold_expires_at": iso(self.hold_expires_at),
            "placed_at": iso(self.placed_at),
            "paid_at": iso(self.paid_at),
            "address": self.address,
            "refund": self.refund,
            "subsidy": self.subsidy,
        }


_SELECT = """
    SELECT o.id AS inner_id, o.public_id, o.state, o.seat_state, o.price_fen, o.instrument_fen,
        o.points_fen, o.wallet_fen, o.payable_fen, o.quote_fen, o.quote_least_fen, o.quote_parts,
        o.placed_at, o.hold_expires_at, o.paid_at,
        o.address_sealed, g.public_id AS group_public_id, c.public_id AS campaign_public_id,
        v.public_id AS variant_public_id,
        r.state AS refund_state, r.requested_at, r.accepted_at, back.parts AS refund_parts,
        s.kind AS subsidy_kind, s.state AS subsidy_state, s.amount_fen AS subsidy_fen, s.parts,
        s.due_at, s.issued_at, n.kind AS instrument_kind, n.public_id AS instrument_public_id
    FROM orders o
    JOIN variants v ON v.merchant_id = o.merchant_id AND v.id = o.variant_id
    LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
    LEFT JOIN campaigns c ON c.merchant_id = o.merchant_id AND c.id = o.campaign_id
    LEFT JOIN LATERAL (
        SELECT * FROM refunds r WHERE r.merchant_id = o.merchant_id AND r.order_id = o.id
        ORDER BY (r.state = 'closed'), r.id DESC LIMIT 1
    ) r ON true
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object('means', p.means, 'amount_fen', p.amount_fen,
                'at', p.at, 'is_arrived', p.is_arrived) ORDER BY p.place, p.id) AS parts
        FROM (
            SELECT 1 AS place, f.id, 'gateway' AS means, f.amount_fen, f.arrived_at AS at,
                f.state = 'arrived' AS is_arrived
            FROM refunds f
            WHERE f.merchant_id = o.merchant_id AND f.order_id = o.id AND f.state <> 'closed'
            UNION ALL
            SELECT CASE t.kind WHEN 'wallet.returned' THEN 2 WHEN 'points.returned' THEN 3 ELSE 4
                END, t.id, split_part(t.kind, '.', 1), e.amount_fen, t.at, true
            FROM ledger_transactions t
            JOIN ledger_entries e ON e.merchant_id = t.merchant_id AND e.transaction_id = t.id
                AND e.amount_fen > 0
            WHERE t.merchant_id = o.merchant_id AND t.ref_id = o.id AND t.kind IN (
                'wallet.returned', 'points.returned', 'coupon.returned', 'pass.returned')
        ) p
    ) back ON true
    LEFT JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
    LEFT JOIN instruments n ON n.merchant_id = o.merchant_id AND n.id = o.instrument_id
    WHERE o.merchant_id = :merchant_id AND o.shopper_id = :shopper_id
"""
_ONE = text(_SELECT + " AND o.public_id = :order")
_PAGE = text(_SELECT + " AND o.id < :before_id ORDER BY o.id DESC LIMIT :limit")


def _view(row: RowMapping) -> OrderView:
    sealed = row["address_sealed"]
    return OrderView(
        id=row["public_id"],
        state=row["state"],
        seat_state=row["seat_state"],
        group_id=row["group_public_id"],
        campaign_id=row["campaign_public_id"],
        variant_id=row["variant_public_id"],
        price_fen=row["price_fen"],
        instrument_fen=row["instrument_fen"],
        points_fen=row["points_fen"],
        wallet_fen=row["wallet_fen"],
        payable_fen=row["payable_fen"],
        quote_fen=row["quote_fen"],
        quote_least_fen=row["quote_least_fen"],
        quote_parts=row["quote_parts"],
        placed_at=row["placed_at"],
        hold_expires_at=row["hold_expires_at"],
        paid_at=row["paid_at"],
        address=None if sealed is None else unseal(bytes(sealed), purpose=ADDRESS_PURPOSE),
        refund=_refund(row),
        subsidy=None
        if row["subsidy_state"] is None
        else {
            "kind": row["subsidy_kind"],
            "state": row["subsidy_state"],
            "amount_fen": row["subsidy_fen"],
            "parts": row["parts"],
            "due_at": iso(row["due_at"]),
            "issued_at": iso(row["issued_at"]),
        },
        coupon_id=row["instrument_public_id"] if row["instrument_kind"] == "coupon" else None,
        pass_id=row["instrument_public_id"] if row["instrument_kind"] == "pass" else None,
    )


def _refund(row: RowMapping) -> dict[str, Any] | None:
    """Write what goes back of an order, part by part; None where nothing does.

    What a gateway does not have to give back is there at once. The whole has arrived with its last
    part.
    """
    if row["refund_parts"] is None:
        return None
    parts = [
        {
            "means": part["means"],
            "amount_fen": part["amount_fen"],
            "arrived_at": iso(datetime.fromisoformat(part["at"])) if part["is_arrived"] else None,
        }
        for part in row["refund_parts"]
    ]
    arrivals = [part["arrived_at"] for part in parts]
    last_at = None if None in arrivals else max(arrivals)
    return {
        "state": row["refund_state"] or "arrived",
        "amount_fen": sum(p["amount_fen"] for p in parts if p["means"] in _MONEY),
        "requested_at": iso(row["requested_at"]) or last_at,
        "accepted_at": iso(row["accepted_at"]) or (None if row["refund_state"] else last_at),
        "arrived_at": last_at,
        "parts": parts,
    }


_UNPAID = text(
    """
    SELECT public_id FROM orders
    WHERE merchant_id = :merchant_id AND shopper_id = :shopper_id AND state = 'placed'
        AND releasing_at IS NULL
    """
)
_IN_GROUP = text(
    """
    SELECT o.public_id FROM orders o
    JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
    WHERE o.merchant_id = :merchant_id AND o.shopper_id = :shopper_id AND g.public_id = :group
        AND o.state IN ('placed', 'paid', 'fulfilling', 'fulfilled', 'aftersale')
    """
)


def find_unpaid(session: Session, shopper: tuple[int, int]) -> str | None:
    """Return the public id of the order that a shopper holds unpaid, if there is one."""
    values = {"merchant_id": shopper[0], "shopper_id": shopper[1]}
    found: str | None = session.execute(_UNPAID, values).scalar_one_or_none()
    return found


def find_in_group(session: Session, shopper: tuple[int, int], group: str) -> str | None:
    """Return the public id of a shopper's binding order in a group (public id), if there is one."""
    values = {"merchant_id": shopper[0], "shopper_id": shopper[1], "group": group}
    found: str | None = session.execute(_IN_GROUP, values).scalar_one_or_none()
    return found


def find_order(session: Session, shopper: tuple[int, int], public_id: str) -> OrderView:
    """Return an order of a shopper. Raises OrderNotFound, also for somebody else's."""
    row = (
        session.execute(
            _ONE, {"merchant_id": shopper[0], "shopper_id": shopper[1], "order": public_id}
        )
        .mappings()
        .first()
    )
    if row is None:
        raise OrderNotFound
    return _view(row)


def list_orders(
    session: Session, shopper: tuple[int, int], *, before_id: int, limit: int
) -> Sequence[tuple[int, OrderView]]:
    """List a shopper's orders below an inner id, newest first, each with its inner id."""
    rows = session.execute(
        _PAGE,
        {
            "merchant_id": shopper[0],
            "shopper_id": shopper[1],
            "before_id": before_id,
            "limit": limit,
        },
    ).mappings()
    return [(row["inner_id"], _view(row)) for row in rows]
