"""Forming: the last seat is paid; stock is consumed, caps are released, orders are fulfilled."""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from domain import outbox
from domain.database import one_row
from domain.ledger import posting
from domain.settlement.locking import LockedGroup

REWARD_GROUP = "reward_group"
"""Work: deciding the rewards of a group that formed or failed."""

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
        UPDATE orders SET state = 'fulfilling', cap_fen = 0, moved_at = %(at)s,
            moved_by = 'settlement:form'
        WHERE merchant_id = %(merchant_id)s AND group_id = %(group_id)s AND state = 'paid'
        RETURNING merchant_id, id, price_fen
    ), {_SOLD}, formed AS (
        UPDATE groups SET state = 'formed', paid_seats = size, version = version + 1,
            moved_at = %(at)s, moved_by = 'settlement:form', ended_at = %(at)s
        WHERE merchant_id = %(merchant_id)s AND id = %(group_id)s
        RETURNING merchant_id, id, campaign_id, size, largest_subsidy_fen, largest_reward_fen
    ), moved AS (
        INSERT INTO campaign_movements (merchant_id, campaign_id, group_id, reason, committed_fen,
            stock_committed, stock_consumed, groups_formed, people_paid, at)
        SELECT merchant_id, campaign_id, id, 'formed', -size * largest_subsidy_fen, -size, size, 1,
            size, %(at)s
        FROM formed
    ), rewarded AS (
        INSERT INTO work_rows (merchant_id, kind, subject_id, due_at)
        SELECT merchant_id, '{REWARD_GROUP}', id, %(at)s FROM formed WHERE largest_reward_fen > 0
    ), {_TOLD}
    SELECT (SELECT count(*) FROM entries) AS entries
"""  # noqa: S608 - constants only


def form_group(session: Session, group: LockedGroup, *, at: datetime) -> None:
    """Form a locked group whose seats are all paid.

    What may still be due to inviters stays committed until their rewards are decided.
    """
    values = {"merchant_id": group.merchant_id, "group_id": group.id, "at": at}
    posting.check_entries(one_row(session, _FORM, values).entries, of=group.size)
