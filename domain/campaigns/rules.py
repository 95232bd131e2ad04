"""Rules of a campaign's terms. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

from domain.campaigns.errors import TermsInvalid
from domain.terms import (
    LARGEST_GROUP,
    LONGEST_LIFE_SECONDS,
    SHORTEST_LIFE_SECONDS,
    SMALLEST_GROUP,
    Limits,
    Terms,
)

LONGEST_WINDOW = timedelta(days=366)
HIGHEST_LIMIT = 100


@dataclass(frozen=True, slots=True)
class TermsFailure:
    """What is wrong with one field of the terms."""

    field: str
    code: str


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
        raise TermsInvalid(
            field=failures[0].field,
            errors=[{"field": failure.field, "code": failure.code} for failure in failures],
        )
