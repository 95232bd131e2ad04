"""Errors as HTTP: the one table. Every answer that is not a success is problem+json (RFC 9457)."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import sqlalchemy.exc
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from api import request_context
from api.bodies import dump
from api.validation import describe_failures
from domain import errors
from domain.money import yuan
from domain.texts import has_text, text

logger = logging.getLogger(__name__)

STATUSES: Final[tuple[tuple[type[errors.DomainError], int], ...]] = (
    (errors.TooManyAttempts, 429),
    (errors.Busy, 409),
    (errors.NotFound, 404),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.Conflict, 409),
    (errors.Rejected, 422),
    (errors.GatewayFailed, 502),
)
"""The kinds of domain error, more special ones first."""

CONSTRAINTS: Final[Mapping[str, str]] = {
    "uq_orders_one_per_group": "already_in_group",
    "uq_orders_one_hold": "unpaid_hold_exists",
    "uq_idempotency_keys_merchant_id_caller_key": "busy",
    "uq_shoppers_phone": "phone_taken",
    "uq_payments_one_open": "busy",
    "uq_withdrawals_one_running": "withdrawal_running",
    "uq_shopper_days_merchant_id_shopper_id_on_day": "busy",
    "uq_rule_versions_merchant_id_campaign_id_number": "busy",
    "ck_campaigns_budget_kept": "budget_below_commitments",
    "ck_campaigns_stock_kept": "stock_below_commitments",
    "ck_variants_stock_units_positive": "stock_below_zero",
    "pk_staff_logins": "login_taken",
    "pk_merchant_apps": "app_taken",
    "uq_gateway_accounts_merchant_id_gateway_mch_no": "gateway_account_taken",
}
"""Constraints that a race may break although the code looked first: all are 409."""

_CONTENDED: Final = frozenset({"55P03", "40P01", "40001"})
"""lock_not_available, deadlock_detected, serialization_failure: try again."""

_UNSTORABLE: Final = "22"
"""SQLSTATE class: data exception (a NUL in a text, a number out of range)."""

_RETRY_SECONDS: Final = 2
_RESERVED: Final = frozenset({"type", "title", "status", "code", "detail", "request_id"})
_HTTP_CODES: Final = {413: "content_too_large", 422: "invalid_request"}


def problem(
    status: int,
    code: str,
    *,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build a problem+json answer; `detail` is the code's text in the caller's language.

    Where the code has a text for the state that something is in, it is that; amounts are in yuan.
    """
    details = details or {}
    key = f"errors.{code}" if has_text(f"errors.{code}") else "errors.http_error"
    if has_text(f"{key}.{details.get('state')}"):
        key = f"{key}.{details['state']}"
    amounts = {
        name.removesuffix("_fen"): yuan(value)
        for name, value in details.items()
        if name.endswith("_fen") and isinstance(value, int)
    }
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": text(key, request_context.language(), **amounts, **details),
        "request_id": request_context.request_id(),
        **{name: value for name, value in details.items() if name not in _RESERVED},
    }
    response = Response(dump(body), status, mimetype="application/problem+json")
    response.headers.update(headers or {})
    response.headers["Content-Language"] = request_context.language()
    return response


def status_of(error: errors.DomainError) -> int:
    """Return the HTTP status of a domain error."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def on_domain_error(error: errors.DomainError) -> Response:
    """Answer a domain error by its kind."""
    status = status_of(error)
    headers = {}
    if isinstance(error, errors.Busy | errors.TooManyAttempts):
        headers["Retry-After"] = str(error.details.get("retry_after_seconds", 1))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status >= 500:
        logger.warning("domain error", extra={"code": error.code}, exc_info=error)
        return problem(status, error.code, headers=headers)
    return problem(status, error.code, details=_localised(error.details), headers=headers)


def _localised(details: Mapping[str, Any]) -> dict[str, Any]:
    """Give listed errors and warnings, which the domain names by code, their sentences."""
    language = request_context.language()
    answer = dict(details)
    if "errors" in details:
        answer["errors"] = [
            {**failure, "detail": text(f"fields.{failure['code']}", language)}
            for failure in details["errors"]
        ]
    if "warnings" in details:
        answer["warnings"] = [
            {
                "code": warning["code"],
                "severity": warning["severity"],
                "sentence": text(f"warnings.{warning['code']}", language, **warning["parameters"]),
            }
            for warning in details["warnings"]
        ]
    return answer


def on_database_error(error: sqlalchemy.exc.SQLAlchemyError) -> Response:
    """Answer what the database, or the way to it, refused."""
    sqlstate = getattr(getattr(error, "orig", None), "sqlstate", None)
    if sqlstate in _CONTENDED:
        return problem(409, "busy", headers={"Retry-After": "1"})
    if isinstance(error, sqlalchemy.exc.IntegrityError):
        return _on_constraint(error)
    if isinstance(error, sqlalchemy.exc.DataError) and (sqlstate or _UNSTORABLE)[:2] == _UNSTORABLE:
        return problem(422, "invalid_request")
    if _is_unavailable(error):
        # One line each: while the database is away every request ends here.
        cause = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"[:300]
        logger.error("database unavailable", extra={"sqlstate": sqlstate, "cause": cause})
        return problem(503, "unavailable", headers={"Retry-After": str(_RETRY_SECONDS)})
    return on_unexpected(error)


def _is_unavailable(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    return isinstance(
        error,
        sqlalchemy.exc.OperationalError
        | sqlalchemy.exc.InterfaceError
        | sqlalchemy.exc.TimeoutError,
    ) or (isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated)


def _on_constraint(error: sqlalchemy.exc.IntegrityError) -> Response:
    diagnosis = getattr(error.orig, "diag", None)
    code = CONSTRAINTS.get(getattr(diagnosis, "constraint_name", None) or "")
    if code is None:
        return on_unexpected(error)
    return problem(409, code, headers={"Retry-After": "1"} if code == "busy" else None)


def on_http_error(error: HTTPException) -> Response:
    """Answer what Flask, Werkzeug and webargs refuse; keeps their headers (Allow)."""
    response = error.get_response()
    status = response.status_code
    if status < 400:
        return Response(response.get_data(), status, response.headers)
    headers = {
        name: value
        for name, value in response.headers
        if name.lower() not in {"content-type", "content-length"}
    }
    messages = getattr(error, "data", {}).get("messages")
    if status == 422 and messages:
        return problem(
            422, "invalid_request", details=describe_failures(messages, request_context.language())
        )
    if status == 400 and error.description == "malformed_json":
        return problem(400, "malformed_json")
    if status >= 500:
        logger.error("request failed", exc_info=getattr(error, "original_exception", None) or error)
        return problem(status, "internal_error", headers=headers)
    code = _HTTP_CODES.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_"))
    return problem(status, code, headers=headers)


def on_unexpected(error: Exception) -> Response:
    """Answer a defect: no detail to the caller, everything to the log."""
    logger.error("unexpected error", exc_info=error)
    return problem(500, "internal_error")


def register_error_handlers(app: Flask) -> None:
    """Put the table to use."""
    app.register_error_handler(HTTPException, on_http_error)
    app.register_error_handler(errors.DomainError, on_domain_error)
    app.register_error_handler(sqlalchemy.exc.SQLAlchemyError, on_database_error)
    app.register_error_handler(Exception, on_unexpected)
