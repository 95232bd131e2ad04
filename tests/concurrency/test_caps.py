"""A shopper's daily cap is reserved at joining: promises never exceed it."""

from datetime import timedelta
from typing import Any

import pytest

from domain import clock
from domain.checkout import placing
from domain.database import transaction
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.changing_settings import change_settings
from domain.merchants.rules import Role
from domain.terms import Caps, Limits
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, MINUTE, Arena, Shopper, make_arena, raised
from tests.concurrency.racing import Meeting, race, rewrite_function
from tests.factories.staff import make_staff

pytestmark = pytest.mark.transactional

CAP = 2500
MONTH_CAP = 2200
JOINS = 12
SECOND = timedelta(seconds=1)
PROMISED = (
    "SELECT quote_fen FROM orders WHERE shopper_id = :v AND group_id IS NOT NULL"
    " AND price_fen = 1990 ORDER BY quote_fen DESC, id"
)


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(limits=Limits(open_groups=1000, participations_per_day=1000))


@pytest.fixture
def shopper(arena: Arena) -> Shopper:
    return capped(arena)


def capped(arena: Arena) -> Shopper:
    """A shopper who pays from its wallet, and so has no hold that would keep its joins apart."""
    shopper = arena.shopper()
    arena.earn(shopper, 50_000)
    with transaction() as session:
        staff = make_staff(session, arena.merchant_id)
        before, after = change_settings(session, arena.merchant_id, {"daily_subsidy_cap_fen": CAP})
        audit(
            session,
            StaffActor(arena.merchant_id, staff.id, Role.OWNER),
            "settings.changed",
            subject_kind="merchant_settings",
            subject_id=None,
            at=arena.start - DAY,
            before={"daily_subsidy_cap_fen": before["daily_subsidy_cap_fen"]},
            after={"daily_subsidy_cap_fen": after["daily_subsidy_cap_fen"]},
        )
    return shopper


BY_DAY = (
    "SELECT cap_on, quote_fen FROM orders WHERE shopper_id = :v AND group_id IS NOT NULL"
    " AND price_fen = 1990 ORDER BY cap_on, quote_fen DESC, id"
)


@pytest.mark.parametrize(
    ("caps", "promised"),
    [
        pytest.param(Caps(), [1000, 1000, 500, 0], id="the merchant's day"),
        pytest.param(Caps(month_fen=MONTH_CAP), [1000, 1000, 200, 0], id="the campaign's month"),
    ],
)
def test_joins_around_the_last_midnight_of_a_month_keep_to_each_sides_cap(
    crowd: DatabaseUrls, caps: Caps, promised: list[int]
) -> None:
    """Groups end on both sides of midnight, and are joined at once, on both sides of it."""
    arena = make_arena(
        caps=caps,
        limits=Limits(open_groups=1000, participations_per_day=1000),
        ends_at=clock.real_now() + 40 * DAY,
    )
    shopper = capped(arena)
    first = (clock.shanghai_day(arena.start).replace(day=28) + timedelta(days=4)).replace(day=1)
    midnight = clock.day_start(first)
    before = [arena.opened(midnight - DAY - SECOND) for _ in range(len(promised))]
    after = [arena.opened(midnight - DAY + 5 * MINUTE) for _ in range(len(promised))]
    joins = [(group, midnight - 3 * MINUTE) for group in before]
    joins += [(group, midnight - SECOND) for group in after[::2]]
    joins += [(group, midnight + SECOND) for group in after[1::2]]

    ends: list[Any] = race(
        [lambda g=group, t=at: arena.join(shopper, g, t, use_wallet=True) for group, at in joins]
    )

    last = first - timedelta(days=1)
    assert raised(ends) == []
    assert arena.rows(BY_DAY, shopper[1]) == [
        (day, fen) for day in (last, first) for fen in promised
    ]
    arena.assert_sound(midnight + 2 * SECOND)


def join_at_once(arena: Arena, shopper: Shopper, groups: list[str]) -> list[int]:
    """Join the groups at once; returns the subsidies promised."""
    ends: list[Any] = race(
        [lambda g=group: arena.join(shopper, g, arena.start, use_wallet=True) for group in groups]
    )
    assert raised(ends) == []
    return [row[0] for row in arena.rows(PROMISED, shopper[1])]


def test_joins_at_once_share_the_cap_to_its_last_fen(arena: Arena, shopper: Shopper) -> None:
    groups = [arena.opened(arena.start) for _ in range(JOINS)]

    promised = join_at_once(arena, shopper, groups)

    assert promised == [1000, 1000, 500] + [0] * (JOINS - 3)
    arena.assert_sound(arena.start)


def test_cap_is_overrun_where_days_are_read_without_a_lock(
    crowd: DatabaseUrls, arena: Arena, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [arena.opened(arena.start) for _ in range(5)]
    join_at_once(arena, shopper, groups[:1])
    rewrite_function(crowd, "lock_shopper", "FOR NO KEY UPDATE", "")
    Meeting(4).after(monkeypatch, placing, "admit")

    promised = join_at_once(arena, shopper, groups[1:])

    assert promised == [1000] * 5
