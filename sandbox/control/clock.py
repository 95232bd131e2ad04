"""The business clock, and whether work that is due by it is done."""

from typing import Any

from flask import Blueprint

from sandbox.clock import rfc3339
from sandbox.control.reading import Refused, body
from sandbox.gateway import Gateway, current_gateway
from sandbox.shapes import number, shape

_CLOCK = shape({"offset_seconds": number(0, 10**10)})


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/clock", view_func=show_clock, methods=["GET"])
    control.add_url_rule("/clock", view_func=move_clock, methods=["POST"])
    control.add_url_rule("/drained", view_func=show_drained, methods=["GET"])


def show_clock() -> dict[str, Any]:
    """Show the offset and business time."""
    return _clock(current_gateway())


def move_clock() -> dict[str, Any]:
    """Move business time forward; what is due then starts at once."""
    given = body(_CLOCK)
    gateway = current_gateway()
    try:
        gateway.clock.move_to(given["offset_seconds"])
    except ValueError as problem:
        raise Refused(str(problem)) from None
    gateway.courier.wake()
    return _clock(gateway)


def _clock(gateway: Gateway) -> dict[str, Any]:
    return {
        "offset_seconds": gateway.clock.offset_seconds,
        "now": rfc3339(gateway.clock.now()),
    }


def show_drained() -> dict[str, Any]:
    """Count what is due now and not done, and say when the next thing falls due."""
    gateway = current_gateway()
    now = gateway.clock.now()
    with gateway.store.snapshot() as db:
        row = db.execute(
            "SELECT"
            " (SELECT count(*) FROM callbacks WHERE state = 'pending' AND is_held = 0"
            "  AND due_at <= :now) + (SELECT count(*) FROM alipay_trades"
            "  WHERE status = 'WAIT_BUYER_PAY' AND expires_at <= :now) AS callbacks,"
            " (SELECT count(*) FROM refunds WHERE status = 'PROCESSING' AND due_at <= :now)"
            "  AS refunds,"
            " (SELECT count(*) FROM transfers WHERE due_at <= :now) AS transfers,"
            " (SELECT min(due_at) FROM (SELECT due_at FROM callbacks WHERE state = 'pending'"
            "  AND is_held = 0 AND due_at > :now UNION ALL SELECT due_at FROM refunds"
            "  WHERE status = 'PROCESSING' AND due_at > :now UNION ALL SELECT due_at FROM transfers"
            "  WHERE due_at > :now)) AS next_due_at",
            {"now": now},
        ).fetchone()
    return {
        "pending_callbacks": row["callbacks"],
        "pending_refunds": row["refunds"],
        "pending_transfers": row["transfers"],
        "next_due_at": None if row["next_due_at"] is None else rfc3339(row["next_due_at"]),
    }
