"""Set-based moves of orders and groups; the triggers record each with its time and actor."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.arrays import array
from domain.settlement.locking import Key, columns
from domain.states import GroupState, OrderState, SeatState

_ORDERS = text(
    """
    UPDATE orders o SET state = :state, moved_at = :at, moved_by = :actor,
        ended_at = CASE WHEN :is_final THEN :at ELSE o.ended_at END
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
    WHERE o.merchant_id = t.m AND o.id = t.i
    """
)
_SEATS = text(
    """
    UPDATE orders o SET state = :state, seat_state = :seat_state, cap_fen = t.cap, moved_at = :at,
        moved_by = :actor, ended_at = CASE WHEN :is_final THEN :at ELSE o.ended_at END
    FROM unnest(
        CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:caps AS bigint[])
    ) AS t (m, i, cap)
    WHERE o.merchant_id = t.m AND o.id = t.i
    """
)
_GROUPS = text(
    """
    UPDATE groups g SET state = :state, moved_at = :at, moved_by = :actor, version = version + 1,
        end_reason = coalesce(:reason, g.end_reason),
        ended_at = CASE WHEN :is_final THEN :at ELSE g.ended_at END
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
    WHERE g.merchant_id = t.m AND g.id = t.i
    """
)
_FINAL_ORDERS = (OrderState.EXPIRED, OrderState.CANCELLED, OrderState.REFUNDED)
_UNFINISHED_GROUPS = (
    GroupState.PENDING,
    GroupState.OPEN,
    GroupState.FROZEN,
    GroupState.CLOSING,
)


def move_orders(
    session: Session, orders: Sequence[Key], to: OrderState, *, at: datetime, actor: str
) -> None:
    """Move locked orders; their seats stay as they are."""
    if orders:
        session.execute(
            _ORDERS,
            {
                **columns(orders),
                "state": to.value,
                "at": at,
                "actor": actor,
                "is_final": to in _FINAL_ORDERS,
            },
        )


def move_orders_and_seats(
    session: Session,
    orders: Sequence[Key],
    to: OrderState,
    seat_to: SeatState | None,
    *,
    at: datetime,
    actor: str,
    granted: Mapping[Key, int] | None = None,
) -> None:
    """Move locked orders together with their seats (None: a product bought alone has none).

    What was `granted` (fen) goes on counting against the caps; the rest of a quote is released.
    """
    if orders:
        session.execute(
            _SEATS,
            {
                **columns(orders),
                "state": to.value,
                "seat_state": None if seat_to is None else seat_to.value,
                "caps": array((granted or {}).get(key, 0) for key in orders),
                "at": at,
                "actor": actor,
                "is_final": to in _FINAL_ORDERS,
            },
        )


def move_groups(
    session: Session,
    groups: Sequence[Key],
    to: GroupState,
    *,
    at: datetime,
    actor: str,
    reason: str | None = None,
) -> None:
    """Move locked groups."""
    if groups:
        session.execute(
            _GROUPS,
            {
                **columns(groups),
                "state": to.value,
                "at": at,
                "actor": actor,
                "reason": reason,
                "is_final": to not in _UNFINISHED_GROUPS,
            },
        )


_FAIL = text(
    """
    UPDATE groups g SET state = 'failed', moved_at = :at, moved_by = :actor, ended_at = :at,
        taken = g.taken - t.n, paid_seats = t.n, version = g.version + 1
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:paid AS bigint[]))
        AS t (m, i, n)
    WHERE g.merchant_id = t.m AND g.id = t.i
    """
)


def mark_failed(session: Session, paid: dict[Key, int], *, at: datetime, actor: str) -> None:
    """Move locked closing groups to failed; their paid seats have been released."""
    session.execute(
        _FAIL, {**columns(paid), "paid": array(paid.values()), "at": at, "actor": actor}
    )


_COUNT = text(
    """
    UPDATE groups g SET taken = g.taken + t.taken, held = g.held + t.held,
        releasing = g.releasing + t.releasing, version = g.version + 1
    FROM unnest(
        CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]),
        CAST(:taken AS bigint[]), CAST(:held AS bigint[]), CAST(:releasing AS bigint[])
    ) AS t (m, i, taken, held, releasing)
    WHERE g.merchant_id = t.m AND g.id = t.i
    RETURNING g.merchant_id, g.id, g.state, g.taken, g.held, g.releasing
    """
)


def count_seats(
    session: Session, changes: dict[Key, tuple[int, int, int]]
) -> dict[Key, tuple[str, int, int, int]]:
    """Add (taken, held, releasing) to locked groups; returns (state, taken, held, releasing)."""
    rows = session.execute(
        _COUNT,
        {
            **columns(changes),
            "taken": array(change[0] for change in changes.values()),
            "held": array(change[1] for change in changes.values()),
            "releasing": array(change[2] for change in changes.values()),
        },
    )
    return {(row[0], row[1]): (row[2], row[3], row[4], row[5]) for row in rows}
