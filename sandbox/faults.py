"""Faults that can be switched on: which rules there are, and which of them hit a call."""

import secrets
import threading
from dataclasses import dataclass, replace
from typing import Any

from sandbox.fault_kinds import KINDS, MORE_OPERATIONS, SILENT_OPERATIONS
from sandbox.lies import KINDS as LIES
from sandbox.store import Store

NAMES = {
    "latency": "wait latency_ms before the effect",
    "latency_after": "wait latency_ms after the effect: accepted, then hanging",
    "drop_before": "close the connection without effect or answer",
    "drop_after": "close the connection without an answer after the effect",
    "error_before": "500 SYSTEM_ERROR without effect",
    "error_after": "500 SYSTEM_ERROR after the effect",
    "frequency_limited": "429 FREQUENCY_LIMITED without effect",
    "bad_signature": "answer with a signature that does not fit",
    "other_spelling": "spell error codes as other official pages do",
    "paid_at_close": "close: the shopper pays just before it",
    "paid_before_answer": "prepay: paid, and its callback delivered, before the answer",
    "not_enough": "refund and transfer: NOT_ENOUGH whatever the balance",
    "refund_abnormal": "refund: accepted, ends as ABNORMAL",
    "refund_closed": "refund: accepted, ends as CLOSED",
    "token_expired": "mini-program: the access token ends just before the call",
    "subscribe_refused": "send_message: the shopper refuses, whatever was agreed",
    "login_code_used": "code2session: the code has been used by somebody else",
}
TOKEN_OPERATIONS = ("phone_number", "qr_code", "url_link", "send_message", "upload_shipping")
OPERATIONS: tuple[str, ...] = (
    "*",
    "prepay",
    "query",
    "close",
    "refund",
    "query_refund",
    "transfer",
    "query_transfer",
    "bill",
    "code2session",
    "stable_token",
    *TOKEN_OPERATIONS,
)
_ONLY = {
    "paid_at_close": ("close",),
    "paid_before_answer": ("prepay",),
    "not_enough": ("refund", "transfer"),
    "refund_abnormal": ("refund",),
    "refund_closed": ("refund",),
    "token_expired": TOKEN_OPERATIONS,
    "subscribe_refused": ("send_message",),
    "login_code_used": ("code2session",),
}
_MORE = KINDS | LIES
NAMES |= {name: meaning for name, (_, meaning) in _MORE.items()}
_ONLY |= {name: operations for name, (operations, _) in _MORE.items()}
OPERATIONS += (*MORE_OPERATIONS, *SILENT_OPERATIONS)
_DICE = secrets.SystemRandom()


@dataclass(frozen=True)
class Fault:
    """One rule; `remaining` counts down, None is without end."""

    id: int
    name: str
    operation: str
    mchid: str | None
    probability: float
    remaining: int | None
    latency_ms: int
    fired: int
    reason: str | None = None
    days: float | None = None

    def fits(self, operation: str, mchid: str | None) -> bool:
        """Say whether the rule is about this call at all."""
        if self.remaining == 0 or self.mchid not in {None, mchid}:
            return False
        if operation in SILENT_OPERATIONS and self.name not in _MORE:
            return False
        return operation in _ONLY.get(self.name, (operation,)) and self.operation in {
            "*",
            operation,
        }


class Faults:
    """The rules in force, kept over restarts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._rules = self._load()

    def _load(self) -> list[Fault]:
        with self._store.snapshot() as db:
            return [Fault(**row) for row in db.execute("SELECT * FROM faults ORDER BY id")]

    def rules(self) -> list[Fault]:
        """List the rules, spent ones too."""
        return list(self._rules)

    def add(self, rule: dict[str, Any]) -> Fault:
        """Put a rule in force."""
        values = {
            "operation": "*",
            "mchid": None,
            "probability": 1.0,
            "remaining": rule.get("count"),
            "latency_ms": 0,
            "reason": None,
            "days": None,
            **{name: value for name, value in rule.items() if name != "count"},
        }
        with self._lock:
            with self._store.transaction() as db:
                db.execute(
                    "INSERT INTO faults (name, operation, mchid, probability, remaining,"
                    " latency_ms, reason, days) VALUES (:name, :operation, :mchid, :probability,"
                    " :remaining, :latency_ms, :reason, :days)",
                    values,
                )
            self._rules = self._load()
            return self._rules[-1]

    def remove(self, fault_id: int | None) -> int:
        """Take one rule, or all, out of force; returns how many."""
        with self._lock:
            with self._store.transaction() as db:
                removed = db.execute(
                    "DELETE FROM faults WHERE ? IS NULL OR id = ?", (fault_id, fault_id)
                ).rowcount
            self._rules = self._load()
            return removed

    def draw(self, operation: str, mchid: str | None) -> dict[str, Fault]:
        """Return the faults that hit this call, by name, and count them."""
        if not self._rules:
            return {}
        with self._lock:
            hits = [
                rule
                for rule in self._rules
                if rule.fits(operation, mchid) and _DICE.random() < rule.probability
            ]
            for rule in hits:
                self._count(rule)
        return {rule.name: rule for rule in hits}

    def _count(self, rule: Fault) -> None:
        remaining = None if rule.remaining is None else rule.remaining - 1
        counted = replace(rule, remaining=remaining, fired=rule.fired + 1)
        with self._store.transaction() as db:
            db.execute(
                "UPDATE faults SET remaining = ?, fired = ? WHERE id = ?",
                (counted.remaining, counted.fired, counted.id),
            )
        self._rules = [counted if one.id == rule.id else one for one in self._rules]
