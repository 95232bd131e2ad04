"""Letting staff in: the attempt is counted, the password looked at, and either is on record.

Each step has a transaction of its own, and none is open while the password is looked at: that
takes a while on purpose.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from domain.addresses import network_of
from domain.database import reading, transaction
from domain.errors import TooManyAttempts
from domain.merchants import passwords
from domain.merchants.attempts import Attempt, AttemptLimits, begin_attempt, forget_failures
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.errors import WrongLogin
from domain.merchants.queries import (
    StaffIdentity,
    StoredLogin,
    find_login,
    find_staff_of_token,
)
from domain.merchants.rules import Role, normalise_login
from domain.merchants.signing_in import open_session

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody says who wants in; `device` is set where it has signed this login in before."""

    login: str
    password: str
    client_address: str | None
    device: str | None


@dataclass(frozen=True, slots=True)
class Admitted:
    """A session that was opened, and whose it is."""

    token: str
    staff: StaffIdentity


def admit(
    credentials: Credentials, limits: AttemptLimits, *, at: datetime, now: datetime
) -> Admitted:
    """Open a session for a login whose password fits; `now` is real time.

    Raises TooManyAttempts, WrongLogin.
    """
    login = normalise_login(credentials.login)
    attempt = Attempt(login, network_of(credentials.client_address), credentials.device)
    with reading() as session:
        stored = find_login(session, login)
    try:
        with transaction() as session:
            begin_attempt(session, attempt, limits, now=now)
    except TooManyAttempts:
        _log_refusal("too_many_attempts", stored)
        raise
    with passwords.lane(is_known=credentials.device is not None):
        fits = passwords.matches(stored.password_hash if stored else None, credentials.password)
    if stored is None or not fits:
        _record_refusal(stored, credentials, at=at)
        raise WrongLogin
    with transaction() as session:
        token = open_session(session, stored, now=now, client_address=credentials.client_address)
        found = find_staff_of_token(session, token, now=now)
        if found is None:
            raise WrongLogin
        forget_failures(session, attempt)
        actor = _actor(stored, Role(found.role), credentials)
        audit(
            session,
            actor,
            "session.opened",
            subject_kind="staff",
            subject_id=stored.staff_id,
            at=at,
        )
    logger.info("staff signed in", extra=_ids(stored))
    return Admitted(token, found)


def _record_refusal(stored: StoredLogin | None, credentials: Credentials, *, at: datetime) -> None:
    """Record that a sign-in failed, in the audit log where the login is somebody's."""
    _log_refusal("wrong_password" if stored else "unknown_login", stored)
    if stored is None:
        return
    with transaction() as session:
        audit(
            session,
            _actor(stored, Role.VIEWER, credentials),
            "session.refused",
            subject_kind="staff",
            subject_id=stored.staff_id,
            at=at,
        )


def _actor(stored: StoredLogin, role: Role, credentials: Credentials) -> StaffActor:
    return StaffActor(stored.merchant_id, stored.staff_id, role, credentials.client_address)


def _log_refusal(why: str, stored: StoredLogin | None) -> None:
    logger.warning("staff sign-in refused", extra={"why": why, **_ids(stored)})


def _ids(stored: StoredLogin | None) -> dict[str, int]:
    if stored is None:
        return {}
    return {"merchant_id": stored.merchant_id, "staff_id": stored.staff_id}
