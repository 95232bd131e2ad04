"""Movements of a campaign's budget, stock and totals; a job folds them into the campaign."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain.settlement.locking import Key


class Movement(NamedTuple):
    """What one step of a group moves, added to the campaign; (group, reason, order) is unique."""

    merchant_id: int
    campaign_id: int
    group_id: int
    reason: str
    order_id: int = 0
    committed_fen: int = 0
    spent_fen: int = 0
    stock_committed: int = 0
    stock_consumed: int = 0
    groups_opened: int = 0
    groups_formed: int = 0
    groups_failed: int = 0
    people_paid: int = 0


_COLUMNS = (
    "merchant_id, campaign_id, group_id, reason, order_id, committed_fen, spent_fen,"
    " stock_committed, stock_consumed, groups_opened, groups_formed, groups_failed, people_paid"
)
_RECORD = text(
    f"""
    INSERT INTO campaign_movements ({_COLUMNS}, at)
    SELECT {_COLUMNS}, :at
    FROM jsonb_to_recordset(:movements) AS t (
        merchant_id bigint, campaign_id bigint, group_id bigint, reason text, order_id bigint,
        committed_fen bigint, spent_fen bigint, stock_committed bigint, stock_consumed bigint,
        groups_opened bigint, groups_formed bigint, groups_failed bigint, people_paid bigint)
    """  # noqa: S608 - constants only
).bindparams(bindparam("movements", type_=JSONB))


def record_movements(session: Session, movements: Sequence[Movement], *, at: datetime) -> None:
    """Write movements to be folded; touches no row of a campaign."""
    if movements:
        session.execute(_RECORD, {"movements": [m._asdict() for m in movements], "at": at})


_FOLD = text(
    """
    WITH picked AS (
        SELECT merchant_id, id FROM campaign_movements
        WHERE merchant_id = :merchant_id AND campaign_id = :campaign_id AND folded_at IS NULL
        ORDER BY id LIMIT 5000 FOR UPDATE SKIP LOCKED
    ), folded AS (
        UPDATE campaign_movements m SET folded_at = :at FROM picked p
        WHERE m.merchant_id = p.merchant_id AND m.id = p.id
        RETURNING m.*
    ), sums AS (
        SELECT merchant_id, campaign_id, sum(committed_fen) AS committed, sum(spent_fen) AS spent,
            sum(stock_committed) AS stock_committed, sum(stock_consumed) AS stock_consumed,
            sum(groups_opened) AS opened, sum(groups_formed) AS formed,
            sum(groups_failed) AS failed, sum(people_paid) AS people
        FROM folded GROUP BY 1, 2
    ), changed AS (
        UPDATE campaigns c SET
            committed_fen = c.committed_fen + s.committed, spent_fen = c.spent_fen + s.spent,
            stock_committed = c.stock_committed + s.stock_committed,
            stock_consumed = c.stock_consumed + s.stock_consumed,
            groups_opened = c.groups_opened + s.opened, groups_formed = c.groups_formed + s.formed,
            groups_failed = c.groups_failed + s.failed, people_paid = c.people_paid + s.people
        FROM sums s WHERE c.merchant_id = s.merchant_id AND c.id = s.campaign_id
    )
    SELECT count(*) FROM folded
    """
)


_UNFOLDED = text(
    "SELECT DISTINCT merchant_id, campaign_id FROM campaign_movements WHERE folded_at IS NULL"
    " ORDER BY 1, 2"
)


def find_unfolded(session: Session) -> list[Key]:
    """Find the campaigns that have movements to fold."""
    return [(row.merchant_id, row.campaign_id) for row in session.execute(_UNFOLDED)]


def fold_movements(session: Session, campaign: Key, *, at: datetime) -> int:
    """Fold up to 5,000 movements into their campaign; returns how many. Locks the campaign."""
    values = {"merchant_id": campaign[0], "campaign_id": campaign[1], "at": at}
    return int(session.execute(_FOLD, values).scalar_one())
