"""One share per group and shopper; its token finds its merchant."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from domain.database import transaction
from domain.referrals.errors import GroupNotFound, GroupNotShareable
from domain.referrals.sharing import MadeShare, share_group
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional


@pytest.fixture
def stage(database: object) -> Stage:
    return make_stage()


def share(stage: Stage, shopper: tuple[int, int], group_id: str) -> MadeShare:
    with transaction() as session:
        return share_group(session, shopper, group_id, at=stage.start)


def test_same_sharer_gets_the_same_token(stage: Stage) -> None:
    group_id, shopper = stage.opened(stage.start), stage.shopper()

    first, second = share(stage, shopper, group_id), share(stage, shopper, group_id)

    assert first == second
    assert stage.rows(
        "SELECT t.merchant_id, s.shopper_id FROM share_tokens t JOIN shares s ON s.id = t.share_id"
        " WHERE t.token = :v",
        first.token,
    ) == [shopper]


def test_each_sharer_has_a_token_of_their_own(stage: Stage) -> None:
    group_id = stage.opened(stage.start)

    tokens = {share(stage, stage.shopper(), group_id).token for _ in range(3)}

    assert len(tokens) == 3


def test_sharing_at_once_makes_one_share(stage: Stage) -> None:
    group_id, shopper = stage.opened(stage.start), stage.shopper()

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: share(stage, shopper, group_id).token, range(6)))

    assert len(set(made)) == 1
    assert stage.one("SELECT count(*) FROM shares WHERE shopper_id = :v", shopper[1]) == 1
    assert stage.one("SELECT count(*) FROM share_tokens WHERE token = :v", made[0]) == 1


def test_pending_group_cannot_be_shared(stage: Stage) -> None:
    leader = stage.shopper()
    order = stage.open(leader, stage.start)

    with pytest.raises(GroupNotShareable):
        share(stage, leader, order["group_id"])


def test_group_that_is_over_can_be_shared(stage: Stage) -> None:
    group_id = stage.opened(stage.start)
    stage.settle(group_id, stage.start + timedelta(days=1))

    assert share(stage, stage.shopper(), group_id).group_id == group_id


def test_group_of_another_merchant_does_not_exist(stage: Stage) -> None:
    group_id, other = stage.opened(stage.start), make_stage()

    with pytest.raises(GroupNotFound):
        share(other, other.shopper(), group_id)
