"""People who work for a merchant: owners add them, change them and shut them out."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from api import auth
from api.blueprint import Blueprint
from api.schemas.merchant.staff import (
    NewRoleSchema,
    NewStaffSchema,
    StaffListSchema,
    StaffMemberSchema,
    StaffPasswordSchema,
    StaffReasonSchema,
    StaffSessionListSchema,
)
from domain import clock
from domain.database import read_clock, reading, transaction
from domain.errors import TooManyAttempts
from domain.merchants import adding, passwords, staffing
from domain.merchants.auditing import audit
from domain.merchants.errors import LastOwner, LoginTaken, StaffNotFound, StaffOwn
from domain.merchants.rules import Role
from domain.merchants.staffing import StaffMember

blueprint = Blueprint(
    "merchant-staff",
    __name__,
    url_prefix="/v1/merchant/staff",
    description="People who work for a merchant, for its owners",
    caller="staff",
)

Change = Callable[[Session, StaffMember], object]


@blueprint.route(
    "",
    role=Role.OWNER,
    name="list_staff",
)
@blueprint.response(200, StaffListSchema)
def list_() -> dict[str, Any]:
    """List who works here, and who left."""
    caller = auth.require_staff()
    with reading() as session:
        found = staffing.list_staff(session, caller.merchant_id, now=clock.real_now())
    return {"items": found, "next_cursor": None}


@blueprint.route(
    "",
    methods=["POST"],
    role=Role.OWNER,
    refuses=(LoginTaken, TooManyAttempts),
    name="add_staff",
)
@blueprint.arguments(NewStaffSchema)
@blueprint.response(201, StaffMemberSchema)
def add(arguments: dict[str, Any]) -> StaffMember:
    """Add a person with a login."""
    caller, at, now = auth.require_staff(), read_clock(), clock.real_now()
    with passwords.lane(is_known=True):
        new = adding.prepare_staff(
            name=arguments["name"],
            role=Role(arguments["role"]),
            login=arguments["login"],
            password=arguments["password"],
        )
    with transaction() as session:
        staff = adding.add_staff(session, caller.merchant_id, new, at=at)
        audit(
            session,
            caller.actor,
            "staff.added",
            subject_kind="staff",
            subject_id=staff.id,
            at=at,
            reason=arguments["reason"],
            after={"name": new.name, "role": new.role.value},
        )
        return staffing.find_staff(session, caller.merchant_id, staff.public_id, now=now)


@blueprint.route(
    "/<id:staff_id>/role",
    methods=["POST"],
    role=Role.OWNER,
    refuses=(StaffNotFound, LastOwner),
    name="change_staff_role",
)
@blueprint.arguments(NewRoleSchema)
@blueprint.response(200, StaffMemberSchema)
def change_role(arguments: dict[str, Any], staff_id: str) -> StaffMember:
    """Give a person another role, from their next request on."""
    merchant_id, role = auth.require_staff().merchant_id, Role(arguments["role"])

    def change(session: Session, person: StaffMember) -> None:
        staffing.change_role(session, merchant_id, person, role)

    return _change(staff_id, "staff.role_changed", arguments["reason"], change)


@blueprint.route(
    "/<id:staff_id>/disable",
    methods=["POST"],
    role=Role.OWNER,
    refuses=(StaffNotFound, StaffOwn, LastOwner),
    name="disable_staff",
)
@blueprint.arguments(StaffReasonSchema)
@blueprint.response(200, StaffMemberSchema)
def disable(arguments: dict[str, Any], staff_id: str) -> StaffMember:
    """Shut a person out at once: sessions end, and the login opens no more."""
    caller, at, now = auth.require_staff(), read_clock(), clock.real_now()

    def change(session: Session, person: StaffMember) -> None:
        staffing.require_other(person, caller.staff_id)
        staffing.disable(session, caller.merchant_id, person, at=at, now=now)

    return _change(staff_id, "staff.disabled", arguments["reason"], change)


@blueprint.route(
    "/<id:staff_id>/enable",
    methods=["POST"],
    role=Role.OWNER,
    refuses=(StaffNotFound,),
    name="enable_staff",
)
@blueprint.arguments(StaffReasonSchema)
@blueprint.response(200, StaffMemberSchema)
def enable(arguments: dict[str, Any], staff_id: str) -> StaffMember:
    """Let a person in again."""
    merchant_id = auth.require_staff().merchant_id

    def change(session: Session, person: StaffMember) -> None:
        staffing.enable(session, merchant_id, person)

    return _change(staff_id, "staff.enabled", arguments["reason"], change)


@blueprint.route(
    "/<id:staff_id>/password",
    methods=["POST"],
    role=Role.OWNER,
    refuses=(StaffNotFound, StaffOwn, TooManyAttempts),
    name="reset_staff_password",
)
@blueprint.arguments(StaffPasswordSchema)
@blueprint.response(200, StaffMemberSchema)
def reset_password(arguments: dict[str, Any], staff_id: str) -> StaffMember:
    """Give a person another password; their sessions end."""
    caller, now = auth.require_staff(), clock.real_now()
    with passwords.lane(is_known=True):
        password_hash = passwords.hash_password(arguments["password"])

    def change(session: Session, person: StaffMember) -> None:
        staffing.require_other(person, caller.staff_id)
        staffing.reset_password(session, caller.merchant_id, person, password_hash, now=now)

    return _change(staff_id, "staff.password_reset", arguments["reason"], change)


@blueprint.route(
    "/<id:staff_id>/sessions",
    role=Role.OWNER,
    refuses=(StaffNotFound,),
    name="list_staff_sessions",
)
@blueprint.response(200, StaffSessionListSchema)
def list_sessions(staff_id: str) -> dict[str, Any]:
    """List a person's sessions: since when, and from where."""
    merchant_id, now = auth.require_staff().merchant_id, clock.real_now()
    with reading() as session:
        person = staffing.find_staff(session, merchant_id, staff_id, now=now)
        found = staffing.list_sessions(session, merchant_id, person.row_id, now=now)
    return {"items": found, "next_cursor": None}


@blueprint.route(
    "/<id:staff_id>/sessions/end",
    methods=["POST"],
    role=Role.OWNER,
    refuses=(StaffNotFound,),
    name="end_staff_sessions",
)
@blueprint.arguments(StaffReasonSchema)
@blueprint.response(200, StaffMemberSchema)
def end_sessions(arguments: dict[str, Any], staff_id: str) -> StaffMember:
    """End all sessions of a person; the login still opens."""
    merchant_id, now = auth.require_staff().merchant_id, clock.real_now()

    def change(session: Session, person: StaffMember) -> None:
        staffing.end_sessions(session, merchant_id, person.row_id, now=now)

    return _change(staff_id, "staff.sessions_ended", arguments["reason"], change)


def _change(staff_id: str, action: str, reason: str, change: Change) -> StaffMember:
    """Change a person and record it, in one transaction; returns them as they are then."""
    caller, at, now = auth.require_staff(), read_clock(), clock.real_now()
    with transaction() as session:
        before = staffing.find_staff(session, caller.merchant_id, staff_id, now=now)
        change(session, before)
        after = staffing.find_staff(session, caller.merchant_id, staff_id, now=now)
        audit(
            session,
            caller.actor,
            action,
            subject_kind="staff",
            subject_id=before.row_id,
            at=at,
            reason=reason,
            before=_audited(before),
            after=_audited(after),
        )
    return after


def _audited(person: StaffMember) -> dict[str, Any]:
    return {
        "role": person.role,
        "is_disabled": person.disabled_at is not None,
        "sessions": person.sessions,
    }
