"""The rules text shoppers read, written from the frozen terms: what is shown is enforced. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.clock import SHANGHAI
from domain.money import yuan
from domain.terms import Caps, Levers, SubsidyKind, Terms
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
        **_subsidy_values(terms, language),
        "open_groups": terms.limits.open_groups,
        "participations": terms.limits.participations_per_day,
        "expired_holds": terms.limits.expired_holds_per_day,
    }
    return [text(f"rules.{line}", language, **values) for line in _lines(terms)]


def write_live_caps(caps: Caps, *, language: Language) -> list[str]:
    """Write the lines on the merchant's caps as they are now; they may change at any time."""
    daily = "no_daily_cap" if caps.day_fen is None else "daily_cap"
    lines = [text(f"rules.{daily}", language, cap=yuan(caps.day_fen or 0))]
    if caps.month_fen is not None:
        lines.append(text("rules.monthly_cap", language, cap=yuan(caps.month_fen)))
    if caps.day_failures is not None:
        lines.append(text("rules.daily_failures_cap", language, cap=caps.day_failures))
    if caps.month_failures is not None:
        lines.append(text("rules.monthly_failures_cap", language, cap=caps.month_failures))
    return lines


def _lines(terms: Terms) -> Iterator[str]:
    """Choose the lines that say what these rules do."""
    rule, levers = terms.subsidy, terms.levers
    yield from ("window", "forming", "opening")
    if not levers.is_pool_open:
        yield "share_only"
    yield "formed"
    yield _failed_line(terms)
    if rule.new_shopper_fen:
        yield "new_shopper"
    if rule.invite_fen:
        yield "invites"
    yield from _lever_lines(levers)
    yield f"credited_{rule.kind}" if rule.kind in _OF_OWN_PLACE else "credited"
    if rule.delay_seconds:
        yield "delayed"
    yield "refunded"
    yield "cut" if rule.kind.is_divisible else "cut_whole"
    yield from (f"campaign_{name}" for name, cap in terms.caps.to_json().items() if cap is not None)
    yield from (f"reward_{n}" for n in ("formed_fen", "failed_fen") if getattr(terms.reward, n))
    yield from ("leaving", "limits")


def _failed_line(terms: Terms) -> str:
    rule = terms.subsidy
    dearest_fen = max(price.group_price_fen for price in terms.prices)
    if rule.kind is SubsidyKind.PASS and rule.amount_fen >= dearest_fen:
        return "failed_pass_free"
    return f"failed_{rule.kind}_random" if rule.is_random else f"failed_{rule.kind}"


def _lever_lines(levers: Levers) -> Iterator[str]:
    if levers.full_from_seats > 1:
        yield "consolation" if levers.consolation_fen else "full_from_seats"
    if levers.least_paid_seconds:
        yield "least_paid"


_OF_OWN_PLACE = (
    SubsidyKind.COUPON,
    SubsidyKind.PASS,
    SubsidyKind.POINTS,
    SubsidyKind.EXTERNAL_POINTS,
)


def _subsidy_values(terms: Terms, language: Language) -> dict[str, object]:
    rule, caps, levers, reward = terms.subsidy, terms.caps, terms.levers, terms.reward
    return {
        "amount": yuan(rule.amount_fen),
        "least": yuan(rule.smallest_fen),
        "new_shopper": yuan(rule.new_shopper_fen),
        "invite": yuan(rule.invite_fen),
        "invites_most": rule.invites_most,
        "delay": _duration(rule.delay_seconds, language),
        "threshold": _threshold(rule.threshold_fen, language),
        "valid_days": rule.valid_days,
        "full_from_seats": levers.full_from_seats,
        "consolation": yuan(levers.consolation_fen),
        "least_paid": _duration(levers.least_paid_seconds, language),
        **{
            name: yuan(value) if name.endswith("_fen") else value
            for name, value in caps.to_json().items()
            if value is not None
        },
        "reward_formed": yuan(reward.formed_fen),
        "reward_failed": yuan(reward.failed_fen),
        "reward_threshold": _threshold(reward.threshold_fen, language),
        "reward_days": reward.valid_days,
    }


def _threshold(threshold_fen: int, language: Language) -> str:
    if threshold_fen == 0:
        return text("rules.no_threshold", language)
    return text("rules.threshold", language, amount=yuan(threshold_fen))


def _moment(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def _duration(seconds: int, language: Language) -> str:
    minutes = seconds // 60
    hours, rest = divmod(minutes, 60)
    parts = [("hours", hours), ("minutes", rest)]
    return text("rules.duration_separator", language).join(
        text(f"rules.{unit}", language, count=count) for unit, count in parts if count
    )
