"""The rules text shoppers read, written from the frozen terms: what is shown is enforced. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.clock import SHANGHAI
from domain.money import yuan
from domain.terms import Terms
from domain.texts import Language, text


@dataclass(frozen=True, slots=True)
class Margins:
    """How long before a campaign's end a group is opened, and before its deadline joined."""

    opening: timedelta
    joining: timedelta


def write_rules_text(
    terms: Terms, margins: Margins, *, variant_titles: Mapping[int, str], language: Language
) -> list[str]:
    """Write the rules, one sentence group a line: both outcomes, amounts, refunds, limits.

    The merchant's daily cap is no part of the frozen rules: see `write_daily_cap`.
    """
    prices = text("rules.price_separator", language).join(
        text(
            "rules.price",
            language,
            title=variant_titles[price.variant_id],
            price=yuan(price.group_price_fen),
        )
        for price in terms.prices
    )
    values = {
        "size": terms.group_size,
        "life": _duration(terms.life_seconds, language),
        "opening_margin": _duration(int(margins.opening.total_seconds()), language),
        "last_join": _duration(int(margins.joining.total_seconds()), language),
        "starts": _moment(terms.starts_at),
        "ends": _moment(terms.ends_at),
        "prices": prices,
        "amount": yuan(terms.subsidy.amount_fen),
        "open_groups": terms.limits.open_groups,
        "participations": terms.limits.participations_per_day,
        "expired_holds": terms.limits.expired_holds_per_day,
    }
    return [text(f"rules.{line}", language, **values) for line in _LINES]


def write_daily_cap(cap_fen: int | None, *, language: Language) -> str:
    """Write the line on the daily subsidy cap as it is now; it may change at any time."""
    if cap_fen is None:
        return text("rules.no_daily_cap", language)
    return text("rules.daily_cap", language, cap=yuan(cap_fen))


_LINES = (
    "window",
    "forming",
    "opening",
    "formed",
    "failed_cash",
    "credited",
    "refunded",
    "cut",
    "leaving",
    "limits",
)


def _moment(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def _duration(seconds: int, language: Language) -> str:
    minutes = seconds // 60
    hours, rest = divmod(minutes, 60)
    parts = [("hours", hours), ("minutes", rest)]
    return text("rules.duration_separator", language).join(
        text(f"rules.{unit}", language, count=count) for unit, count in parts if count
    )
