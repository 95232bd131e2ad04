"""The arbitrage test: does an opener gain more by sharing a group, or by letting it fail?

An opener who values the product at v, pays p and finds sharing an effort e compares (economics, B3)

    share = P_s (v - p) + w E_s[subsidy] + what invites bring - e - h
    hide  = P_0 (v - p) + w E_0[subsidy] - h

where P is the chance that the group forms and w what one yuan of the subsidy is worth to him. The
edge is share - hide; the largest safe subsidy is the one at which it is zero. Somebody without use
for the product (a farmer) never shares, and has resale value u in place of v.

Three buyers are tested. B3 values a product of list price 30 at 40 (keen), 30 (likely) and 25
(lukewarm); their ratios to the list price, 4/3, 1 and 5/6, are taken for every product. The
verdict is the lukewarm buyer's: green up to 0.7 of the largest safe subsidy, amber up to all of it,
red beyond. Ours, not B3's: a random subsidy counts by its mean, but is amber at least if its
largest amount is unsafe, because some will hope for it.

The chances come from `forming`, which computes what B3 simulated. All rows of its table are met to
what it prints, but for: some amounts by 0.01 (the keen buyer's edge is 6.64, not 6.63), P_0 at 0.06
organic joins an hour (0.505, not 0.51), and the largest safe subsidy with two paid seats and
organic joins (36.24, not 36.5: a quotient of small differences). A largest safe subsidy is rounded
down to the fen (4.39, not 4.4).

What is not tested: joining a group that is about to fail (sniping), which the minimum time before
the deadline limits by rule, and second accounts, which risk and caps limit: whoever has many takes
the extra for new shoppers once with each, and the sentence says so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from domain.money import yuan
from domain.planner.forming import Chances, find_chances
from domain.planner.offers import WORTH, Assumptions, Offer

GREEN_SHARE_BPS = 7000
ASSUMED = Assumptions()


class Verdict(StrEnum):
    """Whether the subsidy may stand: amber needs a thought, red an owner."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


BUYERS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"keen": (4, 3), "likely": (1, 1), "lukewarm": (5, 6)}
)
"""What a buyer holds the product to be worth, as a ratio to its list price; the last decides."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """What opening is worth to one buyer; no largest safe subsidy where none is unsafe."""

    name: str
    value_fen: int
    share_fen: int
    hide_fen: int
    largest_safe_fen: int | None

    @property
    def edge_fen(self) -> int:
        """Return what sharing brings more than hiding."""
        return self.share_fen - self.hide_fen


@dataclass(frozen=True, slots=True)
class Farmer:
    """What opening without sharing brings to who has no use for the product.

    He loses where more than `losing_from_bps` of such groups form (None: never; with levers that
    cut his subsidy he loses earlier).
    """

    gain_fen: int
    losing_from_bps: int | None


@dataclass(frozen=True, slots=True)
class Arbitrage:
    """The test's outcome; `code` names its sentence, which `parameters` fill."""

    verdict: Verdict
    code: str
    parameters: Mapping[str, str]
    shared: Chances
    hidden: Chances
    success: float
    buyers: tuple[Buyer, ...]
    farmer: Farmer

    @property
    def lukewarm(self) -> Buyer:
        """Return the buyer who decides."""
        return self.buyers[-1]


def check_arbitrage(offer: Offer, assumptions: Assumptions = ASSUMED) -> Arbitrage:
    """Test whether an opener gains more by sharing than by letting the group fail."""
    shared = _chances(offer, assumptions, is_shared=True)
    hidden = _chances(offer, assumptions, is_shared=False)
    outlook = _Outlook(offer, assumptions, shared, hidden)
    buyers = tuple(
        outlook.judge(name, round(offer.list_price_fen * up / down))
        for name, (up, down) in BUYERS.items()
    )
    opener_shares = assumptions.behaviour.opener_shares_bps / 10_000
    lukewarm = buyers[-1]
    verdict, code = _decide(offer, lukewarm)
    return Arbitrage(
        verdict=verdict,
        code=code,
        parameters=_parameters(offer, lukewarm),
        shared=shared,
        hidden=hidden,
        success=opener_shares * shared.formed + (1 - opener_shares) * hidden.formed,
        buyers=buyers,
        farmer=outlook.judge_farmer(),
    )


def green_limit_fen(largest_safe_fen: int) -> int:
    """Return the largest subsidy that is green."""
    return largest_safe_fen * GREEN_SHARE_BPS // 10_000


def _chances(offer: Offer, assumptions: Assumptions, *, is_shared: bool) -> Chances:
    invites = 0
    if is_shared and offer.subsidy.per_invite_fen:
        invites = min(offer.subsidy.most_invites, offer.group_size - 1)
    if is_shared and (offer.reward.on_forming_fen or offer.reward.on_failing_fen):
        invites = max(invites, 1)
    return find_chances(
        group_size=offer.group_size,
        life_seconds=offer.life_seconds,
        behaviour=assumptions.behaviour,
        is_shared=is_shared,
        is_organic=offer.levers.is_organic_pool_on,
        invites=invites,
    )


