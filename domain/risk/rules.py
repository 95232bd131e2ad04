"""The rules that need no history, at joining, paying and settlement. Pure.

Review lets the seat be bought and holds the subsidy; block refuses the placement. A refund is never
held: only the bonus is judged.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What a decision says."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome, the rules that fired (name and outcome each), and what they looked at."""

    outcome: Outcome
    fired: list[dict[str, Any]]
    inputs: dict[str, Any]


_SEVERITY = {Outcome.ALLOW: 0, Outcome.REVIEW: 1, Outcome.BLOCK: 2}


def _decide(fired: list[tuple[str, Outcome]], inputs: dict[str, Any]) -> Decision:
    worst = max((outcome for _, outcome in fired), key=_SEVERITY.__getitem__, default=Outcome.ALLOW)
    return Decision(
        worst, [{"rule": rule, "outcome": outcome.value} for rule, outcome in fired], inputs
    )


def _flagged(flag: str | None) -> list[tuple[str, Outcome]]:
    return [] if flag is None else [("flagged_account", Outcome(flag))]


def judge_join(
    *, participations: int, participations_limit: int, has_unpaid_hold: bool, flag: str | None
) -> Decision:
    """Judge a join (or opening): participations per day, one hold at a time, flagged accounts."""
    fired = _flagged(flag)
    if participations >= participations_limit:
        fired.append(("participations_per_day", Outcome.BLOCK))
    if has_unpaid_hold:
        fired.append(("one_hold_at_a_time", Outcome.BLOCK))
    return _decide(
        fired,
        {
            "participations": participations,
            "participations_limit": participations_limit,
            "has_unpaid_hold": has_unpaid_hold,
            "flag": flag,
        },
    )


def judge_purchase(*, has_unpaid_hold: bool, flag: str | None) -> Decision:
    """Judge buying a product alone: one hold at a time, flagged accounts."""
    fired = _flagged(flag)
    if has_unpaid_hold:
        fired.append(("one_hold_at_a_time", Outcome.BLOCK))
    return _decide(fired, {"has_unpaid_hold": has_unpaid_hold, "flag": flag})


def judge_pay(*, flag: str | None, risk_at_join: str) -> Decision:
    """Judge a payment: it is seated all the same, but a review sticks to the order."""
    fired = [("flagged_account", Outcome.REVIEW)] if flag else []
    if risk_at_join == Outcome.REVIEW:
        fired.append(("reviewed_at_join", Outcome.REVIEW))
    return _decide(fired, {"flag": flag, "risk_at_join": risk_at_join})


def judge_settlement(*, flag: str | None, risk_so_far: str) -> Decision:
    """Judge the bonus of a failed group's member: review holds it."""
    fired = [("flagged_account", Outcome.REVIEW)] if flag else []
    if risk_so_far == Outcome.REVIEW:
        fired.append(("reviewed_before", Outcome.REVIEW))
    return _decide(fired, {"flag": flag, "risk_so_far": risk_so_far})
