"""Refusals in the OpenAPI document: which errors an operation answers, each with its own members.

A view names the errors of its domain; what its caller, its arguments and its headers may be refused
with follows from them. Whatever is not tied to an operation is in GENERAL.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from api import idempotency, paging
from api.errors import status_of
from domain import errors
from domain.campaigns.errors import BudgetBelowCommitments, CampaignNotFound, CampaignOver
from domain.gateways import errors as gateways
from domain.idempotency import IdempotencyKeyReused
from domain.instruments import errors as instruments
from domain.merchants.errors import (
    AppNotFound,
    BudgetBelowSpent,
    RoleTooLow,
    SessionEnded,
    TooFewApprovers,
)
from domain.merchants.rules import Role
from domain.orders import errors as orders
from domain.payments.errors import NoGatewayAccount
from domain.planner.arbitrage import Verdict
from domain.publishing.warnings import Severity
from domain.shoppers.errors import ShopperNotFound
from domain.states import (
    CampaignState,
    GrantState,
    GroupState,
    InstrumentState,
    OrderState,
    PaymentState,
    RefundState,
    WithdrawalState,
)
from domain.subsidies import errors as subsidies

Refusal = type[errors.DomainError] | str
Json = dict[str, Any]

GENERAL: Final = frozenset(
    {
        "bad_request",
        "content_too_large",
        "internal_error",
        "malformed_json",
        "method_not_allowed",
        "not_found",
        "request_timeout",
        "unavailable",
        "unsupported_media_type",
    }
)
"""What any operation may be refused with; the document's `default`."""

GATEWAY: Final = (
    gateways.GatewayUnknown,
    gateways.GatewayRetryable,
    gateways.GatewayRejected,
    gateways.GatewayNeedsFunds,
    gateways.GatewayConflict,
    NoGatewayAccount,
)
MEANS: Final = (
    instruments.CouponNotFound,
    instruments.PassNotFound,
    instruments.InstrumentNotUsable,
    instruments.InstrumentExpired,
    instruments.CouponBelowThreshold,
    instruments.PassTooSmall,
    instruments.MeansConflict,
)
PLACING: Final = (
    orders.UnpaidHoldExists,
    orders.ExpiredHoldLimitReached,
    orders.JoinBlocked,
    errors.TooManyAttempts,
    *MEANS,
)

PROBLEM: Final = "application/problem+json"
_ALWAYS: Final = ("type", "title", "status", "code", "detail", "request_id")
ACTING: Final = (
    ShopperNotFound,
    CampaignNotFound,
    CampaignOver,
    BudgetBelowCommitments,
    BudgetBelowSpent,
    TooFewApprovers,
    subsidies.GrantNotFound,
    subsidies.GrantNotHeld,
    subsidies.GrantEmpty,
    subsidies.NothingToClawBack,
    subsidies.GoodwillExhausted,
    subsidies.SegmentEmpty,
    subsidies.NotWholePoints,
)
"""What the acts that a second person decides may be refused with."""

_TEXT: Final[Json] = {"type": "string"}
_NUMBER: Final[Json] = {"type": "integer"}


def _one_of(*choices: Iterable[str]) -> Json:
    return {"type": "string", "enum": sorted({str(word) for words in choices for word in words})}


def _state(states: type[StrEnum]) -> dict[str, Json]:
    return {"state": _one_of(states)}


_WARNING: Final[Json] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["code", "severity", "sentence"],
    "properties": {"code": _TEXT, "severity": _one_of(Severity, Verdict), "sentence": _TEXT},
}
_FIELDS: Final[Json] = {
    "type": "array",
    "items": {"$ref": "#/components/schemas/ProblemField"},
}
_TERMS: Final[Json] = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["field", "code", "detail"],
        "properties": {"field": _TEXT, "code": _TEXT, "detail": _TEXT},
    },
}
MEMBERS: Final[Mapping[str, Mapping[str, Json]]] = MappingProxyType(
    {
        "approval_decided": {"state": _one_of(["approved", "refused", "withdrawn"])},
        "approval_needed": {"limit_fen": _NUMBER},
        "approval_outdated": {"asked_fen": _NUMBER, "now_fen": _NUMBER},
        "balance_too_low": {"balance_fen": _NUMBER},
        "budget_below_spent": {"spent_fen": _NUMBER},
        "campaign_changed": {"now": _NUMBER},
        "campaign_not_movable": _state(CampaignState),
        "campaign_not_running": _state(CampaignState),
        "campaign_over": _state(CampaignState),
        "coupon_below_threshold": {"threshold_fen": _NUMBER},
        "expired_hold_limit_reached": {"limit": _NUMBER},
        "export_not_open": {"export": {"type": ["integer", "null"]}},
        "goodwill_exhausted": {"left_fen": _NUMBER},
        "grant_not_held": _state(GrantState),
        "group_not_open": _state(GroupState),
        "group_not_shareable": _state(GroupState),
        "instrument_not_usable": _state(InstrumentState),
        "join_blocked": {"reason_class": _TEXT},
        "not_drained": {"waiting": {"type": "object", "additionalProperties": _NUMBER}},
        "not_whole_points": {"point_fen": _NUMBER},
        "nothing_to_pay": {"state": _one_of(OrderState, PaymentState)},
        "open_group_limit_reached": {"limit": _NUMBER},
        "order_not_cancellable": _state(OrderState),
        "participation_limit_reached": {"limit": _NUMBER},
        "pass_too_small": {"value_fen": _NUMBER},
        "points_price_not_whole": {"point_fen": _NUMBER},
        "points_prices_not_whole": {"point_fen": _NUMBER},
        "refund_not_rejected": _state(RefundState),
        "role_too_low": {"required": _one_of(Role)},
        "terms_invalid": {"errors": _TERMS},
        "too_few_approvers": {"approvers": _NUMBER},
        "too_few_points": {"left_fen": _NUMBER},
        "too_many_addresses": {"most": _NUMBER},
        "too_many_attempts": {"retry_after_seconds": _NUMBER},
        "warnings_not_acknowledged": {"warnings": {"type": "array", "items": _WARNING}},
        "withdrawal_day_limit_reached": {"left_fen": _NUMBER},
        "withdrawal_not_cancellable": _state(WithdrawalState),
        "withdrawal_too_large": {"most_fen": _NUMBER},
        "withdrawal_too_small": {"least_fen": _NUMBER},
    }
)
"""What an error's code always comes with."""

