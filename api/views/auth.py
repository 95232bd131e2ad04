"""Shoppers' sign-in: a login code for a session, a refresh token for an access token."""

from typing import Any

from api import auth, request_context
from api.blueprint import Blueprint
from api.limits import sign_in_limiter
from api.refusals import GATEWAY
from api.schemas.auth import RefreshedSchema, RefreshSchema, SignedInSchema, SignInSchema
from domain import clock
from domain.addresses import network_of
from domain.database import read_clock, reading, transaction
from domain.errors import TooManyAttempts
from domain.gateways.alipay_login import exchange_code
from domain.gateways.errors import LoginCodeRefused
from domain.gateways.miniprogram import code2session
from domain.merchants.errors import AppNotFound
from domain.merchants.queries import App, find_app
from domain.payments.accounts import account_of_merchant
from domain.shoppers.errors import RefreshTokenInvalid
from domain.shoppers.registering import Registration, register_shopper
from domain.shoppers.signing_in import (
    LoginOrigin,
    record_login,
    refresh_login,
    revoke_refresh_token,
)

blueprint = Blueprint("auth", __name__, url_prefix="/v1/auth", description="Shoppers' sign-in")


@blueprint.route(
    "/sessions",
    methods=["POST"],
    headers=("X-Device-Id", "X-Channel"),
    refuses=(
        AppNotFound,
        LoginCodeRefused,
        *GATEWAY,
        TooManyAttempts,
    ),
)
@blueprint.arguments(SignInSchema)
@blueprint.response(201, SignedInSchema)
def sign_in(arguments: dict[str, Any]) -> dict[str, Any]:
    """Sign in with the mini-program's login code; a first sign-in registers the shopper."""
    origin = LoginOrigin(
        request_context.client_address(), request_context.device(), request_context.channel()
    )
    sign_in_limiter().spend(network_of(origin.client_address))
    with reading() as session:
        app = find_app(session, arguments["app_id"])
    openid = _ask_platform(app, arguments["code"])
    at, now = read_clock(), clock.real_now()
    with transaction() as session:
        shopper = register_shopper(
            session,
            Registration(
                merchant_id=app.merchant_id,
                app_id=app.app_id,
                openid=openid,
                nickname=arguments["nickname"] or None,
                language=request_context.language(),
                share_token=arguments["share_token"],
            ),
            at=at,
        )
        refresh_token = record_login(session, shopper.key, origin, at=at, now=now)
    access_token, expires_at = auth.issue_access_token(*shopper.key)
    return {
        "access_token": access_token,
        "expires_at": expires_at,
        "refresh_token": refresh_token,
        "shopper": shopper,
    }


def _ask_platform(app: App, code: str) -> str:
    """Ask the mini-program's platform who is logging in; on Alipay, the account that pays asks."""
    if app.platform != "alipay":
        return code2session(app.app_id, app.secret, code)
    with reading() as session:
        account = account_of_merchant(session, app.merchant_id, app_id=app.app_id)
    return exchange_code(account.provider, code)


@blueprint.route("/tokens", methods=["POST"], refuses=(RefreshTokenInvalid,), name="refresh_token")
@blueprint.arguments(RefreshSchema)
@blueprint.response(201, RefreshedSchema)
def refresh(arguments: dict[str, Any]) -> dict[str, Any]:
    """Get a new access token, and the next refresh token: the one shown is used up.

    Shown again a minute later, it ends the whole login.
    """
    shopper, refresh_token = refresh_login(
        arguments["refresh_token"], at=read_clock(), now=clock.real_now()
    )
    access_token, expires_at = auth.issue_access_token(*shopper)
    return {
        "access_token": access_token,
        "expires_at": expires_at,
        "refresh_token": refresh_token,
    }


@blueprint.route("/sessions/current", methods=["DELETE"])
@blueprint.arguments(RefreshSchema)
@blueprint.response(204)
def sign_out(arguments: dict[str, Any]) -> None:
    """Revoke a refresh token; its last access token lives on for 30 minutes at most."""
    with transaction() as session:
        revoke_refresh_token(session, arguments["refresh_token"], now=clock.real_now())
