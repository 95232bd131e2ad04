"""Every combination of kind, amount rule, timing and cut, with literal amounts.

The base is 10 yuan (or drawn from 4 to 10: here 7.30), a new shopper gets 2 more, each of at most
two invites 1.50 more; the seat costs 19.90. Coupons and passes are whole or zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from domain.states import GrantState
from domain.subsidies.rules import (
    CapLeft,
    CapUse,
    Outcome,
    Quote,
    decide_grant,
    quote_subsidy,
)
from domain.terms import Caps, Levers, SubsidyKind, SubsidyRule

PAID = 1990
DRAWN = 730
CASH = SubsidyRule(SubsidyKind.CASH, 1000)

AMOUNT_RULES: dict[str, dict[str, Any]] = {
    "fixed": {},
    "random": {"least_fen": 400},
    "new": {"new_shopper_fen": 200},
    "invites": {"invite_fen": 150, "invites_most": 2},
    "all": {"least_fen": 400, "new_shopper_fen": 200, "invite_fen": 150, "invites_most": 2},
}
CUTS: dict[str, dict[str, Any]] = {
    "none": {},
    "paid": {"paid_fen": 600},
    "merchant_day": {"caps": [CapLeft("merchant", Caps(day_fen=2000), CapUse(day_fen=1350))]},
    "merchant_month": {"caps": [CapLeft("merchant", Caps(month_fen=5000), CapUse(month_fen=4200))]},
    "campaign_day": {"caps": [CapLeft("campaign", Caps(day_fen=1000), CapUse(day_fen=1000))]},
    "failures": {"caps": [CapLeft("campaign", Caps(failures=3), CapUse(failures=3))]},
    "few_seats": {"levers": Levers(full_from_seats=2, consolation_fen=100), "paid_seats": 1},
    "late": {"is_too_late": True},
}
DIVISIBLE = {
    # amount rule: by cut, in the order of CUTS
    "fixed": (1000, 600, 650, 800, 0, 0, 100, 0),
    "random": (730, 600, 650, 730, 0, 0, 100, 0),
    "new": (1200, 600, 650, 800, 0, 0, 100, 0),
    "invites": (1150, 600, 650, 800, 0, 0, 100, 0),
    "all": (1080, 600, 650, 800, 0, 0, 100, 0),
}
"""What cash and external points come to, one invite having been paid; points by whole tens too."""
WHOLE = {
    "fixed": (1000, 0, 0, 0, 0, 0, 100, 0),
    "random": (730, 0, 0, 0, 0, 0, 100, 0),
    "new": (1200, 0, 0, 0, 0, 0, 100, 0),
    "invites": (1150, 0, 0, 0, 0, 0, 100, 0),
    "all": (1080, 0, 0, 0, 0, 0, 100, 0),
}
"""What coupons and passes come to: a promise that does not fit is none."""
QUOTES_DIVISIBLE = {
    "fixed": (1000, 600, 650, 800, 0, 0, 1000, 0),
    "random": (1000, 600, 650, 800, 0, 0, 1000, 0),
    "new": (1200, 600, 650, 800, 0, 0, 1200, 0),
    "invites": (1300, 600, 650, 800, 0, 0, 1300, 0),
    "all": (1500, 600, 650, 800, 0, 0, 1500, 0),
}
QUOTES_WHOLE = {
    "fixed": (1000, 0, 0, 0, 0, 0, 1000, 0),
    "random": (1000, 0, 0, 0, 0, 0, 1000, 0),
    "new": (1200, 0, 0, 0, 0, 0, 1200, 0),
    "invites": (1300, 0, 0, 0, 0, 0, 1300, 0),
    "all": (1500, 0, 0, 0, 0, 0, 1500, 0),
}
TIMINGS = {
    "at_once": (0, False, GrantState.ISSUED),
    "delayed": (7200, False, GrantState.SCHEDULED),
    "held": (0, True, GrantState.HELD),
    "held_and_delayed": (7200, True, GrantState.HELD),
}


@dataclass(frozen=True)
class Case:
    """One combination, with what it comes to."""

    kind: SubsidyKind
    amount_rule: str
    timing: str
    cut: str
    quote_fen: int
    amount_fen: int

    def __str__(self) -> str:
        return f"{self.kind}-{self.amount_rule}-{self.timing}-{self.cut}"


def cases() -> Iterator[Case]:
    for kind in SubsidyKind:
        quotes = QUOTES_DIVISIBLE if kind.is_divisible else QUOTES_WHOLE
        amounts = DIVISIBLE if kind.is_divisible else WHOLE
        for amount_rule in AMOUNT_RULES:
            for timing in TIMINGS:
                for number, cut in enumerate(CUTS):
                    yield Case(
                        kind,
                        amount_rule,
                        timing,
                        cut,
                        quotes[amount_rule][number],
                        amounts[amount_rule][number],
                    )


def rule_of(case: Case) -> SubsidyRule:
    delay_seconds, _, _ = TIMINGS[case.timing]
    rule = SubsidyRule(case.kind, 1000, delay_seconds=delay_seconds, valid_days=30)
    return replace(rule, **AMOUNT_RULES[case.amount_rule])


def quote_of(case: Case) -> Quote:
    cut = CUTS[case.cut]
    return quote_subsidy(
        rule_of(case),
        cut.get("levers", Levers()),
        paid_fen=cut.get("paid_fen", PAID),
        is_new=True,
        caps=cut.get("caps", ()),
        unit_fen=10 if case.kind is SubsidyKind.POINTS else 1,
        is_too_late=cut.get("is_too_late", False),
    )


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_promise_and_decision_of_every_combination(case: Case) -> None:
    cut, (_, is_held, state) = CUTS[case.cut], TIMINGS[case.timing]
    outcome = Outcome(
        base_fen=DRAWN if rule_of(case).is_random else 1000,
        is_new=True,
        invites=1,
        paid_seats=cut.get("paid_seats", 2),
        is_to_be_held=is_held,
    )

    quote = quote_of(case)
    decision = decide_grant(rule_of(case), cut.get("levers", Levers()), quote, outcome)

    assert quote.amount_fen == case.quote_fen == sum(p["amount_fen"] for p in quote.parts)
    assert decision.amount_fen == case.amount_fen >= quote.least_fen
    assert decision.amount_fen == sum(p.get("amount_fen", 0) for p in decision.parts)
    assert decision.state is (GrantState.ZERO if case.amount_fen == 0 else state)


def decided(quote: Quote, rule: SubsidyRule, levers: Levers | None = None, **values: Any) -> Any:
    outcome = Outcome(
        **{
            "base_fen": rule.amount_fen,
            "is_new": True,
            "invites": 0,
            "paid_seats": 2,
            **values,
        }
    )
    return decide_grant(rule, levers or Levers(), quote, outcome)


def test_invites_count_up_to_their_maximum() -> None:
    rule = SubsidyRule(SubsidyKind.CASH, 1000, invite_fen=150, invites_most=2)
    quote = quote_subsidy(rule, Levers(), paid_fen=PAID, is_new=False)

    amounts = [decided(quote, rule, invites=invites).amount_fen for invites in (0, 1, 2, 3)]

    assert amounts == [1000, 1150, 1300, 1300]


def test_extra_of_a_new_shopper_is_lost_to_who_paid_before() -> None:
    rule = SubsidyRule(SubsidyKind.CASH, 1000, new_shopper_fen=200)
    quote = quote_subsidy(rule, Levers(), paid_fen=PAID, is_new=True)

    decision = decided(quote, rule, is_new=False)

    assert decision.parts == [
        {"kind": "base", "amount_fen": 1000},
        {"kind": "new_shopper", "amount_fen": 200},
        {"kind": "cut", "by": "not_first", "amount_fen": -200},
    ]


def test_points_are_cut_to_whole_ones() -> None:
    rule = SubsidyRule(SubsidyKind.POINTS, 1000)

    quote = quote_subsidy(rule, Levers(), paid_fen=657, is_new=False, unit_fen=10)

    assert quote.amount_fen == 650


def test_tightest_cap_is_the_last_cut() -> None:
    caps = [
        CapLeft("merchant", Caps(day_fen=2000, month_fen=9000), CapUse(1200, 8500)),
        CapLeft("campaign", Caps(day_fen=400), CapUse(100)),
    ]

    quote = quote_subsidy(
        SubsidyRule(SubsidyKind.CASH, 1000), Levers(), paid_fen=PAID, is_new=False, caps=caps
    )

    assert quote.parts == [
        {"kind": "base", "amount_fen": 1000},
        {"kind": "cut", "by": "merchant_daily_subsidy_cap", "amount_fen": -200},
        {"kind": "cut", "by": "merchant_monthly_subsidy_cap", "amount_fen": -300},
        {"kind": "cut", "by": "campaign_daily_subsidy_cap", "amount_fen": -200},
    ]


def test_cap_that_is_overdrawn_already_leaves_nothing_and_takes_nothing() -> None:
    caps = [CapLeft("merchant", Caps(day_fen=500), CapUse(day_fen=900))]

    quote = quote_subsidy(
        SubsidyRule(SubsidyKind.CASH, 1000), Levers(), paid_fen=PAID, is_new=False, caps=caps
    )

    assert quote.amount_fen == 0


def test_seat_that_is_paid_too_late_is_promised_nothing() -> None:
    quote = quote_subsidy(CASH, Levers(), paid_fen=PAID, is_new=False, is_too_late=True)

    assert quote.parts[-1] == {"kind": "cut", "by": "paid_late", "amount_fen": -1000}


@pytest.mark.parametrize(
    ("rule", "levers", "least_fen", "most_fen"),
    [
        ({}, {}, 1000, 1000),
        ({"least_fen": 400, "new_shopper_fen": 500}, {}, 900, 1500),
        ({"least_fen": 400, "invite_fen": 500, "invites_most": 3}, {}, 400, 2500),
        ({}, {"full_from_seats": 2, "consolation_fen": 100}, 100, 1000),
        ({}, {"full_from_seats": 2}, 0, 1000),
        ({"amount_fen": 50}, {"full_from_seats": 2, "consolation_fen": 100}, 50, 50),
    ],
)
def test_quote_says_the_least_and_the_most(
    rule: dict[str, int], levers: dict[str, int], least_fen: int, most_fen: int
) -> None:
    of = replace(SubsidyRule(SubsidyKind.CASH, 1000), **rule)

    quote = quote_subsidy(of, Levers(**levers), paid_fen=9000, is_new=True)  # type: ignore[arg-type]

    assert (quote.least_fen, quote.amount_fen) == (least_fen, most_fen)


def test_cap_cuts_the_least_with_the_most() -> None:
    rule = SubsidyRule(SubsidyKind.CASH, 1000, least_fen=400)
    caps = [CapLeft("merchant", Caps(day_fen=500), CapUse(day_fen=250))]

    quote = quote_subsidy(rule, Levers(), paid_fen=PAID, is_new=False, caps=caps)

    assert (quote.least_fen, quote.amount_fen) == (250, 250)
