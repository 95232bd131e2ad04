"""Staff, their logins and sessions."""

import hashlib
import secrets
from datetime import timedelta

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from domain import clock
from domain.models import Staff, StaffLogin, StaffSession
from domain.public_ids import new_public_id

_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def make_staff(
    session: Session,
    merchant_id: int,
    *,
    role: str = "owner",
    name: str = "王店长",
    login: str | None = None,
    password: str | None = None,
) -> Staff:
    """A login is made where a password is given."""
    staff = Staff(
        merchant_id=merchant_id,
        public_id=new_public_id(),
        name=name,
        role=role,
        created_at=clock.real_now(),
        disabled_at=None,
    )
    session.add(staff)
    session.flush()
    if password is not None:
        session.add(
            StaffLogin(
                login=login or f"staff-{staff.public_id}",
                merchant_id=merchant_id,
                staff_id=staff.id,
                password_hash=_CHEAP.hash(password),
            )
        )
        session.flush()
    return staff


def make_staff_session(session: Session, staff: Staff, *, lives: timedelta | None = None) -> str:
    """Return the bearer token."""
    token = secrets.token_urlsafe(32)
    now = clock.real_now()
    session.add(
        StaffSession(
            token_hash=hashlib.sha256(token.encode()).digest(),
            merchant_id=staff.merchant_id,
            staff_id=staff.id,
            created_at=now,
            expires_at=now + (lives or timedelta(hours=12)),
            revoked_at=None,
        )
    )
    session.flush()
    return token
