"""Draws people and what they will do, from a seed: the same seed draws the same day.

Each person has a random source of their own, named after the path of invitations that leads to
them, so that neither threads nor other people's luck change what they do.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from random import Random

from bench.shoppers.behaviour import Behaviour

DEEPEST_CHAIN = 12
"""Invitations of invitations end here, so that a behaviour that grows without end can be drawn."""

_FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = ("小芳", "阿强", "静静", "大伟", "丽丽", "建国", "晓明", "婷婷", "志远", "雪梅", "佳佳")


class Intent(StrEnum):
    """What a person does once registered, or at an open seat."""

    PAY = "pay"
    PAY_LATE = "pay_late"
    NEVER_PAY = "never_pay"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Person:
    """One person's plan; `number` is the path of invitations, as `17.0.2`."""

    number: str
    nickname: str
    visits: bool
    registers: bool
    intent: Intent
    friends: tuple["Arrival", ...]
    leaves_after: timedelta | None
    uses_wallet_after: timedelta | None
    buys_again_after: timedelta | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A person who comes some time after something: the sharer's payment, the group's opening."""

    after: timedelta
    person: Person


@dataclass(frozen=True, slots=True)
class Opening:
    """A person who opens a group so long after the day began, and strangers who may find it."""

    after: timedelta
    person: Person
    strangers: tuple[Arrival, ...]


@dataclass(frozen=True, slots=True)
class Drawer:
    """Draws the people of one behaviour and one seed."""

    behaviour: Behaviour
    seed: int

    def draw_day(self, openings: int, *, horizon: timedelta) -> tuple[Opening, ...]:
        """Draw a day's openings in their order; nobody arrives later than `horizon` after them."""
        drawn = [self._opening(number, horizon) for number in range(openings)]
        return tuple(sorted(drawn, key=lambda opening: (opening.after, opening.person.number)))

    def _opening(self, number: int, horizon: timedelta) -> Opening:
        source = Random(f"{self.seed}/opening/{number}")
        (hour,) = source.choices(range(24), weights=self.behaviour.opening_weights)
        after = timedelta(hours=hour, seconds=source.uniform(0, 3600))
        strangers = _poisson_instants(source, self.behaviour.organic_per_hour, horizon)
        return Opening(
            after,
            self._person(str(number), horizon, is_opener=True),
            tuple(
                Arrival(instant, self._person(f"{number}.s{position}", horizon))
                for position, instant in enumerate(strangers)
            ),
        )

    def _person(self, number: str, horizon: timedelta, *, is_opener: bool = False) -> Person:
        rates = self.behaviour
        source = Random(f"{self.seed}/person/{number}")
        nickname = source.choice(_FAMILY) + source.choice(_GIVEN)
        visits = source.random() < rates.visit_rate
        registers = source.random() < rates.register_rate
        intent = Intent.PAY if is_opener else _intent(source.random(), rates)
        shares = source.random() < (
            rates.opener_share_rate if is_opener else rates.joiner_share_rate
        )
        invites = _poisson(source, rates.mean_invites)
        leaves = source.random() < rates.leave_rate
        leaves_after = timedelta(hours=source.expovariate(1 / rates.mean_reply_hours))
        uses_wallet = source.random() < rates.wallet_use_rate
        buys_again = source.random() < rates.repurchase_rate
        returns_after = timedelta(hours=source.expovariate(1 / rates.mean_return_hours))
        acts = (visits and registers and intent is Intent.PAY) or is_opener
        is_deep = number.count(".") >= DEEPEST_CHAIN
        return Person(
            number=number,
            nickname=nickname,
            visits=visits,
            registers=registers,
            intent=intent,
            friends=self._friends(number, source, horizon, invites)
            if shares and acts and not is_deep
            else (),
            leaves_after=leaves_after if leaves else None,
            uses_wallet_after=returns_after if uses_wallet else None,
            buys_again_after=returns_after if buys_again else None,
        )

    def _friends(
        self, number: str, source: Random, horizon: timedelta, invites: int
    ) -> tuple[Arrival, ...]:
        """Draw a sharer's friends; who would come after the horizon does not come."""
        friends = []
        for position in range(invites):
            after = timedelta(hours=source.expovariate(1 / self.behaviour.mean_reply_hours))
            if after < horizon:
                person = self._person(f"{number}.{position}", horizon - after)
                friends.append(Arrival(after, person))
        return tuple(friends)


def _intent(chance: float, rates: Behaviour) -> Intent:
    for intent, rate in (
        (Intent.PAY, rates.pay_rate),
        (Intent.PAY_LATE, rates.late_rate),
        (Intent.NEVER_PAY, rates.unpaid_rate),
    ):
        if chance < rate:
            return intent
        chance -= rate
    return Intent.LOOK


def _poisson(source: Random, mean: float) -> int:
    """Draw a Poisson number by Knuth's product of uniforms; fine for means of a few."""
    limit, product, count = math.exp(-mean), source.random(), 0
    while product > limit:
        product *= source.random()
        count += 1
    return count


def _poisson_instants(source: Random, per_hour: float, horizon: timedelta) -> list[timedelta]:
    instants: list[timedelta] = []
    if per_hour <= 0:
        return instants
    at = timedelta(hours=source.expovariate(per_hour))
    while at < horizon:
        instants.append(at)
        at += timedelta(hours=source.expovariate(per_hour))
    return instants
