"""The live board over HTTP."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from domain import clock, work
from domain.database import transaction
from domain.states import RefundState
from tests.api.callers import Caller, Mall
from tests.api.stages import form_group, stage_of

pytestmark = pytest.mark.transactional

MINUTE = timedelta(minutes=1)


def test_empty_board_counts_zero(mall: Mall) -> None:
    board = mall.viewer.get("/v1/merchant/board").json

    assert board.pop("server_time").endswith("Z")
    assert board == {
        "open": 0,
        "pending": 0,
        "closing": 0,
        "one_short": 0,
        "ending_soon": 0,
        "unsettled_past_deadline": 0,
        "oldest_unsettled_seconds": None,
        "rejected_refunds": 0,
        "abnormal_refunds": 0,
        "parked_work": 0,
    }


def test_board_counts_what_runs_and_what_is_stuck(mall: Mall, other_mall: Mall) -> None:
    stage, now = stage_of(mall), clock.real_now()
    form_group(stage, stage.shopper(), now - 5 * MINUTE)
    stage.open(stage.shopper(), now)
    one_short = stage.opened(now - 3 * MINUTE)
    stage.joined(one_short, now - 2 * MINUTE)
    stage.opened(now - timedelta(days=1) + 20 * MINUTE)
    stage.opened(now - timedelta(days=1) - 90 * MINUTE)
    closing = stage.opened(now - timedelta(days=1) - 2 * MINUTE)
    stage.joined(closing, now - timedelta(days=1) + MINUTE)
    stage.add_payment(stage.join(stage.shopper(), closing, now - 6 * MINUTE), now - 6 * MINUTE)
    stage.settle(closing, now - MINUTE)
    assert stage.group(closing)["state"] == "closing"
    with transaction() as session:
        work.put(session, "test", [(mall.id, 1)], due_at=now)
        for state in ("leased", "parked"):
            session.execute(
                text("UPDATE work_rows SET state = :s WHERE kind = 'test' AND merchant_id = :m"),
                {"s": state, "m": mall.id},
            )

    board = mall.viewer.get("/v1/merchant/board").json
    other = other_mall.viewer.get("/v1/merchant/board").json

    assert 5400 <= board.pop("oldest_unsettled_seconds") < 5500
    assert board.pop("server_time") > "2026"
    assert board == {
        "open": 3,
        "pending": 1,
        "closing": 1,
        "one_short": 1,
        "ending_soon": 1,
        "unsettled_past_deadline": 2,
        "rejected_refunds": 0,
        "abnormal_refunds": 0,
        "parked_work": 1,
    }
    assert (other["open"], other["parked_work"]) == (0, 0)


def test_board_counts_refunds_that_went_wrong(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    for ending in (RefundState.REJECTED, RefundState.REJECTED, RefundState.ABNORMAL):
        stage.refund_that(ending)

    board = mall.viewer.get("/v1/merchant/board").json
    other = other_mall.viewer.get("/v1/merchant/board").json

    assert (board["rejected_refunds"], board["abnormal_refunds"]) == (2, 1)
    assert (other["rejected_refunds"], other["abnormal_refunds"]) == (0, 0)


def test_board_of_one_campaign_counts_its_own_groups_and_refunds(mall: Mall) -> None:
    """The rejected refund's work is parked: it counts in both, as work has no campaign."""
    now = clock.real_now()
    mine, other = stage_of(mall), stage_of(mall)
    mine.opened(now - 3 * MINUTE)
    for _ in range(2):
        other.opened(now - 3 * MINUTE)
    other.open(other.shopper(), now)
    other.refund_that(RefundState.REJECTED)
    mine.refund_that(RefundState.ABNORMAL)

    boards = [
        mall.viewer.get("/v1/merchant/board", campaign_id=stage.campaign.public_id).json
        for stage in (mine, other)
    ]

    seen = [
        (
            board["open"],
            board["pending"],
            board["rejected_refunds"],
            board["abnormal_refunds"],
            board["parked_work"],
        )
        for board in boards
    ]
    assert seen == [(1, 0, 0, 1, 1), (2, 1, 1, 0, 1)]


def test_board_of_a_foreign_campaign_does_not_exist(mall: Mall, other_mall: Mall) -> None:
    foreign = stage_of(other_mall).campaign.public_id

    answer = mall.viewer.get("/v1/merchant/board", campaign_id=foreign)

    assert (answer.status_code, answer.json["code"]) == (404, "campaign_not_found")


def test_board_is_for_staff(mall: Mall, anyone: Caller) -> None:
    assert anyone.get("/v1/merchant/board").status_code == 401
    assert mall.shopper.get("/v1/merchant/board").status_code == 401
