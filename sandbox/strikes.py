"""Faults of callbacks: kept back, lost, doubled, forged, at the first delivery of each."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from sqlite3 import Row

from sandbox.fault_kinds import FORGED
from sandbox.faults import Fault, Faults
from sandbox.posting import Poster
from sandbox.store import Store

AT_ONCE = 8
OUT_OF_ORDER_SECONDS = 3600.0
Sent = tuple[int | None, str | None]
Post = Callable[[Poster], Sent]


class Strikes:
    """What is in store for callbacks that were not tried yet; `now` is business time."""

    def __init__(self, store: Store, faults: Faults, now: Callable[[], float]) -> None:
        self._store = store
        self._faults = faults
        self._now = now
        self._postponed: set[int] = set()

    def draw(self, row: Row) -> Mapping[str, Fault]:
        """Return the faults that strike a callback: at its first try, and once."""
        if row["attempts"] or row["id"] in self._postponed:
            return {}
        return self._faults.draw(_operation(row), row["mchid"])

    def keeps(self, row: Row, faults: Mapping[str, Fault]) -> bool:
        """Lose or postpone a callback if that struck it; say whether it is not sent now."""
        if "callback_never" in faults:
            self._change(row, "state = 'lost'", ())
        elif "callback_late" in faults:
            self._postpone(row, faults["callback_late"].latency_ms / 1000)
        elif "callback_out_of_order" in faults:
            self._postpone(row, OUT_OF_ORDER_SECONDS)
        else:
            return False
        return True

    def send(
        self, faults: Mapping[str, Fault], genuine: Post, forged: Callable[[str], None]
    ) -> Sent:
        """Send a callback as the faults say; returns how (one of) the genuine went."""
        for name in FORGED:
            if f"callback_{name}" in faults:
                forged(name)
        if "callback_parallel" in faults:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                first, *_ = pool.map(lambda _: _alone(genuine), range(AT_ONCE))
            return first
        sent = _alone(genuine)
        if "callback_twice" in faults and sent[1] is None:
            _alone(genuine)
        return sent

    def release(self, row: Row) -> None:
        """Let go the callbacks that waited for this one of the same order."""
        if not self._postponed:
            return
        with self._store.transaction() as db:
            waiting = db.execute(
                "SELECT id FROM callbacks WHERE mchid = ? AND out_trade_no = ? AND id <> ?"
                " AND state = 'pending' AND attempts = 0",
                (row["mchid"], row["out_trade_no"], row["id"]),
            ).fetchall()
            for one in waiting:
                if one["id"] in self._postponed:
                    db.execute(
                        "UPDATE callbacks SET due_at = min(due_at, ?) WHERE id = ?",
                        (self._now(), one["id"]),
                    )

    def _postpone(self, row: Row, seconds: float) -> None:
        self._postponed.add(row["id"])
        self._change(row, "due_at = ?", (self._now() + seconds,))

    def _change(self, row: Row, change: str, values: tuple[float, ...]) -> None:
        with self._store.transaction() as db:
            db.execute(
                f"UPDATE callbacks SET {change} WHERE id = ?",  # noqa: S608
                (*values, row["id"]),
            )


def _alone(post: Post) -> Sent:
    """Post over a connection of its own."""
    poster = Poster()
    try:
        return post(poster)
    finally:
        poster.close()


def _operation(row: Row) -> str:
    if row["out_bill_no"] is not None:
        return "transfer_callback"
    return "refund_callback" if row["original_type"] == "refund" else "payment_callback"
