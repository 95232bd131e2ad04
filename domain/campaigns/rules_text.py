"""The rules text shoppers read, written from the frozen terms: what is shown is enforced. Pure."""

from collections.abc import Mapping
from datetime import datetime

from domain.clock import SHANGHAI
from domain.money import yuan
from domain.terms import Terms
from domain.texts import Language, text


def write_rules_text(
    terms: Terms, *, variant_titles: Mapping[int, str], language: Language
) -> list[str]:
    """Write the rules, one sentence group a line: both outcomes, amounts, refunds, limits."""
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
        "starts": _moment(terms.starts_at),
        "ends": _moment(terms.ends_at),
        "prices": prices,
        "amount": yuan(terms.subsidy.amount_fen),
        "open_groups": terms.limits.open_groups,
        "participations": terms.limits.participations_per_day,
        "expired_holds": terms.limits.expired_holds_per_day,
    }
    return [text(f"rules.{line}", language, **values) for line in _LINES]


_LINES = (
    "window",
    "forming",
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
