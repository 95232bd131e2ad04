"""A group's worst case is committed whatever its size and subsidy: in fen it grows large soon."""

import pytest

from tests.scenarios.stage import make_stage

pytestmark = pytest.mark.transactional


@pytest.mark.parametrize(
    ("group_size", "subsidy_fen"),
    [(2, 16_384), (5, 10_000), (33, 1_000), (100, 32_767), (100, 9_999_900)],
)
def test_group_of_any_size_and_subsidy_opens(
    database: object, group_size: int, subsidy_fen: int
) -> None:
    worst_case_fen = group_size * subsidy_fen
    stage = make_stage(
        group_size=group_size,
        subsidy_fen=subsidy_fen,
        group_price_fen=subsidy_fen + 100,
        budget_fen=worst_case_fen,
    )

    stage.opened(stage.start)

    assert stage.rows(
        "SELECT committed_fen FROM campaigns WHERE merchant_id = :v", stage.merchant_id
    ) == [(worst_case_fen,)]
