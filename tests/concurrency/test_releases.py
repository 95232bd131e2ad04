"""A shopper has two unpaid orders at most that are being released, however many are placed."""

from collections.abc import Callable

import pytest

from domain.checkout import placing
from domain.orders.errors import ReleasesExist, UnpaidHoldExists
from domain.terms import Limits
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import MINUTE, Arena, Shopper, make_arena, raised, returned
from tests.concurrency.racing import Meeting, as_owner, race, rewrite_function

pytestmark = pytest.mark.transactional

RELEASING = (
    "SELECT count(*) FROM orders WHERE shopper_id = :v AND state = 'placed'"
    " AND releasing_at IS NOT NULL"
)
COMMITTED = "SELECT committed_fen FROM campaigns"


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(limits=Limits(open_groups=20, participations_per_day=20))


def give_up(arena: Arena, shopper: Shopper) -> None:
    """Open a group, prepare a payment, and give it up: the gateway is to close it."""
    order = arena.open(shopper, arena.start)
    arena.add_payment(order, arena.start)
    arena.leave(shopper, order, arena.start)


def test_third_order_is_refused_while_two_are_being_released(arena: Arena) -> None:
    shopper, group_id = arena.shopper(), arena.opened(arena.start)
    before = arena.one(COMMITTED)
    for _ in range(2):
        give_up(arena, shopper)

    places: list[Callable[[], object]] = [
        lambda: arena.open(shopper, arena.start),
        lambda: arena.join(shopper, group_id, arena.start),
        lambda: arena.buy_alone(shopper, arena.start),
    ]
    for place in places:
        with pytest.raises(ReleasesExist) as refused:
            place()
        assert refused.value.details == {"limit": 2}

    assert arena.one(COMMITTED) - before == 2 * 3 * 1000
    arena.assert_sound(arena.start)


def test_shopper_may_order_again_once_the_gateway_has_closed_one(arena: Arena) -> None:
    shopper = arena.shopper()
    order = arena.open(shopper, arena.start)
    number = arena.add_payment(order, arena.start)
    arena.leave(shopper, order, arena.start)
    give_up(arena, shopper)

    arena.succeed(number, arena.start, amount_fen=1, is_confirmed=True)

    assert arena.open(shopper, arena.start)["state"] == "placed"
    arena.assert_sound(arena.start)


def place_at_once(arena: Arena, shopper: Shopper, groups: list[str]) -> list[object]:
    """Join two groups at once beside one release, and let what was placed run out."""
    ends = race([lambda g=group: arena.join(shopper, g, arena.start) for group in groups])
    for order in returned(ends):
        arena.add_payment(order, arena.start)
    arena.expire(arena.start + 6 * MINUTE)
    return ends


def test_orders_placed_at_once_leave_two_releases(arena: Arena) -> None:
    shopper, groups = arena.shopper(), [arena.opened(arena.start) for _ in range(2)]
    give_up(arena, shopper)

    ends = place_at_once(arena, shopper, groups)

    assert {type(error) for error in raised(ends)} == {UnpaidHoldExists}
    assert arena.one(RELEASING, shopper[1]) == 2
    arena.assert_sound(arena.start + 6 * MINUTE)


def test_orders_placed_at_once_leave_three_releases_without_lock_and_constraint(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    shopper, groups = arena.shopper(), [arena.opened(arena.start) for _ in range(2)]
    give_up(arena, shopper)
    as_owner(crowd, "DROP INDEX uq_orders_one_hold")
    rewrite_function(crowd, "lock_shopper", "FOR NO KEY UPDATE", "")
    Meeting(2).after(monkeypatch, placing, "admit")

    place_at_once(arena, shopper, groups)

    assert arena.one(RELEASING, shopper[1]) == 3
