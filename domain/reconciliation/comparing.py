"""Comparing a kept bill with our rows, line by line, both ways; each difference becomes a task.

A line is looked up whichever day our row is of; our row is looked up in the bills of all days.
Amounts of transfers are positive where money left and negative where it came back.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain.clock import day_start
from domain.public_ids import new_public_id
from domain.reconciliation.downloading import DayOfAccount

CLOCKS_DIFFER_BY = timedelta(minutes=5)
"""A refund is in the bill of the day it was asked for by the gateway's clock, not by ours."""
SYSTEM = "system"
NO_LONGER = "the bill and our books agree now"

_OURS = """
    SELECT 'payment' AS subject, p.public_id AS number, p.transaction_no AS gateway_no,
        p.received_fen AS amount_fen, p.succeeded_at AS at, p.state = 'succeeded' AS is_ours
    FROM payments p
    WHERE p.merchant_id = :merchant_id AND p.gateway_account_id = :account_id AND {payments}
    UNION ALL
    SELECT 'refund', coalesce(r.elsewhere_no, r.public_id), NULL, r.amount_fen, r.accepted_at,
        r.accepted_at IS NOT NULL OR r.state IN ('arrived', 'abnormal', 'closed')
    FROM refunds r
    JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        AND p.gateway_account_id = :account_id
    WHERE r.merchant_id = :merchant_id AND {refunds}
    UNION ALL
    SELECT 'transfer', w.public_id, w.transfer_no, w.net_fen, coalesce(w.awaiting_at, w.ended_at),
        w.transfer_no IS NOT NULL OR w.state IN ('awaiting_shopper', 'succeeded')
    FROM withdrawals w
    WHERE w.merchant_id = :merchant_id AND w.gateway_account_id = :account_id AND {transfers}
"""
_NAMED = "{}.public_id IN (SELECT number FROM lines WHERE subject = '{}')"
_ELSEWHERE = "r.elsewhere_no IN (SELECT number FROM lines WHERE subject = 'refund')"
_FROM_LINES = text(
    f"""
    WITH lines AS MATERIALIZED (
        SELECT subject, number, gateway_no, amount_fen, at, currency, said,
            row_number() OVER (
                PARTITION BY subject, number, sign(amount_fen) ORDER BY id) AS repetition
        FROM bill_lines WHERE merchant_id = :merchant_id AND reconciliation_id = :id
    ), ours AS MATERIALIZED ({
        _OURS.format(
            payments=_NAMED.format("p", "payment"),
            refunds=f"({_NAMED.format('r', 'refund')} OR {_ELSEWHERE})",
            transfers=_NAMED.format("w", "transfer"),
        )
    })
    SELECT l.subject, l.number, l.gateway_no, o.amount_fen AS our_fen, l.amount_fen AS their_fen,
        o.at AS our_at, l.at AS their_at, CASE
            WHEN l.subject = 'unreadable' THEN 'unreadable'
            WHEN l.currency NOT IN ('', 'CNY') THEN 'currency_differs'
            WHEN o.is_ours IS NOT TRUE OR l.repetition > 1
                OR (l.subject = 'payment' AND l.gateway_no <> o.gateway_no) THEN 'missing_here'
            WHEN abs(l.amount_fen) <> o.amount_fen THEN 'amount_differs'
            WHEN l.subject = 'payment' AND NOT (o.at >= :since AND o.at < :until) THEN 'late'
        END AS kind, nullif(l.said, '') AS said
    FROM lines l LEFT JOIN ours o ON o.subject = l.subject AND o.number = l.number
    ORDER BY 1, 2
    """  # noqa: S608 - constants only
)
_FROM_OURS = text(
    f"""
    WITH ours AS ({
        _OURS.format(
            payments="p.succeeded_at >= :since AND p.succeeded_at < :until",
            refunds="r.accepted_at >= :since_asked AND r.accepted_at < :until_asked",
            transfers="w.state = 'succeeded' AND w.ended_at >= :since AND w.ended_at < :until",
        )
    })
    SELECT o.subject, o.number, o.gateway_no, o.amount_fen AS our_fen,
        CAST(NULL AS bigint) AS their_fen, o.at AS our_at,
        CAST(NULL AS timestamptz) AS their_at, 'missing_there' AS kind
    FROM ours o
    WHERE o.is_ours AND NOT EXISTS (
        SELECT 1 FROM bill_lines l
        WHERE l.merchant_id = :merchant_id AND l.subject = o.subject AND l.number = o.number)
    ORDER BY 1, 2
    """  # noqa: S608 - constants only
)
_FOUND = text(
    """
    INSERT INTO reconciliation_tasks (merchant_id, public_id, reconciliation_id, kind, subject,
        number, gateway_no, our_fen, their_fen, our_at, their_at, said, found_at)
    SELECT :merchant_id, t.public_id, :id, t.kind, t.subject, t.number, t.gateway_no, t.our_fen,
        t.their_fen, t.our_at, t.their_at, t.said, :at
    FROM jsonb_to_recordset(:tasks) AS t (
        public_id text, kind text, subject text, number text, gateway_no text, our_fen bigint,
        their_fen bigint, our_at timestamptz, their_at timestamptz, said text)
    ON CONFLICT (merchant_id, reconciliation_id, kind, subject, number) DO NOTHING
    """
).bindparams(bindparam("tasks", type_=JSONB))
_SETTLE = text(
    """
    UPDATE reconciliation_tasks k SET resolved_at = :at, resolved_by = :who, resolution = :why
    WHERE k.merchant_id = :merchant_id AND k.reconciliation_id = :id AND k.resolved_at IS NULL
        AND k.kind <> 'late' AND NOT EXISTS (
            SELECT 1 FROM jsonb_to_recordset(:tasks) AS t (kind text, subject text, number text)
            WHERE t.kind = k.kind AND t.subject = k.subject AND t.number = k.number)
    """
).bindparams(bindparam("tasks", type_=JSONB))
_COMPARED = text(
    """
    UPDATE reconciliations SET compared_at = :at, lines = :lines, matched = :matched
    WHERE merchant_id = :merchant_id AND id = :id
    """
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One line that is not the same on both sides; `kind` is None where it is.

    `said` is the line itself where nobody could read it.
    """

    subject: str
    number: str
    gateway_no: str | None
    our_fen: int | None
    their_fen: int | None
    our_at: datetime | None
    their_at: datetime | None
    kind: str | None
    said: str | None = None


def compare(
    session: Session, day: DayOfAccount, *, learnt: Collection[tuple[str, str]], at: datetime
) -> list[Difference]:
    """Compare a kept bill with our rows and write the differences as tasks; returns them.

    `learnt` are the lines that were news to us: `late`. May be repeated: a difference is one task,
    and one that is gone is resolved.
    """
    lines = find_lines(session, day)
    differences = [line for line in lines if line.kind is not None]
    differences += [_late(line) for line in lines if _is_news(line, learnt)]
    differences += _missing_there(session, day)
    _record(session, day, differences, at=at)
    matched = sum(line.kind is None for line in lines)
    session.execute(_COMPARED, {**_key(day), "at": at, "lines": len(lines), "matched": matched})
    return differences


def find_lines(session: Session, day: DayOfAccount) -> list[Difference]:
    """List a kept bill's lines, each with our row where there is one, and what differs."""
    return [Difference(*row) for row in session.execute(_FROM_LINES, _values(day))]


def _missing_there(session: Session, day: DayOfAccount) -> list[Difference]:
    return [Difference(*row) for row in session.execute(_FROM_OURS, _values(day))]


def _is_news(line: Difference, learnt: Collection[tuple[str, str]]) -> bool:
    return line.kind != "late" and (line.subject, line.number) in learnt


def _late(line: Difference) -> Difference:
    return Difference(
        line.subject,
        line.number,
        line.gateway_no,
        line.our_fen,
        line.their_fen,
        line.our_at,
        line.their_at,
        "late",
    )


def _record(
    session: Session, day: DayOfAccount, differences: list[Difference], *, at: datetime
) -> None:
    tasks = [
        {
            "public_id": new_public_id(),
            "kind": found.kind,
            "subject": found.subject,
            "number": found.number,
            "gateway_no": found.gateway_no,
            "our_fen": found.our_fen,
            "their_fen": found.their_fen,
            "our_at": found.our_at and found.our_at.isoformat(),
            "their_at": found.their_at and found.their_at.isoformat(),
            "said": found.said,
        }
        for found in differences
    ]
    session.execute(_FOUND, {**_key(day), "tasks": tasks, "at": at})
    session.execute(
        _SETTLE, {**_key(day), "tasks": tasks, "at": at, "who": SYSTEM, "why": NO_LONGER}
    )


def _key(day: DayOfAccount) -> dict[str, int]:
    return {"merchant_id": day.key[0], "id": day.key[1]}


def _values(day: DayOfAccount) -> dict[str, object]:
    since, until = day_start(day.on), day_start(day.on + timedelta(days=1))
    return {
        **_key(day),
        "account_id": day.account.id,
        "since": since,
        "until": until,
        "since_asked": since - CLOCKS_DIFFER_BY,
        "until_asked": until - CLOCKS_DIFFER_BY,
    }
