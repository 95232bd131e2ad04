"""Rules of placing an order: how long a hold lasts, what subsidy is promised. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

HOLD = timedelta(minutes=5)
ALONE_HOLD = timedelta(minutes=15)
RELEASING_LIMIT = timedelta(minutes=15)
LAST_JOIN = timedelta(minutes=1)
OPENING_MARGIN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Quote:
    """The promised subsidy: fen, and the parts that add up to it."""

    amount_fen: int
    parts: list[dict[str, Any]]


def hold_until(at: datetime, deadline_at: datetime | None) -> datetime:
    """Return when an unpaid seat's hold runs out: after 5 minutes, or at the deadline."""
    until = at + HOLD
    return until if deadline_at is None else min(until, deadline_at)


def quote_cash(base_fen: int, *, price_fen: int, cap_left_fen: int | None) -> Quote:
    """Quote a fixed cash subsidy, cut to what was paid and to what the day's cap leaves."""
    parts: list[dict[str, Any]] = [{"kind": "base", "amount_fen": base_fen}]
    amount = base_fen
    for by, limit in (("paid", price_fen), ("merchant_daily_cash_cap", cap_left_fen)):
        if limit is not None and amount > limit:
            parts.append({"kind": "cut", "by": by, "amount_fen": limit - amount})
            amount = limit
    return Quote(amount, parts)
