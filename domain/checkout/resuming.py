"""Resuming what waits for an account's funds: refunds, or transfers to shoppers."""

import logging
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from domain import work
from domain.payments.quotas import PROBE_EVERY, Key, Operation, end_shortage
from domain.settlement import paying_out, refunding

logger = logging.getLogger(__name__)

_KINDS: Mapping[Operation, str] = {"refund": refunding.WORK, "transfer": paying_out.WORK}
_WAITING: Mapping[Operation, TextClause] = {
    "refund": text(
        """
        SELECT w.merchant_id, w.subject_id FROM work_rows w
        JOIN refunds r ON r.merchant_id = w.merchant_id AND r.id = w.subject_id
        JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        WHERE w.merchant_id = :merchant_id AND w.kind = :kind AND w.state = 'due'
            AND w.due_at > :at AND w.due_at <= :until AND p.gateway_account_id = :account_id
            AND r.state IN ('requested', 'sending', 'needs_funds')
        ORDER BY w.merchant_id, w.id
        FOR UPDATE OF w SKIP LOCKED
        """
    ),
    "transfer": text(
        """
        SELECT w.merchant_id, w.subject_id FROM work_rows w
        JOIN withdrawals d ON d.merchant_id = w.merchant_id AND d.id = w.subject_id
        WHERE w.merchant_id = :merchant_id AND w.kind = :kind AND w.state = 'due'
            AND w.due_at > :at AND w.due_at <= :until AND d.gateway_account_id = :account_id
            AND d.state IN ('requested', 'needs_funds')
        ORDER BY w.merchant_id, w.id
        FOR UPDATE OF w SKIP LOCKED
        """
    ),
}


def resume(session: Session, account: Key, operation: Operation, *, at: datetime) -> bool:
    """Lift the mark of an account that was short: what waits for its funds is due now.

    Returns whether anything waited. What a worker holds at this moment comes within a minute. May
    be repeated; call it where no order is locked.
    """
    shortage = end_shortage(session, account, operation)
    until = at + PROBE_EVERY
    waiting = session.execute(
        _WAITING[operation],
        {
            "merchant_id": account[0],
            "account_id": account[1],
            "kind": _KINDS[operation],
            "at": at,
            "until": until if shortage is None else max(until, shortage.probe_at),
        },
    ).all()
    keys = [(row.merchant_id, row.subject_id) for row in waiting]
    work.hasten(session, _KINDS[operation], keys, due_at=at)
    if shortage is not None or keys:
        logger.info(
            "account resumed",
            extra={
                "merchant_id": account[0],
                "gateway_account_id": account[1],
                "operation": operation,
                "hastened": len(keys),
            },
        )
    return shortage is not None or bool(keys)
