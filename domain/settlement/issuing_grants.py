"""Issuing grants that waited: scheduled ones when they are due, held ones that staff release."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import outbox
from domain.arrays import array
from domain.ledger import posting
from domain.settlement.granting import issue_of
from domain.settlement.issuing import issue
from domain.settlement.locking import Key, columns
from domain.settlement.movements import Movement, record_movements
from domain.states import GrantState
from domain.terms import read_terms


class WaitingGrant(NamedTuple):
    """A locked grant that is held or scheduled, with the rules it is issued by."""

    merchant_id: int
    id: int
    public_id: str
    order_id: int
    group_id: int
    campaign_id: int
    shopper_id: int
    state: str
    amount_fen: int
    flag: str | None
    terms: str

    @property
    def key(self) -> Key:
        """Return (merchant_id, id)."""
        return (self.merchant_id, self.id)


_LOCK = text(
    """
    SELECT s.merchant_id, s.id, s.public_id, s.order_id, s.group_id, s.campaign_id, s.shopper_id,
        s.state, s.amount_fen, p.flag, r.terms::text AS terms
    FROM grants s
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        ON s.merchant_id = t.m AND s.id = t.i
    JOIN shoppers p ON p.merchant_id = s.merchant_id AND p.id = s.shopper_id
    JOIN groups g ON g.merchant_id = s.merchant_id AND g.id = s.group_id
    JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
    WHERE s.state IN ('held', 'scheduled')
    ORDER BY s.merchant_id, s.id
    FOR NO KEY UPDATE OF s
    """
)
_MOVE = text(
    """
    UPDATE grants g SET state = t.state, moved_at = :at, moved_by = :actor,
        issued_at = CASE WHEN t.state = 'issued' THEN CAST(:at AS timestamptz) END,
        parts = CASE WHEN t.state = 'held'
            THEN g.parts || CAST('[{"kind": "held"}]' AS jsonb) ELSE g.parts END
    FROM unnest(
        CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:states AS text[])
    ) AS t (m, i, state)
    WHERE g.merchant_id = t.m AND g.id = t.i
    """
)


def lock_waiting(session: Session, grants: Sequence[Key]) -> list[WaitingGrant]:
    """Lock those of the grants that are held or scheduled, by id."""
    return [WaitingGrant(*row) for row in session.execute(_LOCK, columns(grants))]


def issue_grants(
    session: Session,
    grants: Sequence[WaitingGrant],
    *,
    reason: str,
    at: datetime,
    actor: str,
) -> None:
    """Issue locked waiting grants: what their groups keep committed for them is spent.

    `reason` names the movement in the campaign's budget.
    """
    if not grants:
        return
    _move(session, grants, GrantState.ISSUED, at=at, actor=actor)
    issues = [
        issue_of(g.key, g.shopper_id, read_terms(g.terms).subsidy, g.amount_fen) for g in grants
    ]
    posting.post(session, issue(session, issues, at=at, actor=actor), at=at)
    record_movements(
        session,
        [
            Movement(
                g.merchant_id,
                g.campaign_id,
                g.group_id,
                reason,
                order_id=g.order_id,
                committed_fen=-g.amount_fen,
                spent_fen=g.amount_fen,
            )
            for g in grants
        ],
        at=at,
    )


def issue_scheduled(session: Session, keys: Sequence[Key], *, at: datetime, actor: str) -> None:
    """Issue scheduled grants that are due; those of shoppers who are flagged by now are held."""
    scheduled = [g for g in lock_waiting(session, keys) if g.state == GrantState.SCHEDULED]
    flagged = [g for g in scheduled if g.flag is not None]
    if flagged:
        _move(session, flagged, GrantState.HELD, at=at, actor=actor)
    clear = [g for g in scheduled if g.flag is None]
    issue_grants(session, clear, reason="grant_matured", at=at, actor=actor)
    outbox.emit(
        session,
        [outbox.NewFact(g.merchant_id, "grant.matured", g.order_id) for g in clear],
        at=at,
    )


def _move(
    session: Session, grants: Sequence[WaitingGrant], to: GrantState, *, at: datetime, actor: str
) -> None:
    session.execute(
        _MOVE,
        {
            **columns(g.key for g in grants),
            "states": array(to.value for _ in grants),
            "at": at,
            "actor": actor,
        },
    )
