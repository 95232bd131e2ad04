"""How likely a group is to form: the branching model of one opener's group.

The leader pays seat 1 and shares or hides the group. Strangers join as a Poisson process where the
organic pool is on. Whoever shares brings Poisson(m) paid conversions, each after an exponential
delay of mean tau; a joiner shares with a probability s_1. The group forms when the last seat is
paid before its life is over (economics, B2: a Hawkes process; the branching is that of van der Lans
et al., "A viral branching model", Marketing Science 29, 2010).

Who has joined by the end is found without drawing lots. Let A(z, x) be the exponent of what one
sharer brings within x (in units of tau), as a generating function; a joiner with all who come
through him is F = z (1 - s_1 + s_1 exp(m A)), and

    dA/dx = F - 1 - A,    dB/dx = lambda tau (F - 1),    phi(z) = exp(m A [shares] + B),

where phi generates the number of joiners. It is integrated (Runge and Kutta, fourth order) at the
points of a circle inside the unit disc, where all is tame even if the branching explodes, and its
first coefficients are read off by Cauchy's integral: their sum is the chance that the group fails.
With no deadline and everybody sharing it is Borel's law, with no re-sharing Poisson's: the tests
compare both, and the figures of economics B3 and B5.
"""

import cmath
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

HOUR = 3600
_ALIAS = 1e-8
_FINEST, _FINE, _COARSE, _FINE_UNTIL = 0.05, 0.25, 1.0, 16.0
_AT_REST = 1e-8


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How people are assumed to act; `conversions_milli` (m) are paid seats per sharer, of 1,000.

    `organic_milli_per_hour` are strangers who join a group where the organic pool is on.
    """

    opener_shares_bps: int
    joiner_shares_bps: int
    conversions_milli: int
    delay_seconds: int
    organic_milli_per_hour: int


WARM = Behaviour(8500, 3000, 2190, 4 * HOUR, 30)
"""Case B of economics B6: fitted to the founding document's 60 % success; organic as in B3."""

COLD_START = Behaviour(6500, 2300, 1530, 4 * HOUR, 10)
"""The low end of B6's ranges: 65 % share, conversions 30 % fewer; joiners share in proportion."""

VIRAL = Behaviour(9800, 3500, 2850, 4 * HOUR, 60)
"""The high end of B6's ranges: 98 % share, conversions 30 % more; joiners share in proportion."""

PRESETS: Mapping[str, Behaviour] = MappingProxyType(
    {"cold_start": COLD_START, "warm": WARM, "viral": VIRAL}
)


@dataclass(frozen=True, slots=True)
class Chances:
    """What may become of a group, as probabilities that add up to one, and what its leader brings.

    `failed_paired` fails with two or more paid seats, `failed_solo` with the leader's alone.
    `invited_seated` is the mean number of seats paid through the leader's own share,
    `invited_failed` the part of it in groups that fail; `failed_with[d]` is the probability to fail
    with exactly d such seats. The last three are left at zero and empty unless asked for.
    """

    formed: float
    failed_paired: float
    failed_solo: float
    invited_seated: float = 0.0
    invited_failed: float = 0.0
    failed_with: tuple[float, ...] = ()

    @property
    def failed(self) -> float:
        """Return the probability to fail."""
        return self.failed_paired + self.failed_solo


@lru_cache(maxsize=256)
def find_chances(
    *,
    group_size: int,
    life_seconds: int,
    behaviour: Behaviour,
    is_shared: bool,
    is_organic: bool,
    invites: int = 0,
) -> Chances:
    """Find what may become of a group of two or more.

    `invites`, of a shared group, is the length of `failed_with`; 0 asks nothing about them. The
    chances are good to 0.0001, the mean numbers to some percent where m is beyond 5.
    """
    if not is_shared and not is_organic:
        return Chances(0.0, 0.0, 1.0)
    m = behaviour.conversions_milli / 1000 if is_shared else 0.0
    life = life_seconds / behaviour.delay_seconds
    organic = behaviour.organic_milli_per_hour / 1000 * life_seconds / HOUR if is_organic else 0.0
    branching = _Branching(
        life=life,
        organic=organic / life,
        leader=m,
        joiner=behaviour.conversions_milli / 1000,
        share=behaviour.joiner_shares_bps / 10_000,
        counts_invites=invites > 0,
    )
    failed = seated = invited = 0.0
    failed_with = [0.0] * invites
    for z, weight in _circle(group_size - 1):
        end = branching.integrate(z)
        brought = m * (end.a - math.expm1(-life))
        failed += (weight * end.phi).real
        seated += (weight * end.seated).real
        term = weight * end.phi
        invited += (term * brought).real
        term *= cmath.exp(-brought)
        for d in range(invites):
            failed_with[d] += term.real
            term *= brought / (d + 1)
    failed = min(max(failed, 0.0), 1.0)
    solo = min(math.exp(m * math.expm1(-life) - organic), failed)
    if not branching.counts_invites:
        invited = 0.0
    return Chances(1.0 - failed, failed - solo, solo, seated, invited, tuple(failed_with))


