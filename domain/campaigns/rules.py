"""Rules of a campaign's terms. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

from domain.campaigns.errors import TermsInvalid
from domain.terms import (
    LARGEST_GROUP,
    LONGEST_LIFE_SECONDS,
    SHORTEST_LIFE_SECONDS,
    SMALLEST_GROUP,
    Caps,
    GroupPrice,
    Levers,
    Limits,
    RewardRule,
    SubsidyKind,
    SubsidyRule,
    Terms,
)

LONGEST_WINDOW = timedelta(days=366)
HIGHEST_LIMIT = 100
LONGEST_DELAY_SECONDS = 30 * 86_400
LONGEST_VALID_DAYS = 3650
MOST_FAILURES = 10_000


@dataclass(frozen=True, slots=True)
class TermsFailure:
    """What is wrong with one field of the terms."""

    field: str
    code: str


@dataclass(frozen=True, slots=True)
class TermsDraft:
    """Terms as staff write them: others by public id, and None for what is not changed."""

    group_size: int | None = None
    life_seconds: int | None = None
    prices: Sequence[tuple[str, int]] | None = None
    subsidy: SubsidyRule | None = None
    programme_id: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    reward: Mapping[str, int] = field(default_factory=dict)
    caps: Mapping[str, int | None] = field(default_factory=dict)
    levers: Mapping[str, int | bool] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def draw_up(draft: TermsDraft, *, base: Terms | None, variant_ids: Mapping[str, int]) -> Terms:
    """Draw up terms from a draft and what it changes. Raises TermsInvalid."""
    given: dict[str, Any] = {
        name: getattr(draft, name)
        for name in ("group_size", "life_seconds", "subsidy", "starts_at", "ends_at")
        if getattr(draft, name) is not None
    }
    if draft.prices is not None:
        unknown = [public_id for public_id, _ in draft.prices if public_id not in variant_ids]
        if unknown:
            _refuse([TermsFailure("terms.prices", "not_a_variant")])
        given["prices"] = tuple(GroupPrice(variant_ids[v], price) for v, price in draft.prices)
    for name, default in (
        ("limits", Limits()),
        ("reward", RewardRule()),
        ("caps", Caps()),
        ("levers", Levers()),
    ):
        now = default if base is None else getattr(base, name)
        given[name] = replace(now, **getattr(draft, name))
    if base is not None:
        return replace(base, **given)
    missing = [name for name in _REQUIRED if name not in given]
    if missing:
        _refuse([TermsFailure(f"terms.{name}", "required") for name in missing])
    return Terms(**given)


_REQUIRED = ("group_size", "life_seconds", "prices", "subsidy", "starts_at", "ends_at")


def find_failures(
    terms: Terms, *, variant_ids: Collection[int], point_fen: int = 1
) -> Iterator[TermsFailure]:
    """Find what is wrong with terms for a product with these variants.

    Points are whole: amounts are multiples of `point_fen`.
    """
    if not SMALLEST_GROUP <= terms.group_size <= LARGEST_GROUP:
        yield TermsFailure("terms.group_size", "out_of_range")
    if not SHORTEST_LIFE_SECONDS <= terms.life_seconds <= LONGEST_LIFE_SECONDS:
        yield TermsFailure("terms.life_seconds", "out_of_range")
    if not terms.starts_at < terms.ends_at:
        yield TermsFailure("ends_at", "before_start")
    elif terms.ends_at - terms.starts_at > LONGEST_WINDOW:
        yield TermsFailure("ends_at", "window_too_long")
    yield from _price_failures(terms, variant_ids)
    yield from _subsidy_failures("terms.subsidy", terms.subsidy, point_fen)
    yield from _reward_failures(terms.reward)
    yield from _cap_failures(terms.subsidy, terms.caps)
    yield from _lever_failures(terms, point_fen)
    yield from _limit_failures(terms.limits)


def _price_failures(terms: Terms, variant_ids: Collection[int]) -> Iterator[TermsFailure]:
    if not terms.prices:
        yield TermsFailure("terms.prices", "required")
        return
    priced = [price.variant_id for price in terms.prices]
    if len(set(priced)) < len(priced):
        yield TermsFailure("terms.prices", "twice")
    if not set(priced) <= set(variant_ids):
        yield TermsFailure("terms.prices", "not_a_variant")
    if any(price.group_price_fen <= 0 for price in terms.prices):
        yield TermsFailure("terms.prices", "out_of_range")
    cheapest_fen = min(price.group_price_fen for price in terms.prices)
    if not terms.subsidy.is_below(cheapest_fen):
        yield TermsFailure("terms.subsidy.amount_fen", "subsidy_not_below_price")


def _subsidy_failures(of: str, rule: SubsidyRule, point_fen: int) -> Iterator[TermsFailure]:
    if rule.amount_fen <= 0:
        yield TermsFailure(f"{of}.amount_fen", "out_of_range")
    if rule.least_fen is not None and not 1 <= rule.least_fen <= rule.amount_fen:
        yield TermsFailure(f"{of}.least_fen", "least_above_amount")
    for name in ("new_shopper_fen", "invite_fen", "invites_most", "delay_seconds"):
        if getattr(rule, name) < 0:
            yield TermsFailure(f"{of}.{name}", "out_of_range")
    if rule.invites_most > LARGEST_GROUP - 1:
        yield TermsFailure(f"{of}.invites_most", "out_of_range")
    if (rule.invite_fen > 0) != (rule.invites_most > 0):
        yield TermsFailure(f"{of}.invites_most", "invites_incomplete")
    if rule.delay_seconds > LONGEST_DELAY_SECONDS:
        yield TermsFailure(f"{of}.delay_seconds", "out_of_range")
    yield from _kind_failures(of, rule, point_fen)


def _kind_failures(of: str, rule: SubsidyRule, point_fen: int) -> Iterator[TermsFailure]:
    if rule.kind.expires and not 1 <= rule.valid_days <= LONGEST_VALID_DAYS:
        yield TermsFailure(f"{of}.valid_days", "validity_missing")
    if rule.kind is SubsidyKind.COUPON:
        yield from _threshold_failures(of, rule.threshold_fen, rule.largest_fen)
    if rule.kind is SubsidyKind.PASS and rule.largest_fen != rule.smallest_fen:
        yield TermsFailure(f"{of}.kind", "pass_is_fixed")
    if (rule.kind is SubsidyKind.EXTERNAL_POINTS) != (rule.programme_id is not None):
        yield TermsFailure(f"{of}.programme_id", "programme_missing")
    for name in ("amount_fen", "least_fen", "new_shopper_fen", "invite_fen"):
        if (getattr(rule, name) or 0) % rule.unit_fen(point_fen):
            yield TermsFailure(f"{of}.{name}", "not_whole_points")


def _threshold_failures(of: str, threshold_fen: int, value_fen: int) -> Iterator[TermsFailure]:
    if threshold_fen < 0:
        yield TermsFailure(f"{of}.threshold_fen", "out_of_range")
    elif 0 < threshold_fen < value_fen:
        yield TermsFailure(f"{of}.threshold_fen", "threshold_below_value")


def _reward_failures(rule: RewardRule) -> Iterator[TermsFailure]:
    of = "terms.reward"
    for name in ("formed_fen", "failed_fen"):
        if getattr(rule, name) < 0:
            yield TermsFailure(f"{of}.{name}", "out_of_range")
    if rule.largest_fen and not 1 <= rule.valid_days <= LONGEST_VALID_DAYS:
        yield TermsFailure(f"{of}.valid_days", "validity_missing")
    yield from _threshold_failures(of, rule.threshold_fen, rule.largest_fen)


def _cap_failures(rule: SubsidyRule, caps: Caps) -> Iterator[TermsFailure]:
    """A cap below the least that is given promises nothing to anybody."""
    least = rule.smallest_fen if rule.kind.is_divisible else rule.largest_fen
    for name, value in caps.to_json().items():
        if value is None:
            continue
        if name.endswith("_fen"):
            if value < least:
                yield TermsFailure(f"terms.caps.{name}", "cap_below_subsidy")
        elif not 1 <= value <= MOST_FAILURES:
            yield TermsFailure(f"terms.caps.{name}", "out_of_range")


def _lever_failures(terms: Terms, point_fen: int) -> Iterator[TermsFailure]:
    levers, of = terms.levers, "terms.levers"
    if not 1 <= levers.full_from_seats <= max(1, terms.group_size - 1):
        yield TermsFailure(f"{of}.full_from_seats", "out_of_range")
    if levers.consolation_fen and not 0 < levers.consolation_fen < terms.subsidy.smallest_fen:
        yield TermsFailure(f"{of}.consolation_fen", "consolation_not_below")
    if levers.least_paid_seconds and not 0 < levers.least_paid_seconds < terms.life_seconds:
        yield TermsFailure(f"{of}.least_paid_seconds", "out_of_range")
    if levers.consolation_fen % terms.subsidy.unit_fen(point_fen):
        yield TermsFailure(f"{of}.consolation_fen", "not_whole_points")


def _limit_failures(limits: Limits) -> Iterator[TermsFailure]:
    for name, value in limits.to_json().items():
        if not 1 <= value <= HIGHEST_LIMIT:
            yield TermsFailure(f"terms.limits.{name}", "out_of_range")


def check_terms(terms: Terms, *, variant_ids: Collection[int], point_fen: int = 1) -> None:
    """Raise TermsInvalid unless the terms make sense for a product with these variants."""
    failures = list(find_failures(terms, variant_ids=variant_ids, point_fen=point_fen))
    if failures:
        _refuse(failures)


def check_subsidy(rule: SubsidyRule, *, of: str, point_fen: int = 1) -> None:
    """Raise TermsInvalid unless a subsidy rule makes sense by itself; its fields are below `of`."""
    failures = list(_subsidy_failures(of, rule, point_fen))
    if failures:
        _refuse(failures)


def _refuse(failures: Sequence[TermsFailure]) -> NoReturn:
    raise TermsInvalid(
        field=failures[0].field,
        errors=[{"field": failure.field, "code": failure.code} for failure in failures],
    )
