"""Deciding and issuing subsidies: one decision per order, credited at once unless held."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain.arrays import array
from domain.ledger.posting import SUBSIDY_EXPENSE, WALLET, Posting
from domain.public_ids import new_public_id
from domain.risk.recording import Judged, record_decisions
from domain.risk.rules import Outcome, judge_settlement
from domain.settlement.locking import DayChange, LockedOrder
from domain.states import GrantState
from domain.subsidies.rules import GrantDecision, decide_grant


@dataclass(frozen=True, slots=True)
class Granted:
    """What deciding a batch came to: postings and day changes for the caller, outcome by order."""

    postings: list[Posting]
    day_changes: list[DayChange]
    decisions: dict[tuple[int, int], GrantDecision]


_DECIDE = text(
    """
    INSERT INTO grants (merchant_id, public_id, order_id, group_id, campaign_id, shopper_id, state,
        kind, quote_fen, amount_fen, parts, deadline_at, decided_at, due_at, moved_at, moved_by)
    SELECT m, public_id, order_id, group_id, campaign_id, shopper_id, 'decided',
        'cash', quote, amount, parts, deadline_at, :at, :at, :at, :actor
    FROM jsonb_to_recordset(:grants) AS t (
        m bigint, public_id text, order_id bigint, group_id bigint, campaign_id bigint,
        shopper_id bigint, quote bigint, amount bigint, parts jsonb, deadline_at timestamptz)
    RETURNING merchant_id, id, order_id
    """
).bindparams(bindparam("grants", type_=JSONB))
_CONCLUDE = text(
    """
    UPDATE grants g SET state = t.state, moved_at = :at, moved_by = :actor,
        issued_at = CASE WHEN t.state = 'issued' THEN CAST(:at AS timestamptz) END
    FROM unnest(
        CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:states AS text[])
    ) AS t (m, i, state)
    WHERE g.merchant_id = t.m AND g.id = t.i
    """
)


def grant_subsidies(
    session: Session,
    orders: Sequence[LockedOrder],
    *,
    deadline_of: dict[tuple[int, int], datetime],
    at: datetime,
    actor: str,
) -> Granted:
    """Decide the subsidy of each order of a failed group, and issue what is not held.

    Writes grants and risk decisions; the postings and the changes of the (locked) days are the
    caller's to write, so that a whole chunk is posted once. Deciding an order twice breaks
    `uq_grants_merchant_id_order_id`.
    """
    if not orders:
        return Granted([], [], {})
    judged = {o.key: judge_settlement(flag=o.flag, risk_so_far=o.risk_outcome) for o in orders}
    record_decisions(
        session,
        [Judged(o.merchant_id, o.shopper_id, o.id, judged[o.key]) for o in orders],
        point="settle",
        at=at,
    )
    decisions = {
        o.key: decide_grant(
            o.quote_fen or 0,
            o.quote_parts or [],
            is_to_be_held=judged[o.key].outcome is not Outcome.ALLOW,
        )
        for o in orders
    }
    made = session.execute(
        _DECIDE,
        {
            "at": at,
            "actor": actor,
            "grants": [
                {
                    "m": o.merchant_id,
                    "public_id": new_public_id(),
                    "order_id": o.id,
                    "group_id": o.group_id,
                    "campaign_id": o.campaign_id,
                    "shopper_id": o.shopper_id,
                    "quote": o.quote_fen,
                    "amount": decisions[o.key].amount_fen,
                    "parts": decisions[o.key].parts,
                    "deadline_at": deadline_of[o.group_key].isoformat(),
                }
                for o in orders
            ],
        },
    ).all()
    grant_of = {(row.merchant_id, row.order_id): row.id for row in made}
    session.execute(
        _CONCLUDE,
        {
            "at": at,
            "actor": actor,
            "merchants": array(o.merchant_id for o in orders),
            "ids": array(grant_of[o.key] for o in orders),
            "states": array(decisions[o.key].state.value for o in orders),
        },
    )
    return Granted(
        _issue_postings(orders, decisions, grant_of), _day_changes(orders, decisions), decisions
    )


def _issue_postings(
    orders: Sequence[LockedOrder],
    decisions: dict[tuple[int, int], GrantDecision],
    grant_of: dict[tuple[int, int], int],
) -> list[Posting]:
    return [
        issue_posting(o.merchant_id, grant_of[o.key], o.shopper_id, decisions[o.key].amount_fen)
        for o in orders
        if decisions[o.key].state is GrantState.ISSUED
    ]


def issue_posting(merchant_id: int, grant_id: int, shopper_id: int, amount_fen: int) -> Posting:
    """Build the one ledger transaction of an issued grant."""
    return Posting(
        merchant_id,
        "grant.issued",
        grant_id,
        SUBSIDY_EXPENSE,
        WALLET,
        amount_fen,
        destination_owner_id=shopper_id,
    )


def _day_changes(
    orders: Sequence[LockedOrder], decisions: dict[tuple[int, int], GrantDecision]
) -> list[DayChange]:
    changes = []
    for order in orders:
        decision = decisions[order.key]
        if decision.state is GrantState.HELD or order.cap_on is None:
            continue
        used = decision.amount_fen if decision.state is GrantState.ISSUED else 0
        changes.append(
            DayChange(
                order.merchant_id,
                order.shopper_id,
                order.cap_on,
                reserved_fen=-(order.quote_fen or 0),
                used_fen=used,
            )
        )
    return changes
