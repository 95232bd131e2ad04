"""Sentences of answers, in the reader's language: each part of a subsidy with its reason."""

from collections.abc import Sequence
from typing import Any

from api.request_context import language
from domain.texts import text

Part = dict[str, Any]


def tell_parts(parts: Sequence[Part], *, are_promised: bool = False) -> list[Part]:
    """Return a subsidy's parts with their sentences; those of a quote are promised, not counted."""
    return [{**part, "text": _sentence(part, are_promised=are_promised)} for part in parts]


def tell_order(order: dict[str, Any]) -> dict[str, Any]:
    """Return an order's body with the sentences of its quote and its subsidy."""
    quote, subsidy = order["quote"], order["subsidy"]
    if quote is not None:
        quote = {**quote, "parts": tell_parts(quote["parts"], are_promised=True)}
    if subsidy is not None:
        subsidy = {**subsidy, "parts": tell_parts(subsidy["parts"])}
    return {**order, "quote": quote, "subsidy": subsidy}


def _sentence(part: Part, *, are_promised: bool) -> str:
    match part["kind"]:
        case "cut":
            code = f"cut.{part['by']}"
        case "base" if "least_fen" in part:
            code = "base_random"
        case "invites" if are_promised:
            code = "invites_most"
        case kind:
            code = kind
    return text(f"subsidies.{code}", language(), count=part.get("count", 0))
