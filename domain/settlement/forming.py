"""Forming: the last seat is paid; stock is consumed, caps are released, orders are fulfilled."""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from domain import outbox
from domain.database import one_row
from domain.ledger import posting
from domain.settlement.locking import LockedGroup

_SOLD = posting.written(
    """
    SELECT merchant_id AS m, 'order.sold' AS kind, id AS ref, price_fen AS amount,
        'order_deposits' AS src, 0 AS src_owner, 'sales' AS dst, 0 AS dst_owner,
        CAST(%(at)s AS timestamptz) AS at
    FROM sold
    """
)
_TOLD = outbox.told(
    "group.formed",
    "SELECT merchant_id, id AS subject_id, CAST(%(at)s AS timestamptz) AS at FROM formed",
)
_FORM: Final = f"""
    WITH sold AS (
        UPDATE orders SET state = 'fulfilling', moved_at = %(at)s, moved_by = 'settlement:form'
        WHERE merchant_id = %(merchant_id)s AND group_id = %(group_id)s AND state = 'paid'
        RETURNING merchant_id, id, shopper_id, price_fen, cap_on, quote_fen
    ), {_SOLD}, released AS (
        UPDATE shopper_days d SET cash_reserved_fen = d.cash_reserved_fen - q.fen
        FROM (
            SELECT merchant_id, shopper_id, cap_on, sum(quote_fen) AS fen
            FROM sold WHERE quote_fen > 0 GROUP BY 1, 2, 3
        ) q
        WHERE d.merchant_id = q.merchant_id AND d.shopper_id = q.shopper_id AND d.on_day = q.cap_on
    ), formed AS (
        UPDATE groups SET state = 'formed', paid_seats = size, version = version + 1,
            moved_at = %(at)s, moved_by = 'settlement:form', ended_at = %(at)s
        WHERE merchant_id = %(merchant_id)s AND id = %(group_id)s
        RETURNING merchant_id, id, campaign_id, size, largest_subsidy_fen
    ), moved AS (
        INSERT INTO campaign_movements (merchant_id, campaign_id, group_id, reason, committed_fen,
            stock_committed, stock_consumed, groups_formed, people_paid, at)
        SELECT merchant_id, campaign_id, id, 'formed', -size * largest_subsidy_fen, -size, size, 1,
            size, %(at)s
        FROM formed
    ), {_TOLD}
    SELECT (SELECT count(*) FROM entries) AS entries
"""  # noqa: S608 - constants only


def form_group(session: Session, group: LockedGroup, *, at: datetime) -> None:
    """Form a locked group whose seats are all paid; its members' days are locked."""
    values = {"merchant_id": group.merchant_id, "group_id": group.id, "at": at}
    posting.check_entries(one_row(session, _FORM, values).entries, of=group.size)
