"""The outbox: facts, written with the change they tell of, and one work row per consumer.

There is no cursor over ids (late commits would be skipped): each consumer finds its own rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

CONSUMERS: Mapping[str, tuple[str, ...]] = {
    "group.formed": ("notify",),
    "group.failed": ("notify",),
    "order.settled_late": ("notify",),
    "order.refunded": ("notify",),
    "order.expired": ("notify",),
    "order.bought": ("notify",),
    "order.led": ("notify",),
    "payment.returned": ("notify",),
    "grant.released": ("notify",),
    "grant.denied": ("notify",),
    "grant.matured": ("notify",),
    "reward.issued": ("notify",),
    "gift.issued": ("notify",),
    "coupon.expiring": ("notify",),
    "pass.expiring": ("notify",),
    "points.expiring": ("notify",),
    "withdrawal.awaiting": ("notify",),
    "withdrawal.paid": ("notify",),
    "withdrawal.returned": ("notify",),
}
"""Which consumers hear of a kind of fact; `jobs/reactions.py` says what each of them does."""


@dataclass(frozen=True, slots=True)
class NewFact:
    """A fact to be told: what happened, to which row, with what else a consumer needs."""

    merchant_id: int
    kind: str
    subject_id: int
    payload: Mapping[str, Any] = field(default_factory=dict)


def told(kind: str, facts: str) -> str:
    """Write the table expressions that tell facts of a kind, for a statement of one's own.

    `facts` selects merchant_id, subject_id, at.
    """
    consumers = ", ".join(f"('{consumer}')" for consumer in CONSUMERS[kind])
    return f"""
    told AS (
        INSERT INTO facts (merchant_id, kind, subject_id, payload, at)
        SELECT merchant_id, '{kind}', subject_id, '{{}}', at FROM ({facts}) AS f
        RETURNING merchant_id, id, at
    ), delivered AS (
        INSERT INTO work_rows (merchant_id, kind, subject_id, due_at)
        SELECT told.merchant_id, c.consumer, told.id, told.at
        FROM told CROSS JOIN (VALUES {consumers}) AS c (consumer)
    )"""  # noqa: S608 - constants only


_EMIT = text(
    """
    WITH told AS (
        INSERT INTO facts (merchant_id, kind, subject_id, payload, at)
        SELECT t.merchant_id, t.kind, t.subject_id, t.payload, :at
        FROM jsonb_to_recordset(:facts)
            AS t (merchant_id bigint, kind text, subject_id bigint, payload jsonb)
        RETURNING merchant_id, id, kind
    )
    INSERT INTO work_rows (merchant_id, kind, subject_id, due_at)
    SELECT told.merchant_id, c.consumer, told.id, :at
    FROM told JOIN jsonb_to_recordset(:consumers) AS c (kind text, consumer text) USING (kind)
    """
).bindparams(bindparam("facts", type_=JSONB), bindparam("consumers", type_=JSONB))


def emit(session: Session, facts: Sequence[NewFact], *, at: datetime) -> None:
    """Write facts and their deliveries in the caller's transaction."""
    if not facts:
        return
    kinds = {fact.kind for fact in facts}
    session.execute(
        _EMIT,
        {
            "at": at,
            "facts": [
                {
                    "merchant_id": fact.merchant_id,
                    "kind": fact.kind,
                    "subject_id": fact.subject_id,
                    "payload": dict(fact.payload),
                }
                for fact in facts
            ],
            "consumers": [
                {"kind": kind, "consumer": consumer}
                for kind in kinds
                for consumer in CONSUMERS[kind]
            ],
        },
    )