@dataclass(frozen=True, slots=True)
class _Outlook:
    """An offer and its chances; amounts are fen, not yet rounded."""

    offer: Offer
    assumptions: Assumptions
    shared: Chances
    hidden: Chances

    def judge(self, name: str, value_fen: int) -> Buyer:
        """Say what opening is worth to a buyer of this value."""
        worth = WORTH[self.offer.subsidy.kind].buyer_bps / 10_000
        surplus = value_fen - self.offer.group_price_fen
        mean = self.offer.subsidy.mean_fen
        hassle = self.assumptions.hassle_fen
        full_s, else_s = self._paid(self.shared, is_shared=True)
        full_0, else_0 = self._paid(self.hidden, is_shared=False)
        fixed_s = (
            self.shared.formed * surplus + worth * else_s + self._invites_bring(worth)
        ) - self.assumptions.effort_fen
        fixed_0 = self.hidden.formed * surplus + worth * else_0
        risk = worth * (full_0 - full_s)
        return Buyer(
            name=name,
            value_fen=value_fen,
            share_fen=round(fixed_s + worth * full_s * mean - hassle),
            hide_fen=round(fixed_0 + worth * full_0 * mean - hassle),
            largest_safe_fen=max(0, math.floor((fixed_s - fixed_0) / risk)) if risk > 0 else None,
        )

    def judge_farmer(self) -> Farmer:
        """Say what opening is worth to who does not want the product, and never shares."""
        worth = WORTH[self.offer.subsidy.kind].farmer_bps / 10_000
        loss = self.offer.group_price_fen - self.assumptions.resale_fen
        mean = self.offer.subsidy.mean_fen
        full, otherwise = self._paid(self.hidden, is_shared=False)
        gain = worth * (full * mean + otherwise) - self.hidden.formed * loss
        return Farmer(
            gain_fen=round(gain - self.assumptions.hassle_fen),
            losing_from_bps=round(10_000 * worth * mean / (worth * mean + loss))
            if loss > 0
            else None,
        )

    def _paid(self, chances: Chances, *, is_shared: bool) -> tuple[float, float]:
        """Return the chance of a full subsidy, and the mean of what is paid instead of it."""
        levers = self.offer.levers
        if levers.is_visit_required and not is_shared:
            return 0.0, 0.0
        if self.offer.life_seconds < levers.paid_before_deadline_seconds:
            return 0.0, 0.0
        if levers.is_full_from_two_seats:
            return chances.failed_paired, chances.failed_solo * levers.consolation_fen
        return chances.failed, 0.0

    def _invites_bring(self, worth: float) -> float:
        """Return what invites bring the leader who shares: extras of his subsidy, and rewards."""
        reward = self.offer.reward
        seated, failed = self.shared.invited_seated, self.shared.invited_failed
        rewards = reward.on_failing_fen * failed + reward.on_forming_fen * (seated - failed)
        new = reward.new_shoppers_bps / 10_000
        return worth * self._extras() + rewards * new * WORTH[reward.kind].buyer_bps / 10_000

    def _extras(self) -> float:
        """Return the mean extra of the leader's subsidy; with it he gets no more than he paid."""
        subsidy = self.offer.subsidy
        is_too_late = self.offer.life_seconds < self.offer.levers.paid_before_deadline_seconds
        if not subsidy.per_invite_fen or is_too_late:
            return 0.0
        room = max(0, self.offer.group_price_fen - subsidy.mean_fen)

        def extra(invites: int) -> int:
            return min(subsidy.per_invite_fen * min(invites, subsidy.most_invites), room)

        few = self.shared.failed_with
        return extra(len(few)) * self.shared.failed - sum(
            (extra(len(few)) - extra(d)) * chance for d, chance in enumerate(few)
        )


def _decide(offer: Offer, buyer: Buyer) -> tuple[Verdict, str]:
    safe, mean = buyer.largest_safe_fen, offer.subsidy.mean_fen
    if safe is None or mean == 0:
        return Verdict.GREEN, "hiding_pays_nothing"
    if mean > safe:
        if safe == 0:
            return Verdict.RED, "hiding_always_pays"
        is_paired = offer.levers.is_full_from_two_seats
        return Verdict.RED, "hiding_pays_paired" if is_paired else "hiding_pays"
    if mean > green_limit_fen(safe):
        return Verdict.AMBER, "near_limit"
    if offer.subsidy.largest_fen > safe:
        return Verdict.AMBER, "largest_unsafe"
    return Verdict.GREEN, "sharing_pays"


def _parameters(offer: Offer, buyer: Buyer) -> Mapping[str, str]:
    safe = buyer.largest_safe_fen
    return MappingProxyType(
        {
            "subsidy": yuan(offer.subsidy.mean_fen),
            "largest": yuan(offer.subsidy.largest_fen),
            "gain": yuan(buyer.edge_fen),
            "loss": yuan(max(1, -buyer.edge_fen)),
            "value": yuan(buyer.value_fen),
        }
        | ({} if safe is None else {"safe": yuan(safe), "green": yuan(green_limit_fen(safe))})
        | ({"extra": yuan(extra)} if (extra := offer.subsidy.new_shopper_fen) else {})
    )
