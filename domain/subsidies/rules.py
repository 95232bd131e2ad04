"""How a subsidy is promised, and decided from its promise. Pure.

Amounts are fen; each is the sum of its parts, and a part that takes something away says by what.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from domain.states import GrantState
from domain.terms import Caps, Levers, SubsidyKind, SubsidyRule

Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CapUse:
    """What a shopper's orders count against caps already: fen and failures, reserved or used."""

    day_fen: int = 0
    month_fen: int = 0
    day_failures: int = 0
    month_failures: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class CapLeft:
    """One set of caps, `merchant` or `campaign`, with what counts against it."""

    of: str
    caps: Caps
    use: CapUse

    def limits(self) -> Iterator[tuple[str, int]]:
        """Yield each cap's name with the most fen it leaves."""
        for name, cap, used in (
            ("daily_subsidy_cap", self.caps.day_fen, self.use.day_fen),
            ("monthly_subsidy_cap", self.caps.month_fen, self.use.month_fen),
        ):
            if cap is not None:
                yield f"{self.of}_{name}", max(0, cap - used)
        for name, cap, used in (
            ("daily_failures", self.caps.day_failures, self.use.day_failures),
            ("monthly_failures", self.caps.month_failures, self.use.month_failures),
            ("failures", self.caps.failures, self.use.failures),
        ):
            if cap is not None and used >= cap:
                yield f"{self.of}_{name}", 0


@dataclass(frozen=True, slots=True)
class Quote:
    """The promised subsidy: the most it may be, the parts that add up to it, and the least.

    The least is what comes whatever is drawn, whoever else pays, and with nobody invited: less risk
    only, and a new shopper's extra if another order of theirs is paid first.
    """

    amount_fen: int
    parts: list[Part]
    least_fen: int = 0


def quote_subsidy(
    rule: SubsidyRule,
    levers: Levers,
    *,
    paid_fen: int,
    is_new: bool,
    caps: Sequence[CapLeft] = (),
    unit_fen: int = 1,
    is_too_late: bool = False,
) -> Quote:
    """Quote a subsidy: its largest amount, cut to what is paid in money and to what caps leave.

    Cash and points are cut (points to whole ones, of `unit_fen` each); coupons and passes are whole
    or zero. `is_too_late`: the rules want the seat paid longer before the deadline.
    """
    base: Part = {"kind": "base", "amount_fen": rule.amount_fen}
    if rule.is_random:
        base["least_fen"] = rule.least_fen
    parts = [base]
    if is_new and rule.new_shopper_fen:
        parts.append({"kind": "new_shopper", "amount_fen": rule.new_shopper_fen})
    if rule.invite_fen and rule.invites_most:
        most = rule.invite_fen * rule.invites_most
        parts.append({"kind": "invites", "count": rule.invites_most, "amount_fen": most})
    limits = [("paid_late", 0)] if is_too_late else []
    limits.append(("paid", paid_fen))
    limits.extend(limit for left in caps for limit in left.limits())
    least_fen = rule.smallest_fen + (rule.new_shopper_fen if is_new else 0)
    if levers.full_from_seats > 1:
        least_fen = min(least_fen, levers.consolation_fen)
    amount_fen = _cut(parts, limits, rule.kind, unit_fen)
    return Quote(amount_fen, parts, min(least_fen, amount_fen))


def _cut(
    parts: list[Part], limits: Sequence[tuple[str, int]], kind: SubsidyKind, unit_fen: int = 1
) -> int:
    """Cut what the parts add up to, each cut a part of its own; returns what is left."""
    amount: int = sum(part["amount_fen"] for part in parts)
    for by, limit in limits:
        if amount > limit:
            left = limit - limit % unit_fen if kind.is_divisible else 0
            parts.append({"kind": "cut", "by": by, "amount_fen": left - amount})
            amount = left
    return amount


@dataclass(frozen=True, slots=True)
class Outcome:
    """What counts for one member when its group has failed.

    `base_fen` is the drawn base.
    """

    base_fen: int
    is_new: bool
    invites: int
    paid_seats: int
    is_to_be_held: bool = False


@dataclass(frozen=True, slots=True)
class GrantDecision:
    """What a grant becomes: its state, fen, and the parts and reasons that make it up."""

    state: GrantState
    amount_fen: int
    parts: list[Part]


def decide_grant(
    rule: SubsidyRule, levers: Levers, quote: Quote, outcome: Outcome
) -> GrantDecision:
    """Decide a grant: what the rules give, never above the quote; less risk only.

    What cut the quote cuts the amount, as far as it still has to.
    """
    promised = {part["kind"] for part in quote.parts}
    parts: list[Part] = [{"kind": "base", "amount_fen": outcome.base_fen}]
    if "new_shopper" in promised:
        parts.append({"kind": "new_shopper", "amount_fen": rule.new_shopper_fen})
        if not outcome.is_new:
            parts.append({"kind": "cut", "by": "not_first", "amount_fen": -rule.new_shopper_fen})
    counted = min(outcome.invites, rule.invites_most)
    if counted and rule.invite_fen:
        parts.append({"kind": "invites", "count": counted, "amount_fen": counted * rule.invite_fen})
    limits: list[tuple[str, int]] = []
    if outcome.paid_seats < levers.full_from_seats:
        limits.append(("few_paid_seats", levers.consolation_fen))
    amount = _levered(parts, limits)
    amount = _within(parts, quote, amount)
    if amount == 0:
        return GrantDecision(GrantState.ZERO, 0, parts)
    if outcome.is_to_be_held:
        return GrantDecision(GrantState.HELD, amount, [*parts, {"kind": "held"}])
    state = GrantState.SCHEDULED if rule.delay_seconds else GrantState.ISSUED
    return GrantDecision(state, amount, parts)


def _levered(parts: list[Part], limits: Sequence[tuple[str, int]]) -> int:
    """Cut to what the levers leave: the rules name that amount, so every kind is cut to it."""
    return _cut(parts, limits, SubsidyKind.CASH)


def _within(parts: list[Part], quote: Quote, amount: int) -> int:
    """Cut an amount to its quote, naming what cut the quote, the last cut to it."""
    cuts = [part["by"] for part in quote.parts if part["kind"] == "cut"]
    if amount > quote.amount_fen:
        by = cuts[-1] if cuts else "quote"
        parts.append({"kind": "cut", "by": by, "amount_fen": quote.amount_fen - amount})
    return min(amount, quote.amount_fen)
