from datetime import UTC, datetime

from domain.terms import GroupPrice, Limits, SubsidyKind, SubsidyRule, Terms

TERMS = Terms(
    group_size=3,
    life_seconds=86_400,
    prices=(GroupPrice(7, 1990), GroupPrice(8, 2990)),
    subsidy=SubsidyRule(SubsidyKind.CASH, 1000),
    starts_at=datetime(2026, 11, 1, tzinfo=UTC),
    ends_at=datetime(2026, 12, 1, 16, tzinfo=UTC),
    limits=Limits(open_groups=2),
)


def test_terms_survive_json() -> None:
    assert Terms.from_json(TERMS.to_json()) == TERMS


def test_worst_case_is_the_largest_subsidy_for_every_seat() -> None:
    assert TERMS.largest_subsidy_fen == 1000
    assert TERMS.worst_case_fen == 3000


def test_price_is_found_by_variant() -> None:
    assert TERMS.price_of(8) == 2990
    assert TERMS.price_of(9) is None


def test_limits_have_the_documents_defaults() -> None:
    assert Limits() == Limits(5, 5, 10)
