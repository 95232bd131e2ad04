"""Staff's sign-in."""

from typing import Any

from api import auth, request_context
from api.auth import StaffCaller
from api.blueprint import Blueprint
from api.limits import TooManyAttempts, password_limiters
from api.schemas.merchant.sessions import (
    StaffSelfSchema,
    StaffSignedInSchema,
    StaffSignInSchema,
)
from domain import clock
from domain.database import reading, transaction
from domain.merchants import passwords
from domain.merchants.errors import WrongLogin
from domain.merchants.queries import find_login, find_staff_of_token
from domain.merchants.rules import normalise_login
from domain.merchants.signing_in import SESSION_LIFE, open_session, revoke_session

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
    """Sign in with login and password; attempts are limited per login and address."""
    login = normalise_login(arguments["login"])
    by_both, by_login = password_limiters()
    by_both.spend((login, request_context.client_address()))
    by_login.spend(login)
    with reading() as session:
        stored = find_login(session, login)
    fits = passwords.matches(stored.password_hash if stored else None, arguments["password"])
    if stored is None or not fits:
        raise WrongLogin
    now = clock.real_now()
    with transaction() as session:
        token = open_session(session, stored, now=now)
        found = find_staff_of_token(session, token, now=now)
    if found is None:
        raise WrongLogin
    by_both.forget((login, request_context.client_address()))
    by_login.forget(login)
    return {
        "token": token,
        "expires_at": now + SESSION_LIFE,
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
    with transaction() as session:
        revoke_session(session, auth.bearer_token(), now=clock.real_now())


def _described(caller: StaffCaller) -> dict[str, Any]:
    return {
        "staff": {"id": caller.public_id, "name": caller.name, "role": caller.role.value},
        "merchant": {"id": caller.merchant_public_id, "name": caller.merchant_name},
    }