def _circle(count: int) -> Iterator[tuple[complex, complex]]:
    """Yield points z and weights: the real parts of weight x f(z) add up to f's first coefficients.

    `count` coefficients are added up; the lower half of the circle mirrors the upper.
    """
    points = 2 * count
    radius = _ALIAS ** (1 / points)
    for j in range(count + 1):
        z = cmath.rect(radius, 2 * math.pi * j / points)
        weight = sum(z**-k for k in range(count)) / points
        yield z, weight if j in {0, count} else 2 * weight


@dataclass(frozen=True, slots=True)
class _End:
    """The generating functions at one z, at the end of the group's life."""

    a: complex
    phi: complex
    seated: complex


@dataclass(frozen=True, slots=True)
class _Branching:
    """The equations of one group; time is in units of the delay.

    `leader` and `joiner` are m, `share` is s_1, `organic` the joins per unit of time.
    """

    life: float
    organic: float
    leader: float
    joiner: float
    share: float
    counts_invites: bool

    def integrate(self, z: complex) -> _End:
        """Integrate A and B over the life, and the seats taken through the leader's share."""
        fine = min(_FINE, 1 / (1 + self.share * self.joiner))
        if self.counts_invites:
            fine = min(fine, max(_FINEST, 1 / (1 + self.organic)))
        a = b = seated = 0j
        x = 0.0
        while x < self.life:
            f_1 = self._joiner(z, a)
            if abs(f_1 - a) < _AT_REST:
                seated += self._seated_at_rest(x, a, b, f_1)
                b += self.organic * f_1 * (self.life - x)
                break
            h = min(fine if x < _FINE_UNTIL else _COARSE, self.life / 8, self.life - x)
            a_2 = a + h / 2 * (f_1 - a)
            f_2 = self._joiner(z, a_2)
            a_3 = a + h / 2 * (f_2 - a_2)
            f_3 = self._joiner(z, a_3)
            a_4 = a + h * (f_3 - a_3)
            f_4 = self._joiner(z, a_4)
            b_mid = b + h / 2 * self.organic * f_2
            b_end = b + h / 6 * self.organic * (f_1 + 2 * f_2 + 2 * f_3 + f_4)
            a_end = a + h / 6 * (f_1 - a + 2 * (f_2 - a_2) + 2 * (f_3 - a_3) + f_4 - a_4)
            if self.counts_invites:
                seated += (h / 6) * (
                    self._seating(x, a, b)
                    + 4 * self._seating(x + h / 2, a_3, b_mid)
                    + self._seating(x + h, a_end, b_end)
                )
            a, b, x = a_end, b_end, x + h
        return _End(a, cmath.exp(self.leader * a + b), seated)

    def _joiner(self, z: complex, a: complex) -> complex:
        return z * (1 - self.share + self.share * cmath.exp(self.joiner * a)) - 1

    def _seating(self, x: float, a: complex, b: complex) -> complex:
        """Give the rate at which the leader's invitees pay while a seat is left for them."""
        return self.leader * cmath.exp(self.leader * a + b - x)

    def _seated_at_rest(self, x: float, a: complex, b: complex, f: complex) -> complex:
        """Integrate `_seating` over the rest of the life, once A stands still."""
        if not self.counts_invites:
            return 0j
        fading = 1 - self.organic * f
        return self._seating(x, a, b) * (1 - cmath.exp(-fading * (self.life - x))) / fading
