"""The arbitrage test of a campaign's variants: its terms as the planner takes them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.planner.arbitrage import Arbitrage, check_arbitrage
from domain.planner.offers import Kind, Offer, Subsidy
from domain.terms import Terms


@dataclass(frozen=True, slots=True)
class PricedVariant:
    """A variant as it will be sold; alone at list price unless `alone_price_fen` is set."""

    title: str
    list_price_fen: int
    unit_cost_fen: int | None
    group_price_fen: int
    alone_price_fen: int | None = None
    public_id: str | None = None


@dataclass(frozen=True, slots=True)
class JudgedVariant:
    """A variant, and what the test says of it."""

    variant: PricedVariant
    arbitrage: Arbitrage


def offer_of(terms: Terms, variant: PricedVariant) -> Offer:
    """Return what terms offer whoever opens a group for a variant.

    A group that opens with the campaign lives as long as its window at most.
    """
    window = terms.ends_at - terms.starts_at
    return Offer(
        list_price_fen=variant.list_price_fen,
        group_price_fen=variant.group_price_fen,
        group_size=terms.group_size,
        life_seconds=min(terms.life_seconds, int(window.total_seconds())),
        subsidy=Subsidy(
            kind=Kind(terms.subsidy.kind.value),
            mean_fen=terms.subsidy.amount_fen,
            largest_fen=terms.largest_subsidy_fen,
        ),
    )


def judge_variants(terms: Terms, variants: Iterable[PricedVariant]) -> list[JudgedVariant]:
    """Test each variant; the one whose lukewarm buyer has least reason to share comes first."""
    tested = [
        JudgedVariant(variant, check_arbitrage(offer_of(terms, variant))) for variant in variants
    ]
    return sorted(tested, key=lambda one: one.arbitrage.lukewarm.edge_fen)
