"""Several unpaid orders of one shopper, from before they were limited, outlive the migration."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from alembic.config import main as alembic
from sqlalchemy import text

from domain.auditing.running import audit
from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import BuyAlone
from domain.database import dispose_engines, transaction
from domain.settlement.applying_payments import Applied
from domain.settlement.releasing import find_overdue_releases, free_overdue
from launcher.addresses import DatabaseUrls
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

BEFORE = "e83b20c6f114"
HELD = timedelta(minutes=15)
COPY = text(
    """
    INSERT INTO orders (merchant_id, public_id, shopper_id, variant_id, state, price_fen,
        list_price_fen, payable_fen, placed_on, placed_at, hold_expires_at, moved_at, moved_by)
    SELECT merchant_id, public_id || n, shopper_id, variant_id, 'placed', price_fen,
        list_price_fen, payable_fen, placed_on, placed_at, hold_expires_at, moved_at, moved_by
    FROM orders CROSS JOIN generate_series(1, 2) AS n WHERE public_id = :order
    """
)
ORDERS = (
    "SELECT state, releasing_at IS NOT NULL FROM orders WHERE shopper_id = :v AND group_id IS NULL"
    " ORDER BY id"
)
DAYS = "SELECT participations, expired_holds FROM shopper_days WHERE shopper_id = :v"


def migrate(*words: str) -> None:
    dispose_engines()
    alembic(["-c", "migrations/alembic.ini", *words])
    dispose_engines()


@pytest.fixture
def stage(fresh_database: DatabaseUrls) -> Iterator[Stage]:
    yield make_stage()
    dispose_engines()


def buy(stage: Stage, shopper: tuple[int, int]) -> dict[str, Any]:
    return buy_alone(BuyAlone(stage.basket(shopper)), at=stage.start)


def test_one_unpaid_order_stays_and_the_others_run_out(stage: Stage) -> None:
    shopper = stage.shopper()
    order = buy(stage, shopper)
    migrate("downgrade", BEFORE)
    with transaction() as session:
        session.execute(COPY, {"order": order["id"]})

    migrate("upgrade", "head")

    assert stage.rows(ORDERS, shopper[1]) == [("placed", True), ("placed", True), ("placed", False)]
    assert stage.pay(order, stage.start) is Applied.SEATED
    overdue = stage.start + HELD
    with transaction() as session:
        free_overdue(session, find_overdue_releases(session, at=overdue, limit=9), at=overdue)
    assert [state for state, _ in stage.rows(ORDERS, shopper[1])] == [
        "fulfilling",
        "expired",
        "placed",
    ]
    assert stage.rows(DAYS, shopper[1]) == [(0, 1)]


def test_expired_orders_are_counted_after_the_fact(stage: Stage) -> None:
    shopper = stage.shopper()
    buy(stage, shopper)
    stage.expire(stage.start + HELD)

    migrate("downgrade", BEFORE)
    assert stage.rows(DAYS, shopper[1]) == [(0, 0)]
    migrate("upgrade", "head")

    assert stage.rows(DAYS, shopper[1]) == [(0, 1)]
    report = audit(at=stage.start + HELD)
    assert report.is_ok, report.to_text()
