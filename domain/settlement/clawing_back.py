"""Clawing back what a grant, a reward or a gift issued, never more than is unspent.

A coupon or pass is taken whole or not at all, points as whole ones; external points are out of
reach. A wallet is spent oldest first: what came later is not taken for what is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain.ledger import balances, posting
from domain.ledger.posting import SHARED, WALLET, Posting
from domain.money import point_fen
from domain.public_ids import new_public_id
from domain.settlement.issuing import EXPENSES, HOLDERS, Source
from domain.settlement.locking import Key
from domain.states import InstrumentState
from domain.subsidies.errors import NothingToClawBack
from domain.terms import SubsidyKind


@dataclass(frozen=True, slots=True)
class ClawBack:
    """What is to be taken back of: all that is unspent, or at most so many fen; and why."""

    source: Source
    source_key: Key
    reason: str
    at_most_fen: int | None = None


_LOCK_SOURCE = {
    Source.GRANT: text(
        """
        SELECT shopper_id, kind, amount_fen - clawed_back_fen AS left_fen FROM grants
        WHERE merchant_id = :merchant_id AND id = :id AND state IN ('issued', 'clawed_back')
        FOR NO KEY UPDATE
        """
    ),
    Source.REWARD: text(
        """
        SELECT referrer_id AS shopper_id, 'coupon' AS kind, amount_fen - clawed_back_fen AS left_fen
        FROM rewards WHERE merchant_id = :merchant_id AND id = :id FOR NO KEY UPDATE
        """
    ),
    Source.GIFT: text(
        """
        SELECT shopper_id, kind, amount_fen - clawed_back_fen AS left_fen FROM gifts
        WHERE merchant_id = :merchant_id AND id = :id FOR NO KEY UPDATE
        """
    ),
}
_LOCK_INSTRUMENT = text(
    """
    SELECT id, state, value_fen FROM instruments
    WHERE merchant_id = :merchant_id AND source = :source AND source_id = :id FOR UPDATE
    """
)
_LOCK_LOT = text(
    """
    SELECT l.id, l.left_fen, s.points_per_yuan FROM point_lots l
    JOIN merchant_settings s ON s.merchant_id = l.merchant_id
    WHERE l.merchant_id = :merchant_id AND l.source = :source AND l.source_id = :id
    FOR UPDATE OF l
    """
)
# By the ledger's order of issuing: instants may be equal.
_LATER_CASH = text(
    """
    WITH issued AS (
        SELECT t.id, t.kind, t.ref_id FROM ledger_transactions t
        JOIN ledger_entries e ON e.merchant_id = t.merchant_id AND e.transaction_id = t.id
        JOIN ledger_accounts a ON a.merchant_id = e.merchant_id AND a.id = e.account_id
        WHERE a.merchant_id = :merchant_id AND a.kind = 'wallet' AND a.owner_id = :shopper_id
            AND t.kind IN ('grant.issued', 'gift.issued')
    ), later AS (
        SELECT kind, ref_id FROM issued
        WHERE id > (SELECT id FROM issued WHERE kind = :source || '.issued' AND ref_id = :id)
    )
    SELECT coalesce(sum(amount_fen - clawed_back_fen), 0)::bigint FROM (
        SELECT g.amount_fen, g.clawed_back_fen FROM later JOIN grants g
            ON g.merchant_id = :merchant_id AND g.id = later.ref_id AND later.kind = 'grant.issued'
        UNION ALL
        SELECT g.amount_fen, g.clawed_back_fen FROM later JOIN gifts g
            ON g.merchant_id = :merchant_id AND g.id = later.ref_id AND later.kind = 'gift.issued'
    ) sources
    """
)
_TAKE_INSTRUMENT = text(
    """
    UPDATE instruments SET state = 'clawed_back', moved_at = :at, moved_by = :actor
    WHERE merchant_id = :merchant_id AND source = :source AND source_id = :id
    """
)
_TAKE_POINTS = text(
    """
    UPDATE point_lots SET left_fen = left_fen - :fen, clawed_back_fen = clawed_back_fen + :fen
    WHERE merchant_id = :merchant_id AND source = :source AND source_id = :id
    """
)
_NOTE = {
    Source.GRANT: text(
        """
        UPDATE grants SET clawed_back_fen = clawed_back_fen + :fen, state = 'clawed_back',
            moved_at = :at, moved_by = :actor
        WHERE merchant_id = :merchant_id AND id = :id
        """
    ),
    Source.REWARD: text(
        """
        UPDATE rewards SET clawed_back_fen = clawed_back_fen + :fen
        WHERE merchant_id = :merchant_id AND id = :id
        """
    ),
    Source.GIFT: text(
        """
        UPDATE gifts SET clawed_back_fen = clawed_back_fen + :fen
        WHERE merchant_id = :merchant_id AND id = :id
        """
    ),
}
_RECORD = text(
    """
    INSERT INTO clawbacks (merchant_id, public_id, source, source_id, amount_fen, reason, actor, at)
    VALUES (:merchant_id, :public_id, :source, :id, :fen, :reason, :actor, :at)
    RETURNING id
    """
)


def claw_back(session: Session, wanted: ClawBack, *, at: datetime, actor: str) -> int:
    """Take back what is unspent; returns how many fen. Locks the source, then what holds it.

    The campaign's or the goodwill budget is not given back. Raises NothingToClawBack.
    """
    merchant_id, source_id = wanted.source_key
    names = {"merchant_id": merchant_id, "id": source_id, "source": wanted.source.value}
    source = session.execute(
        _LOCK_SOURCE[wanted.source], {"merchant_id": merchant_id, "id": source_id}
    ).first()
    fen = 0 if source is None else _takable(session, wanted, source, names)
    if source is None or fen == 0:
        raise NothingToClawBack
    kind = SubsidyKind(source.kind)
    told = {"at": at, "actor": actor}
    if kind.expires:
        session.execute(_TAKE_INSTRUMENT, {**names, **told})
    elif kind is SubsidyKind.POINTS:
        session.execute(_TAKE_POINTS, {**names, "fen": fen})
    note = {"merchant_id": merchant_id, "id": source_id, "fen": fen}
    session.execute(_NOTE[wanted.source], note | (told if wanted.source is Source.GRANT else {}))
    clawback_id = session.execute(
        _RECORD,
        {**names, **told, "fen": fen, "reason": wanted.reason, "public_id": new_public_id()},
    ).scalar_one()
    holder = HOLDERS[kind]
    posting.post(
        session,
        [
            Posting(
                merchant_id,
                "clawback",
                clawback_id,
                holder,
                EXPENSES[wanted.source],
                fen,
                source_owner_id=source.shopper_id if holder == WALLET else SHARED,
            )
        ],
        at=at,
    )
    return fen


def _takable(
    session: Session,
    wanted: ClawBack,
    source: Row[tuple[int, str, int]],
    names: Mapping[str, object],
) -> int:
    """Return how much of a source can be taken, in fen; locks what holds it."""
    most: int = source.left_fen
    if wanted.at_most_fen is not None:
        most = min(most, wanted.at_most_fen)
    kind = SubsidyKind(source.kind)
    if kind is SubsidyKind.CASH:
        shopper = (wanted.source_key[0], source.shopper_id)
        balance = balances.locked_wallet_balance(session, shopper)
        later = session.execute(_LATER_CASH, {**names, "shopper_id": source.shopper_id})
        return max(0, min(most, balance - int(later.scalar_one())))
    if kind.expires:
        instrument = session.execute(_LOCK_INSTRUMENT, names).one()
        is_whole = instrument.state == InstrumentState.ISSUED and most >= instrument.value_fen
        return int(instrument.value_fen) if is_whole else 0
    if kind is SubsidyKind.POINTS:
        lot = session.execute(_LOCK_LOT, names).one()
        fen = min(most, int(lot.left_fen))
        return fen - fen % point_fen(lot.points_per_yuan)
    return 0
