"""A shopper's daily cap is reserved at joining: promises never exceed it."""

from typing import Any

import pytest

from domain.checkout import placing
from domain.database import transaction
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.changing_settings import change_settings
from domain.merchants.rules import Role
from domain.terms import Limits
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, Arena, Shopper, make_arena, raised
from tests.concurrency.racing import Meeting, race, rewrite_function
from tests.factories.staff import make_staff

pytestmark = pytest.mark.transactional

CAP = 2500
JOINS = 12
PROMISED = (
    "SELECT quote_fen FROM orders WHERE shopper_id = :v AND group_id IS NOT NULL"
    " AND price_fen = 1990 ORDER BY quote_fen DESC, id"
)


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(limits=Limits(open_groups=1000, participations_per_day=1000))


@pytest.fixture
def shopper(arena: Arena) -> Shopper:
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
