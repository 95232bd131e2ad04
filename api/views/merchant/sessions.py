"""Staff's sign-in."""

from typing import Any

from api import auth, request_context
from api.auth import StaffCaller
from api.blueprint import Blueprint
from api.limits import own_password_limiter, password_limits
from api.schemas.merchant.sessions import (
    StaffSelfSchema,
    StaffSignedInSchema,
    StaffSignInSchema,
)
from api.schemas.merchant.staff import OwnPasswordSchema
from domain import clock
from domain.database import read_clock, reading, transaction
from domain.errors import TooManyAttempts
from domain.merchants import passwords, staffing
from domain.merchants.admitting import Credentials, admit
from domain.merchants.auditing import audit
from domain.merchants.errors import StaffNotFound, WrongLogin, WrongPassword
from domain.merchants.queries import hash_token
from domain.merchants.rules import normalise_login
from domain.merchants.signing_in import SESSION_LIFE, revoke_session

open_blueprint = Blueprint(
    "merchant-sign-in", __name__, url_prefix="/v1/merchant", description="Staff's sign-in"
)
blueprint = Blueprint(
    "merchant-session",
    __name__,
    url_prefix="/v1/merchant/sessions/current",
    description="Staff's own session",
    caller="staff",
)


@open_blueprint.route(
    "/sessions",
    methods=["POST"],
    refuses=(
        WrongLogin,
        TooManyAttempts,
    ),
)
@open_blueprint.arguments(StaffSignInSchema)
@open_blueprint.response(201, StaffSignedInSchema)
def sign_in(arguments: dict[str, Any]) -> dict[str, Any]:
    """Sign in with login and password; failures are limited by login and address.

    Whoever keeps the `device_token` and sends it the next time is counted by that device alone.
    """
    now = clock.real_now()
    login = normalise_login(arguments["login"])
    device = auth.device_of(arguments["device_token"], login)
    credentials = Credentials(
        login, arguments["password"], request_context.client_address(), device
    )
    admitted = admit(credentials, password_limits(), at=read_clock(), now=now)
    found = admitted.staff
    return {
        "token": admitted.token,
        "expires_at": now + SESSION_LIFE,
        "device_token": auth.issue_device_token(login, device),
        "staff": {"id": found.public_id, "name": found.name, "role": found.role},
        "merchant": {"id": found.merchant_public_id, "name": found.merchant_name},
    }


@blueprint.route("")
@blueprint.response(200, StaffSelfSchema)
def show_session() -> dict[str, Any]:
    """Say who is signed in."""
    return _described(auth.require_staff())


@blueprint.route("", methods=["DELETE"])
@blueprint.response(204)
def sign_out() -> None:
    """Revoke this session."""
    caller, at = auth.require_staff(), read_clock()
    with transaction() as session:
        revoke_session(session, auth.bearer_token(), now=clock.real_now())
        audit(
            session,
            caller.actor,
            "session.closed",
            subject_kind="staff",
            subject_id=caller.staff_id,
            at=at,
        )


@blueprint.route(
    "/password", methods=["POST"], refuses=(WrongPassword, TooManyAttempts, StaffNotFound)
)
@blueprint.arguments(OwnPasswordSchema)
@blueprint.response(204)
def change_password(arguments: dict[str, Any]) -> None:
    """Change one's own password; all other sessions end."""
    caller, at, now = auth.require_staff(), read_clock(), clock.real_now()
    own_password_limiter().spend(caller.staff_id)
    with reading() as session:
        stored = staffing.read_password_hash(session, caller.merchant_id, caller.staff_id)
    with passwords.lane(is_known=True):
        if not passwords.matches(stored, arguments["old_password"]):
            raise WrongPassword(field="old_password")
        password_hash = passwords.hash_password(arguments["password"])
    kept = hash_token(auth.bearer_token())
    with transaction() as session:
        staffing.write_password(session, caller.merchant_id, caller.staff_id, password_hash)
        staffing.end_sessions(session, caller.merchant_id, caller.staff_id, now=now, kept=kept)
        audit(
            session,
            caller.actor,
            "staff.password_changed",
            subject_kind="staff",
            subject_id=caller.staff_id,
            at=at,
        )


def _described(caller: StaffCaller) -> dict[str, Any]:
    return {
        "staff": {"id": caller.public_id, "name": caller.name, "role": caller.role.value},
        "merchant": {"id": caller.merchant_public_id, "name": caller.merchant_name},
    }
