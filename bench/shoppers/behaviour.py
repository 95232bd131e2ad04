"""How simulated shoppers behave: rates as data. Nothing here acts or draws."""

from dataclasses import dataclass

EVENING_DAY = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 10, 10, 9, 8, 7, 6, 6, 5, 4, 3, 2, 1, 0)
"""How many openings fall into each hour of a day, as weights; none in the last half hour."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Rates between 0 and 1 of people, means where the name says so.

    An invited friend visits the link; sees a group that can be joined and registers; then pays at
    once, or too late (after the hold), or places an order and never pays, or only looks.
    """

    opener_share_rate: float = 0.90
    joiner_share_rate: float = 0.15
    mean_invites: float = 2.8
    visit_rate: float = 0.96
    register_rate: float = 0.96
    pay_rate: float = 0.87
    late_rate: float = 0.02
    unpaid_rate: float = 0.02
    mean_reply_hours: float = 2.0
    organic_per_hour: float = 0.0
    leave_rate: float = 0.01
    wallet_use_rate: float = 0.70
    repurchase_rate: float = 0.90
    mean_return_hours: float = 3.0
    opening_weights: tuple[float, ...] = EVENING_DAY

    @property
    def conversion(self) -> float:
        """Return which part of the invited pays a seat, where one is left."""
        return self.visit_rate * self.register_rate * self.pay_rate


def split_conversion(conversion: float, *, pay_rate: float) -> tuple[float, float, float]:
    """Split a conversion into (visit, register, pay) rates whose product it is.

    The pay rate is kept where that is possible; visiting and registering share the rest evenly.
    """
    if not 0 <= conversion <= 1:
        raise ValueError(f"a conversion lies between 0 and 1, not at {conversion}")
    rest = min(1.0, conversion / pay_rate)
    even = rest**0.5
    return even, even, conversion / rest if rest else pay_rate
