"""Faults: switched on, listed, switched off."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from flask import Blueprint

from sandbox.control.reading import Refused, body
from sandbox.faults import NAMES, OPERATIONS
from sandbox.gateway import current_gateway
from sandbox.shapes import choice, integer, number, shape, text
from sandbox.wechat.transfer_steps import FAIL_REASONS

_FAULT = shape(
    {"name": choice(*NAMES)},
    {
        "operation": choice(*OPERATIONS),
        "mchid": text(32),
        "probability": number(0, 1),
        "count": integer(1),
        "latency_ms": integer(0),
        "reason": choice(*FAIL_REASONS),
        "days": number(0, 400),
    },
)


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/faults", view_func=list_faults, methods=["GET"])
    control.add_url_rule("/faults", view_func=add_fault, methods=["POST"])
    control.add_url_rule("/faults", view_func=clear_faults, methods=["DELETE"])
    control.add_url_rule("/faults/<int:fault_id>", view_func=remove_fault, methods=["DELETE"])


def list_faults() -> dict[str, Any]:
    """List the rules in force and the names there are."""
    rules = [asdict(rule) for rule in current_gateway().faults.rules()]
    return {"items": rules, "names": NAMES, "operations": list(OPERATIONS)}


def add_fault() -> dict[str, Any]:
    """Put a fault in force."""
    return asdict(current_gateway().faults.add(body(_FAULT)))


def clear_faults() -> dict[str, int]:
    """Take all faults out of force."""
    return {"removed": current_gateway().faults.remove(None)}


def remove_fault(fault_id: int) -> dict[str, int]:
    """Take one fault out of force."""
    removed = current_gateway().faults.remove(fault_id)
    if not removed:
        raise Refused(f"no fault {fault_id}", HTTPStatus.NOT_FOUND)
    return {"removed": removed}
