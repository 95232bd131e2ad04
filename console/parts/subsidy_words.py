"""A subsidy rule in a few words, and the parts that an amount is the sum of."""

from collections.abc import Iterator

from console import formats
from console.client import Json
from console.texts import Texts

_RULES = (
    ("subsidy", "threshold_fen"),
    ("subsidy", "valid_days"),
    ("subsidy", "new_shopper_fen"),
    ("subsidy", "invite_fen"),
    ("subsidy", "invites_most"),
    ("subsidy", "delay_seconds"),
    ("caps", "day_fen"),
    ("caps", "month_fen"),
    ("caps", "day_failures"),
    ("caps", "month_failures"),
    ("caps", "failures"),
    ("levers", "least_paid_seconds"),
    ("reward", "formed_fen"),
    ("reward", "failed_fen"),
)
"""Rules that are off while they are 0 or null; a name ends in its unit."""


def describe_subsidy(t: Texts, rule: Json) -> str:
    """Say kind and amount; a random one by its bounds."""
    amount, least = rule["amount_fen"], rule.get("least_fen")
    yuan = formats.yuan(amount)
    if least is not None and least < amount:
        yuan = f"{formats.yuan(least)} – {yuan}"
    return f"{t.named('subsidy_kind', rule['kind'])} {yuan}"


def describe_terms(t: Texts, terms: Json) -> Iterator[tuple[str, str]]:
    """Name what of extras, caps, levers and rewards is on, as (name, value)."""
    for section, name in _RULES:
        value = terms.get(section, {}).get(name)
        if value:
            yield t(f"wizard.{name}"), _write(t, name, value)
    levers = terms.get("levers", {})
    if levers.get("full_from_seats", 1) > 1:
        yield t("wizard.consolation_fen"), formats.yuan(levers["consolation_fen"])
    if not levers.get("is_pool_open", True):
        yield t("wizard.pool"), t("wizard.pool_off")


def describe_part(t: Texts, part: Json) -> str:
    """Name one part of an amount: what it is, what cut it, how much."""
    words = [t.named("part", part["kind"])]
    if part.get("by"):
        words.append(t.named("cut_by", part["by"]))
    if part.get("amount_fen") is not None:
        words.append(formats.yuan(part["amount_fen"]))
    return " ".join(words)


def _write(t: Texts, name: str, value: int) -> str:
    if name.endswith("_fen"):
        return formats.yuan(value)
    return formats.span(value, t.language) if name.endswith("_seconds") else formats.count(value)
