"""Topping an account up: staff say that it has funds again, and what waited goes on at once.

The transaction is core's, as quotas and work are core's to write. So every statement here names the
merchant of the acting member of staff.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from domain import idempotency
from domain.checkout.resuming import resume
from domain.clock import iso
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.payments.errors import UnknownGatewayAccount
from domain.payments.quotas import OPERATIONS, find_shortages

logger = logging.getLogger(__name__)

_FIND = text(
    "SELECT id FROM gateway_accounts WHERE merchant_id = :merchant_id AND public_id = :public_id"
)


@dataclass(frozen=True, slots=True)
class SayToppedUp:
    """Say that an account (public id) has funds again, and why."""

    actor: StaffActor
    key: RequestKey
    account_id: str
    reason: str


def say_topped_up(command: SayToppedUp, *, at: datetime) -> dict[str, Any]:
    """Resume what waits for an account's funds; returns which operations went on.

    May be repeated with its key. Raises UnknownGatewayAccount, RoleTooLow, Busy,
    IdempotencyKeyReused.
    """
    command.actor.require(Role.OPERATOR)
    merchant_id = command.actor.merchant_id
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return done
        found = session.execute(
            _FIND, {"merchant_id": merchant_id, "public_id": command.account_id}
        ).scalar()
        if found is None:
            raise UnknownGatewayAccount
        account = (merchant_id, int(found))
        short = {
            operation: find_shortages(session, [account], operation).get(account)
            for operation in OPERATIONS
        }
        resumed = [
            operation for operation in OPERATIONS if resume(session, account, operation, at=at)
        ]
        audit(
            session,
            command.actor,
            "gateway_account.topped_up",
            subject_kind="gateway_account",
            subject_id=account[1],
            at=at,
            reason=command.reason,
            before={
                f"{operation}_short_since": iso(shortage.since)
                for operation, shortage in short.items()
                if shortage is not None
            },
            after={"resumed": resumed},
        )
        body = {"id": command.account_id, "resumed": resumed}
        idempotency.store(session, command.key, body, at=at, status=200)
    logger.info("account topped up", extra={"gateway_account_id": account[1]})
    return body
