"""Who works for a merchant: roles, passwords, sessions; people leave and come back.

All of it is the owners', but for one's own password. The last owner who may sign in stays one.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain.merchants.errors import LastOwner, StaffNotFound, StaffOwn
from domain.merchants.rules import Role


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person as owners see them; sessions are those that live."""

    row_id: int
    id: str
    name: str
    role: str
    login: str | None
    created_at: datetime
    disabled_at: datetime | None
    last_signed_in_at: datetime | None
    sessions: int


@dataclass(frozen=True, slots=True)
class StaffSessionLine:
    """A session that lives: since when, until when, from where."""

    opened_at: datetime
    expires_at: datetime
    client_address: str | None


_MEMBERS = """
    SELECT s.id AS row_id, s.public_id AS id, s.name, s.role, l.login, s.created_at, s.disabled_at,
        t.last_signed_in_at, coalesce(t.sessions, 0) AS sessions
    FROM staff s
    LEFT JOIN staff_logins l ON l.merchant_id = s.merchant_id AND l.staff_id = s.id
    LEFT JOIN LATERAL (
        SELECT max(created_at) AS last_signed_in_at,
            count(*) FILTER (WHERE revoked_at IS NULL AND expires_at > :now) AS sessions
        FROM staff_sessions t WHERE t.merchant_id = s.merchant_id AND t.staff_id = s.id
    ) t ON true
    WHERE s.merchant_id = :merchant_id
"""
_ALL = text(_MEMBERS + " ORDER BY s.disabled_at IS NOT NULL, s.id")
_ONE = text(_MEMBERS + " AND s.public_id = :public_id")
_LOCK_OWNERS = text(
    """
    SELECT id FROM staff
    WHERE merchant_id = :merchant_id AND role = 'owner' AND disabled_at IS NULL
    ORDER BY id FOR UPDATE
    """
)
_SET_ROLE = text("UPDATE staff SET role = :role WHERE merchant_id = :merchant_id AND id = :id")
_DISABLE = text(
    """
    UPDATE staff SET disabled_at = coalesce(disabled_at, :at)
    WHERE merchant_id = :merchant_id AND id = :id
    """
)
_ENABLE = text("UPDATE staff SET disabled_at = NULL WHERE merchant_id = :merchant_id AND id = :id")
_SET_PASSWORD = text(
    """
    UPDATE staff_logins SET password_hash = :password_hash
    WHERE merchant_id = :merchant_id AND staff_id = :id
    """
)
_END_SESSIONS = text(
    """
    UPDATE staff_sessions SET revoked_at = :now
    WHERE merchant_id = :merchant_id AND staff_id = :id AND revoked_at IS NULL
        AND expires_at > :now
        AND token_hash <> coalesce(CAST(:kept AS bytea), CAST('' AS bytea))
    """
)
_SESSIONS = text(
    """
    SELECT created_at AS opened_at, expires_at, client_address FROM staff_sessions
    WHERE merchant_id = :merchant_id AND staff_id = :id AND revoked_at IS NULL
        AND expires_at > :now
    ORDER BY created_at DESC
    """
)
_PASSWORD = text(
    "SELECT password_hash FROM staff_logins WHERE merchant_id = :merchant_id AND staff_id = :id"
)


def list_staff(session: Session, merchant_id: int, *, now: datetime) -> list[StaffMember]:
    """List the people of a merchant, those who left at the end."""
    rows = session.execute(_ALL, {"merchant_id": merchant_id, "now": now})
    return [_member(row) for row in rows]


def find_staff(session: Session, merchant_id: int, public_id: str, *, now: datetime) -> StaffMember:
    """Return a person of a merchant. Raises StaffNotFound."""
    values = {"merchant_id": merchant_id, "public_id": public_id, "now": now}
    row = session.execute(_ONE, values).one_or_none()
    if row is None:
        raise StaffNotFound
    return _member(row)


def _member(row: Row[tuple[object, ...]]) -> StaffMember:
    return StaffMember(**row._mapping)


def change_role(session: Session, merchant_id: int, person: StaffMember, role: Role) -> None:
    """Give a person another role; locks the owners. Raises LastOwner."""
    if role is not Role.OWNER:
        _require_another_owner(session, merchant_id, person)
    values = {"merchant_id": merchant_id, "id": person.row_id, "role": role.value}
    session.execute(_SET_ROLE, values)


def disable(
    session: Session, merchant_id: int, person: StaffMember, *, at: datetime, now: datetime
) -> int:
    """Shut a person out and end their sessions; returns how many. Raises LastOwner."""
    _require_another_owner(session, merchant_id, person)
    session.execute(_DISABLE, {"merchant_id": merchant_id, "id": person.row_id, "at": at})
    return end_sessions(session, merchant_id, person.row_id, now=now)


def enable(session: Session, merchant_id: int, person: StaffMember) -> None:
    """Let a person in again."""
    session.execute(_ENABLE, {"merchant_id": merchant_id, "id": person.row_id})


def reset_password(
    session: Session, merchant_id: int, person: StaffMember, password_hash: str, *, now: datetime
) -> int:
    """Give a person another password and end their sessions; returns how many.

    Raises StaffNotFound where the person has no login.
    """
    write_password(session, merchant_id, person.row_id, password_hash)
    return end_sessions(session, merchant_id, person.row_id, now=now)


def write_password(session: Session, merchant_id: int, staff_id: int, password_hash: str) -> None:
    """Replace the hash of a person's password. Raises StaffNotFound where there is no login."""
    values = {"merchant_id": merchant_id, "id": staff_id, "password_hash": password_hash}
    if session.execute(_SET_PASSWORD, values).rowcount == 0:  # type: ignore[attr-defined]
        raise StaffNotFound


def read_password_hash(session: Session, merchant_id: int, staff_id: int) -> str | None:
    """Return the hash of a person's password; None where there is no login."""
    values = {"merchant_id": merchant_id, "id": staff_id}
    found: str | None = session.execute(_PASSWORD, values).scalar()
    return found


def end_sessions(
    session: Session, merchant_id: int, staff_id: int, *, now: datetime, kept: bytes | None = None
) -> int:
    """End a person's sessions but the one of a token's hash; returns how many ended."""
    values = {"merchant_id": merchant_id, "id": staff_id, "now": now, "kept": kept}
    return int(session.execute(_END_SESSIONS, values).rowcount)  # type: ignore[attr-defined]


def list_sessions(
    session: Session, merchant_id: int, staff_id: int, *, now: datetime
) -> list[StaffSessionLine]:
    """List a person's sessions that live, the newest first."""
    values = {"merchant_id": merchant_id, "id": staff_id, "now": now}
    return [StaffSessionLine(*row) for row in session.execute(_SESSIONS, values)]


def require_other(person: StaffMember, staff_id: int) -> None:
    """Raise StaffOwn where a person would do to themselves what another owner is to do."""
    if person.row_id == staff_id:
        raise StaffOwn


def _require_another_owner(session: Session, merchant_id: int, person: StaffMember) -> None:
    owners = session.scalars(_LOCK_OWNERS, {"merchant_id": merchant_id}).all()
    if person.row_id in owners and len(owners) == 1:
        raise LastOwner