SOMETIMES: Final[Mapping[str, Mapping[str, Json]]] = MappingProxyType(
    {
        "already_in_group": {"order_id": _TEXT},
        "approval_own": {"alone_from_at": {"type": "string", "format": "date-time"}},
        "approval_needed": {"amount_fen": _NUMBER, "spent_fen": _NUMBER},
        "budget_below_commitments": {"bound_fen": _NUMBER},
        "stock_below_commitments": {"bound_units": _NUMBER},
        "stock_below_zero": {"stock_units": _NUMBER},
        "invalid_request": {"errors": _FIELDS},
        "unpaid_hold_exists": {"order_id": _TEXT},
    }
)
"""What it may come with: which of two checks found it decides."""


def describe(refusal: Refusal) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    if isinstance(refusal, str):
        return 422 if refusal == "invalid_request" else 409, refusal
    error = refusal()
    return status_of(error), error.code


def implied(caller: str | None, role: Role | None, doc: Json) -> list[Refusal]:
    """List what follows from who may call, and from what an operation takes."""
    found: list[Refusal] = []
    if caller is not None:
        found += [errors.Unauthenticated, SessionEnded]
    if caller == "mall":
        found.append(AppNotFound)
    if role is not None:
        found.append(RoleTooLow)
    parameters = doc.get("parameters", [])
    queries = [p["schema"] for p in parameters if isinstance(p, dict) and p.get("in") == "query"]
    if any("cursor" in getattr(query, "fields", {}) for query in queries):
        found.append(paging.CursorUnreadable)
    if idempotency.HEADER in parameters:
        found += [
            idempotency.IdempotencyKeyMissing,
            idempotency.IdempotencyKeyMalformed,
            IdempotencyKeyReused,
        ]
    return [*found, "invalid_request"] if queries or "requestBody" in doc else found


def document(spec: Any, doc: Json, refusals: Iterable[Refusal]) -> Json:
    """Add an operation's refusals to its responses: one schema for each code, by status."""
    codes: dict[int, set[str]] = {}
    for status, code in map(describe, refusals):
        codes.setdefault(status, set()).add(code)
    if 404 in codes:
        codes[404].add("not_found")
    responses = {**doc.get("responses", {})}
    for status in sorted(codes):
        names = sorted(codes[status])
        schemas = [{"$ref": _component(spec, status, code)} for code in names]
        responses[str(status)] = {
            "description": ", ".join(names),
            "content": {
                PROBLEM: {"schema": schemas[0] if len(schemas) == 1 else {"oneOf": schemas}}
            },
        }
    return {**doc, "responses": dict(sorted(responses.items(), key=lambda item: str(item[0])))}


def _component(spec: Any, status: int, code: str) -> str:
    name = re.sub(r"(?:^|_)([a-z0-9])", lambda found: found[1].upper(), code) + "Problem"
    if name not in spec.components.schemas:
        spec.components.schema(name, _problem(status, code))
    return f"#/components/schemas/{name}"


def _problem(status: int, code: str) -> Json:
    always, sometimes = MEMBERS.get(code, {}), SOMETIMES.get(code, {})
    return {
        "type": "object",
        "description": f"A problem (RFC 9457); `code` is {code}.",
        "required": [*_ALWAYS, *sorted(always)],
        "properties": {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer", "const": status},
            "code": {"type": "string", "const": code},
            "detail": {"type": "string", "description": "for people, zh or en"},
            "request_id": _TEXT,
            "field": {"type": "string", "description": "the argument that it is about"},
            **sometimes,
            **always,
        },
    }
