"""Driving subscribe messages: each notice that has a template is told once, or given up.

A message never touches money: refused or failed, its notice stays in the inbox. It is tried again
only where nobody knows whether it went out, or WeChat had no time; a consent is good for one
message, so that a second one of the same is refused there.
"""

import logging
from datetime import datetime

from sqlalchemy import text

from domain import work
from domain.checkout.driving import drive
from domain.database import reading, transaction
from domain.errors import GatewayFailed
from domain.gateways.miniprogram import MessageResult, MiniProgram
from domain.merchants.queries import APP_SECRET_PURPOSE
from domain.notices.sending import SEND_MESSAGE, UnsentMessage, find_unsent, record_result
from domain.sealing import unseal
from domain.work import Lease

logger = logging.getLogger(__name__)

BATCH = 32
MOST_TRIES = 12
"""About twenty minutes: later than that, the news is old."""

_OVER = text(
    """
    SELECT n.merchant_id, n.id FROM notices n
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON n.merchant_id = t.m AND n.id = t.s
    WHERE n.sent_at IS NOT NULL
    """
)


def drive_messages(*, at: datetime, limit: int = BATCH) -> int:
    """Send messages that are due; returns how many were looked at."""
    return drive(SEND_MESSAGE, _step, over=_OVER, at=at, limit=limit)


def _step(lease: Lease, at: datetime) -> None:
    with reading() as session:
        unsent = find_unsent(session, lease.subject)
    if unsent is None:
        with transaction() as session:
            work.finish(session, [lease])
        return
    try:
        result = _send(unsent)
    except GatewayFailed:
        if lease.attempts < MOST_TRIES:
            raise
        logger.warning("message given up", extra={"notice_id": lease.subject_id})
        result = MessageResult.FAILED
    with transaction() as session:
        record_result(session, lease.subject, result.value, at=at)
        work.finish(session, [lease])


def _send(unsent: UnsentMessage) -> MessageResult:
    secret = str(unseal(unsent.secret_sealed, purpose=APP_SECRET_PURPOSE))
    message = unsent.message
    return MiniProgram(unsent.app_id, secret).send_subscribe_message(
        unsent.openid,
        message.template_id,
        page=message.page,
        data=message.data,
        language=unsent.language,
    )
