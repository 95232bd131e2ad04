"""Each opening of a share is recorded, but the sharer's own."""

from datetime import timedelta

import pytest

from domain.database import transaction
from domain.referrals.errors import ShareNotFound
from domain.referrals.sharing import share_group
from domain.referrals.visiting import SharedGroup, Visitor, visit_share
from tests.concurrency.racing import race
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional


@pytest.fixture
def stage(database: object) -> Stage:
    return make_stage()


def shared(stage: Stage) -> tuple[str, tuple[int, int]]:
    """Return a share's token, and who shared."""
    group_id, sharer = stage.opened(stage.start), stage.shopper(nickname="小明")
    with transaction() as session:
        return share_group(session, sharer, group_id, at=stage.start).token, sharer


def visit(stage: Stage, token: str, visitor: Visitor) -> SharedGroup:
    with transaction() as session:
        return visit_share(session, token, visitor, at=stage.start + timedelta(minutes=1))


def visits(stage: Stage, token: str) -> list[tuple[object, ...]]:
    return stage.rows(
        "SELECT v.shopper_id, v.device, v.client_address FROM visits v"
        " JOIN shares s ON s.merchant_id = v.merchant_id AND s.id = v.share_id"
        " WHERE s.token = :v ORDER BY v.id",
        token,
    )


def test_visit_shows_the_group_and_is_recorded_each_time(stage: Stage) -> None:
    token, _ = shared(stage)
    visitor = stage.shopper()

    found = visit(stage, token, Visitor(visitor, "10.0.0.1", "phone"))
    visit(stage, token, Visitor(None, "10.0.0.2", None))

    assert (found.group_state, found.size, found.taken, found.seats_left) == ("open", 3, 1, 2)
    assert (found.campaign_id, found.sharer_nickname) == (stage.campaign.public_id, "小明")
    assert visits(stage, token) == [(visitor[1], "phone", "10.0.0.1"), (None, None, "10.0.0.2")]


def test_sharer_is_no_visitor(stage: Stage) -> None:
    token, sharer = shared(stage)

    visit(stage, token, Visitor(sharer, "10.0.0.1", "phone"))

    assert visits(stage, token) == []


def test_group_that_failed_has_no_seat_left(stage: Stage) -> None:
    token, _ = shared(stage)
    stage.settle(
        stage.one(
            "SELECT g.public_id FROM groups g JOIN shares s ON s.group_id = g.id"
            " WHERE s.token = :v",
            token,
        ),
        stage.start + timedelta(days=1),
    )

    found = visit(stage, token, Visitor())

    assert (found.group_state, found.taken, found.seats_left) == ("failed", 1, 0)


def test_unknown_token_is_refused(stage: Stage) -> None:
    with pytest.raises(ShareNotFound):
        visit(stage, "0" * 20, Visitor())


def test_shopper_of_another_merchant_is_refused_and_not_recorded(stage: Stage) -> None:
    token, _ = shared(stage)
    stranger = make_stage().shopper()

    with pytest.raises(ShareNotFound):
        visit(stage, token, Visitor(stranger))

    assert visits(stage, token) == []


def test_own_share_is_not_kept_with_an_order(stage: Stage) -> None:
    group_id, shopper = stage.opened(stage.start), stage.shopper()
    with transaction() as session:
        token = share_group(session, shopper, group_id, at=stage.start).token

    stage.join(shopper, group_id, stage.start, share_token=token)

    assert stage.one("SELECT share_id FROM orders WHERE shopper_id = :v", shopper[1]) is None


def test_opening_again_within_the_hour_is_one_visit(stage: Stage) -> None:
    token, _ = shared(stage)
    shopper = stage.shopper()

    for _ in range(3):
        visit(stage, token, Visitor(shopper, "10.0.0.1", "phone"))
        visit(stage, token, Visitor(None, "10.0.0.2", None))
        visit(stage, token, Visitor(None, "10.0.0.2", "phone"))

    assert len(visits(stage, token)) == 3


def test_opening_again_after_the_hour_is_another_visit(stage: Stage) -> None:
    token, _ = shared(stage)
    shopper = stage.shopper()

    for hours in (0, 0, 1, 2):
        with transaction() as session:
            at = stage.start + hours * timedelta(minutes=61)
            visit_share(session, token, Visitor(shopper), at=at)

    assert len(visits(stage, token)) == 3


def test_shopper_who_comes_back_from_another_share_has_visited_last(stage: Stage) -> None:
    first, _ = shared(stage)
    second, _ = shared(stage)
    shopper = stage.shopper()

    for token in (first, second, first, first):
        visit(stage, token, Visitor(shopper))

    assert len(visits(stage, first)) == 2
    assert len(visits(stage, second)) == 1


def test_visits_at_once_are_one(stage: Stage) -> None:
    token, _ = shared(stage)

    ends = race([lambda: visit(stage, token, Visitor(None, "10.0.0.9", None))] * 6)

    assert not any(isinstance(end, BaseException) for end in ends)
    assert len(visits(stage, token)) == 1


def test_visit_that_does_not_count_is_shown(stage: Stage) -> None:
    token, _ = shared(stage)

    found = visit(stage, token, Visitor(None, "10.0.0.9", None, counts=False))

    assert found.group_state == "open"
    assert visits(stage, token) == []
