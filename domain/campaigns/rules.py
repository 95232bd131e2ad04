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
    GroupPrice,
    Limits,
    SubsidyRule,
    Terms,
)

LONGEST_WINDOW = timedelta(days=366)
HIGHEST_LIMIT = 100


@dataclass(frozen=True, slots=True)
class TermsFailure:
    """What is wrong with one field of the terms."""

    field: str
    code: str


@dataclass(frozen=True, slots=True)
class TermsDraft:
    """Terms as staff write them: variants by public id, and None for what is not changed."""

    group_size: int | None = None
    life_seconds: int | None = None
    prices: Sequence[tuple[str, int]] | None = None
    subsidy: SubsidyRule | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
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
    given["limits"] = replace(Limits() if base is None else base.limits, **draft.limits)
    if base is not None:
        return replace(base, **given)
    missing = [name for name in _REQUIRED if name not in given]
    if missing:
        _refuse([TermsFailure(f"terms.{name}", "required") for name in missing])
    return Terms(**given)


_REQUIRED = ("group_size", "life_seconds", "prices", "subsidy", "starts_at", "ends_at")


def find_failures(terms: Terms, *, variant_ids: Collection[int]) -> Iterator[TermsFailure]:
    """Find what is wrong with terms for a product with these variants."""
    if not SMALLEST_GROUP <= terms.group_size <= LARGEST_GROUP:
        yield TermsFailure("terms.group_size", "out_of_range")
    if not SHORTEST_LIFE_SECONDS <= terms.life_seconds <= LONGEST_LIFE_SECONDS:
        yield TermsFailure("terms.life_seconds", "out_of_range")
    if not terms.starts_at < terms.ends_at:
        yield TermsFailure("ends_at", "before_start")
    elif terms.ends_at - terms.starts_at > LONGEST_WINDOW:
        yield TermsFailure("ends_at", "window_too_long")
    yield from _price_failures(terms, variant_ids)
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
    if terms.subsidy.amount_fen <= 0:
        yield TermsFailure("terms.subsidy.amount_fen", "out_of_range")
    if terms.largest_subsidy_fen >= min(price.group_price_fen for price in terms.prices):
        yield TermsFailure("terms.subsidy.amount_fen", "subsidy_not_below_price")


def _limit_failures(limits: Limits) -> Iterator[TermsFailure]:
    for name, value in limits.to_json().items():
        if not 1 <= value <= HIGHEST_LIMIT:
            yield TermsFailure(f"terms.limits.{name}", "out_of_range")


def check_terms(terms: Terms, *, variant_ids: Collection[int]) -> None:
    """Raise TermsInvalid unless the terms make sense for a product with these variants."""
    failures = list(find_failures(terms, variant_ids=variant_ids))
    if failures:
        _refuse(failures)


def _refuse(failures: Sequence[TermsFailure]) -> NoReturn:
    raise TermsInvalid(
        field=failures[0].field,
        errors=[{"field": failure.field, "code": failure.code} for failure in failures],
    )
