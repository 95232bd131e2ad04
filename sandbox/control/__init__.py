"""The control API: what a person, a test or the demo does to the gateway. Loopback only."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox.control import (
    accounts,
    alipay,
    callbacks,
    clock,
    coupons,
    faults,
    flows,
    keys,
    miniprogram,
    orders,
    refunds,
    transfers,
)
from sandbox.control.reading import Refused
from sandbox.shapes import Misshapen
from sandbox.strangers import is_stranger

control = Blueprint("control", __name__, url_prefix="/control")
PARTS = (
    accounts,
    alipay,
    callbacks,
    clock,
    coupons,
    faults,
    flows,
    keys,
    miniprogram,
    orders,
    refunds,
    transfers,
)
for part in PARTS:
    part.register(control)


@control.before_request
def refuse_strangers() -> tuple[Response, int] | None:
    """Serve this machine only, whatever address the sandbox listens on, and no other site."""
    if not is_stranger(request):
        return None
    return _problem("the control API answers loopback callers only", HTTPStatus.FORBIDDEN)


@control.get("/health")
def health() -> dict[str, str]:
    """Say that the sandbox answers."""
    return {"status": "ok"}


@control.errorhandler(Misshapen)
def misshapen(problem: Misshapen) -> tuple[Response, int]:
    """Answer input of the wrong shape."""
    return _problem(str(problem), HTTPStatus.BAD_REQUEST)


@control.errorhandler(Refused)
def refused(problem: Refused) -> tuple[Response, int]:
    """Answer a request that cannot be done."""
    return _problem(problem.message, problem.status)


def _problem(message: str, status: Any) -> tuple[Response, int]:
    return jsonify({"error": message}), int(status)
