"""What a publication warns of: arbitrage, caps, lots, funds, price slips, short windows. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from domain.money import yuan
from domain.orders.rules import OPENING_MARGIN
from domain.planner.arbitrage import Verdict
from domain.publishing.arbitrage import PricedVariant, judge_variants
from domain.terms import Caps, SubsidyKind, Terms
from domain.texts import Language, text

DEEPEST_DISCOUNT_BPS = 8000


class Severity(StrEnum):
    """Amber needs an acknowledgement, red an owner's."""

    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class PublishWarning:
    """One warning; its sentence stands in the catalogue."""

    code: str
    severity: Severity
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Write the warning without its sentence, which depends on the reader."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "parameters": dict(self.parameters),
        }

    def sentence(self, language: Language) -> str:
        """Say it to people."""
        return text(f"warnings.{self.code}", language, **self.parameters)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be published, with what is left of budget and stock.

    `stock_units` is what the campaign may promise in all: a number of its own, which is not taken
    out of its variants' stock.
    """

    terms: Terms
    variants: tuple[PricedVariant, ...]
    budget_left_fen: int
    stock_left: int
    stock_units: int
    stock_of_variants: int
    merchant_caps: Caps


def find_warnings(plan: Plan) -> list[PublishWarning]:
    """Find what publishing should warn of, red ones first."""
    found = [
        *_arbitrage(plan),
        *_subsidy(plan),
        *_funds(plan),
        *_price_slips(plan),
        *_window(plan.terms),
    ]
    return sorted(found, key=lambda warning: warning.severity is not Severity.RED)


def _arbitrage(plan: Plan) -> Iterator[PublishWarning]:
    worst = judge_variants(plan.terms, plan.variants)[0]
    found, variant = worst.arbitrage, worst.variant
    gap = yuan(variant.list_price_fen - variant.group_price_fen)
    parameters = {**found.parameters, "gap": gap, "title": variant.title}
    if found.verdict is Verdict.RED:
        yield PublishWarning("subsidy_rewards_failing", Severity.RED, parameters)
    elif found.verdict is Verdict.AMBER:
        yield PublishWarning("subsidy_near_gap", Severity.AMBER, parameters)


def _subsidy(plan: Plan) -> Iterator[PublishWarning]:
    caps = (*plan.merchant_caps.to_json().values(), *plan.terms.caps.to_json().values())
    if all(cap is None for cap in caps):
        yield PublishWarning("no_subsidy_cap", Severity.AMBER)
    rule = plan.terms.subsidy
    if rule.kind is SubsidyKind.CASH and rule.is_random:
        yield PublishWarning("random_cash", Severity.AMBER)


def _funds(plan: Plan) -> Iterator[PublishWarning]:
    terms = plan.terms
    if plan.budget_left_fen < terms.worst_case_fen:
        yield PublishWarning(
            "budget_below_one_group",
            Severity.RED,
            {"left": yuan(plan.budget_left_fen), "needed": yuan(terms.worst_case_fen)},
        )
    if plan.stock_left < terms.group_size:
        yield PublishWarning(
            "stock_below_one_group",
            Severity.RED,
            {"left": plan.stock_left, "needed": terms.group_size},
        )
    if plan.stock_units > plan.stock_of_variants:
        yield PublishWarning(
            "stock_above_variants",
            Severity.AMBER,
            {"promised": plan.stock_units, "held": plan.stock_of_variants},
        )


def _price_slips(plan: Plan) -> Iterator[PublishWarning]:
    codes: dict[str, list[str]] = {}
    for variant in plan.variants:
        for code in _slips_of(variant):
            codes.setdefault(code, []).append(variant.title)
    for code, titles in codes.items():
        yield PublishWarning(code, Severity.AMBER, {"titles": ", ".join(titles)})


def _slips_of(variant: PricedVariant) -> Iterator[str]:
    if variant.group_price_fen >= variant.list_price_fen:
        yield "price_not_below_list"
    if variant.alone_price_fen is not None and variant.group_price_fen >= variant.alone_price_fen:
        yield "price_not_below_alone"
    off_bps = 10_000 - variant.group_price_fen * 10_000 // variant.list_price_fen
    if off_bps > DEEPEST_DISCOUNT_BPS:
        yield "discount_very_deep"
    if variant.unit_cost_fen is not None and variant.group_price_fen < variant.unit_cost_fen:
        yield "price_below_cost"


def _window(terms: Terms) -> Iterator[PublishWarning]:
    if terms.ends_at - terms.starts_at < timedelta(seconds=terms.life_seconds) + OPENING_MARGIN:
        yield PublishWarning("window_below_one_life", Severity.AMBER)
