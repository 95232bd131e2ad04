"""How a subsidy is decided from its quote. Pure."""

from dataclasses import dataclass
from typing import Any

from domain.states import GrantState


@dataclass(frozen=True, slots=True)
class GrantDecision:
    """What a grant becomes: its state, fen, and the parts and reasons that make it up."""

    state: GrantState
    amount_fen: int
    parts: list[dict[str, Any]]


def decide_grant(
    quote_fen: int, quote_parts: list[dict[str, Any]], *, is_to_be_held: bool
) -> GrantDecision:
    """Decide a grant: the quote is the promise, less risk only."""
    if quote_fen == 0:
        return GrantDecision(GrantState.ZERO, 0, quote_parts)
    if is_to_be_held:
        return GrantDecision(GrantState.HELD, quote_fen, [*quote_parts, {"kind": "held"}])
    return GrantDecision(GrantState.ISSUED, quote_fen, quote_parts)
