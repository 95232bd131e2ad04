"""A shopper is new once: of two first payments at the same time, one is the first."""

from functools import partial

import pytest

from domain.settlement import taking
from domain.settlement.applying_payments import Applied
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import MINUTE, Arena, make_arena
from tests.concurrency.racing import Meeting, race, rewrite_function

pytestmark = pytest.mark.transactional

FIRST = "SELECT count(*) FROM orders WHERE shopper_id = :v AND is_first_paid"
LOCK_SHOPPER = "s.id = of_shopper FOR NO KEY UPDATE"


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(group_size=5)


def pay_twice_at_once(arena: Arena, patch: pytest.MonkeyPatch, meeting: Meeting) -> int:
    """Pay for a seat whose hold ran out, and for the next one; returns the shopper's id.

    Both meet when they have written, before they commit.
    """
    shopper = arena.shopper()
    expired = arena.join(shopper, arena.opened(arena.start), arena.start)
    numbers = [arena.add_payment(expired, arena.start)]
    later = arena.start + 10 * MINUTE
    arena.expire(later)
    numbers.append(arena.add_payment(arena.join(shopper, arena.opened(later), later), later))
    meeting.after(patch, taking, "pay_order")

    ends = race([partial(arena.succeed, number, later) for number in numbers])

    assert ends == [Applied.SEATED] * 2
    return shopper[1]


def test_one_of_two_payments_at_once_is_the_first(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer = pay_twice_at_once(arena, monkeypatch, Meeting(2, seconds=0.5))

    assert arena.one(FIRST, payer) == 1
    arena.assert_sound(arena.start + 10 * MINUTE)


def test_both_are_the_first_where_the_shopper_is_not_locked(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite_function(crowd, "lock_seat", LOCK_SHOPPER, LOCK_SHOPPER.partition(" FOR ")[0])

    payer = pay_twice_at_once(arena, monkeypatch, Meeting(2))

    assert arena.one(FIRST, payer) == 2
