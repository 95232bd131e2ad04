"""The last seat of a group is sold once."""

import pytest

from domain.checkout import placing
from domain.groups.errors import GroupFull
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import MINUTE, Arena, make_arena, raised, returned
from tests.concurrency.racing import Meeting, as_owner, race, rewrite_function

pytestmark = pytest.mark.transactional


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(group_size=2)


def join_at_once(arena: Arena, group_id: str, joiners: int) -> list[object]:
    shoppers = arena.shoppers(joiners)
    at = arena.start + MINUTE
    return race([lambda s=shopper: arena.join(s, group_id, at) for shopper in shoppers])


@pytest.mark.parametrize("joiners", [2, 50])
def test_last_seat_is_sold_once(arena: Arena, joiners: int) -> None:
    group_id = arena.opened(arena.start)

    ends = join_at_once(arena, group_id, joiners)

    assert len(returned(ends)) == 1
    assert {type(error) for error in raised(ends)} == {GroupFull}
    group = arena.group(group_id)
    assert (group["taken"], group["held"], group["releasing"]) == (1, 1, 0)
    arena.assert_sound(arena.start + MINUTE)


def test_last_seat_is_sold_once_though_both_looked_before(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_id = arena.opened(arena.start)
    Meeting(2, seconds=0.5).after(monkeypatch, placing, "admit")

    ends = join_at_once(arena, group_id, 2)

    assert [type(error) for error in raised(ends)] == [GroupFull]
    assert arena.group(group_id)["held"] == 1
    arena.assert_sound(arena.start + MINUTE)


@pytest.mark.parametrize("joiners", [2, 50])
def test_last_seat_is_oversold_without_lock_and_constraint(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch, joiners: int
) -> None:
    unguard(crowd)
    as_owner(crowd, "ALTER TABLE groups DROP CONSTRAINT ck_groups_seats_kept")
    group_id = arena.opened(arena.start)
    Meeting(joiners).after(monkeypatch, placing, "admit")

    ends = join_at_once(arena, group_id, joiners)

    assert raised(ends) == []
    assert arena.group(group_id)["held"] == joiners


def test_constraint_keeps_the_last_seat_where_the_lock_is_forgotten(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguard(crowd)
    group_id = arena.opened(arena.start)
    Meeting(2).after(monkeypatch, placing, "admit")

    ends = join_at_once(arena, group_id, 2)

    [error] = raised(ends)
    assert "ck_groups_seats_kept" in str(error)
    assert arena.group(group_id)["held"] == 1
    arena.assert_sound(arena.start + MINUTE)


def unguard(crowd: DatabaseUrls) -> None:
    """Let joining trust what it has read: no lock."""
    rewrite_function(crowd, "prepare_join", "FOR NO KEY UPDATE", "")
