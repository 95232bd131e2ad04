"""The arbitrage test of a campaign's variants: its terms as the planner takes them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.planner.arbitrage import Arbitrage, check_arbitrage
from domain.planner.offers import InviteReward, Kind, Levers, Offer, Subsidy
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

    A group that opens with the campaign lives as long as its window at most. A random amount counts
    by its mean; the extra for new shoppers is not tested, as openers get it once at most. Rules
    that ask for more than two paid seats are taken as asking for two.
    """
    window = terms.ends_at - terms.starts_at
    rule, levers, reward = terms.subsidy, terms.levers, terms.reward
    return Offer(
        list_price_fen=variant.list_price_fen,
        group_price_fen=variant.group_price_fen,
        group_size=terms.group_size,
        life_seconds=min(terms.life_seconds, int(window.total_seconds())),
        subsidy=Subsidy(
            kind=Kind(rule.kind.value),
            mean_fen=(rule.smallest_fen + rule.amount_fen) // 2,
            largest_fen=rule.amount_fen,
            per_invite_fen=rule.invite_fen,
            most_invites=rule.invites_most,
            new_shopper_fen=rule.new_shopper_fen,
        ),
        levers=Levers(
            is_full_from_two_seats=levers.full_from_seats > 1,
            consolation_fen=levers.consolation_fen,
            paid_before_deadline_seconds=levers.least_paid_seconds,
            is_organic_pool_on=levers.is_pool_open,
        ),
        reward=InviteReward(on_forming_fen=reward.formed_fen, on_failing_fen=reward.failed_fen),
    )


def judge_variants(terms: Terms, variants: Iterable[PricedVariant]) -> list[JudgedVariant]:
    """Test each variant; the one whose lukewarm buyer has least reason to share comes first."""
    tested = [
        JudgedVariant(variant, check_arbitrage(offer_of(terms, variant))) for variant in variants
    ]
    return sorted(tested, key=lambda one: one.arbitrage.lukewarm.edge_fen)
