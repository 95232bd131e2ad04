"""Messages of notices: one each, never more than news, never in the way of money."""

import secrets
from datetime import datetime, timedelta

import pytest

from domain.checkout.driving_messages import MOST_TRIES, drive_messages
from domain.checkout.reacting import consume_facts
from domain.checkout.settling import settle_due_groups
from domain.database import read_clock, transaction
from domain.notices.templates import check_templates, keep_templates
from jobs.reactions import REACTIONS
from tests.sandbox_server import sandbox, shared_sandbox
from tests.world import Phone, World, expect, world

pytestmark = pytest.mark.transactional

__all__ = ["sandbox", "shared_sandbox", "world"]

WORK = "SELECT state FROM work_rows WHERE kind = 'send_message'"
RESULTS = "SELECT key, send_result FROM notices ORDER BY id"


@pytest.fixture
def template_id(world: World) -> str:
    """A template for groups that failed, at the sandbox and with the product."""
    template_id = secrets.token_hex(8)
    world.sandbox.post(
        "/templates",
        appid=world.app_id,
        template_id=template_id,
        keywords=["thing1", "amount2", "time3"],
    )
    given = {
        "template_id": template_id,
        "page": "pages/order/index?id={order}",
        "fields": {"thing1": "title", "amount2": "subsidy", "time3": "time"},
    }
    with transaction() as session:
        keep_templates(session, world.app_id, check_templates({"group.failed": given}))
    return template_id


def agree(world: World, shopper: Phone, template_id: str, granted: int = 1) -> None:
    world.sandbox.post(
        "/consents",
        appid=world.app_id,
        openid=shopper.openid,
        template_id=template_id,
        granted=granted,
    )


def fail_group(world: World) -> Phone:
    """Fail a group of one and write its notice; its message, if there is any, is still to go."""
    leader, order = world.opened()
    world.end_deadline(order["group_id"])
    at = read_clock()
    settle_due_groups(at=at)
    consume_facts("notify", REACTIONS["notify"], at=at)
    return leader


def sent_to(world: World, shopper: Phone) -> list[dict[str, str]]:
    return [one["data"] for one in world.sandbox.items("/messages", openid=shopper.openid)]


def test_failed_group_is_told_to_who_agreed(world: World, template_id: str) -> None:
    leader, order = world.opened()
    agree(world, leader, template_id)
    world.end_deadline(order["group_id"])

    world.run_jobs()

    [message] = world.sandbox.items("/messages", openid=leader.openid)
    assert message["page"] == f"pages/order/index?id={order['id']}"
    assert message["data"]["amount2"].endswith("元")
    assert ("group.failed", "sent") in world.rows(RESULTS)
    assert world.rows(WORK) == [("done",)]


def test_without_a_template_there_is_no_work_and_no_message(world: World) -> None:
    leader = fail_group(world)

    assert world.rows(WORK) == []
    assert world.rows(RESULTS) == [("group.failed", None)]
    assert sent_to(world, leader) == []


def test_notice_without_a_template_of_its_own_sends_nothing(world: World, template_id: str) -> None:
    _, order = world.opened()
    for _ in range(2):
        shopper = world.phone()
        shopper.buy(shopper.join(order["group_id"]))
    world.run_jobs()

    assert {key for key, _ in world.rows(RESULTS)} == {"group.formed"}
    assert world.rows(WORK) == []


def test_refusal_is_recorded_and_money_goes_on(world: World, template_id: str) -> None:
    leader, order = world.opened()
    world.end_deadline(order["group_id"])

    world.run_jobs()

    assert ("group.failed", "refused") in world.rows(RESULTS)
    assert world.rows("SELECT DISTINCT state FROM work_rows WHERE kind = 'send_message'") == [
        ("done",)
    ]
    assert world.rows("SELECT state FROM orders") == [("refunded",)]
    assert expect(200, leader.get("/v1/me/wallet"))["balance_fen"] > 0


def test_message_that_wechat_does_not_take_has_failed(world: World, template_id: str) -> None:
    leader = fail_group(world)
    agree(world, leader, template_id)
    world.sandbox.post(
        "/templates", appid=world.app_id, template_id=template_id, keywords=["phrase9"]
    )

    drive_messages(at=read_clock())

    assert world.rows(RESULTS) == [("group.failed", "failed")]
    assert world.rows(WORK) == [("done",)]


def test_message_of_unknown_fate_is_tried_again_later(world: World, template_id: str) -> None:
    leader = fail_group(world)
    agree(world, leader, template_id)
    world.sandbox.fault("error_before", operation="send_message", count=1)
    at = read_clock()

    drive_messages(at=at)
    assert world.rows(RESULTS) == [("group.failed", None)]
    drive_messages(at=at + timedelta(seconds=2))

    assert world.rows(RESULTS) == [("group.failed", "sent")]
    assert len(sent_to(world, leader)) == 1


def test_message_that_went_out_unheard_is_not_sent_twice(world: World, template_id: str) -> None:
    leader = fail_group(world)
    agree(world, leader, template_id)
    world.sandbox.fault("drop_after", operation="send_message", count=1)
    at = read_clock()

    drive_messages(at=at)
    drive_messages(at=at + timedelta(seconds=2))

    assert len(sent_to(world, leader)) == 1
    assert world.rows(RESULTS) == [("group.failed", "refused")]


def test_old_news_is_given_up_and_parks_nothing(world: World, template_id: str) -> None:
    leader = fail_group(world)
    agree(world, leader, template_id)
    world.sandbox.fault("error_before", operation="send_message")
    at = read_clock()
    tries = 0

    while world.rows(RESULTS) == [("group.failed", None)]:
        tries += drive_messages(at=at)
        at = due_at(world, at)

    assert tries == MOST_TRIES
    assert world.rows(RESULTS) == [("group.failed", "failed")]
    assert world.rows(WORK) == [("done",)]


def due_at(world: World, at: datetime) -> datetime:
    [(state, due)] = world.rows("SELECT state, due_at FROM work_rows WHERE kind = 'send_message'")
    return due if state == "due" else at


def test_expired_token_costs_no_message(world: World, template_id: str) -> None:
    leader = fail_group(world)
    agree(world, leader, template_id)
    world.sandbox.fault("token_expired", operation="send_message", count=1)

    drive_messages(at=read_clock())

    assert world.rows(RESULTS) == [("group.failed", "sent")]


def test_fact_consumed_again_sends_nothing_again(world: World, template_id: str) -> None:
    leader = fail_group(world)
    agree(world, leader, template_id, granted=2)
    drive_messages(at=read_clock())
    with transaction() as session:
        facts = [tuple(row) for row in world.rows("SELECT merchant_id, id FROM facts")]
        REACTIONS["notify"](session, facts, read_clock())  # type: ignore[arg-type]

    drive_messages(at=read_clock())

    assert len(sent_to(world, leader)) == 1


def test_template_that_is_taken_away_ends_the_work(world: World, template_id: str) -> None:
    leader = fail_group(world)
    agree(world, leader, template_id)
    with transaction() as session:
        keep_templates(session, world.app_id, {})

    drive_messages(at=read_clock())

    assert (world.rows(WORK), sent_to(world, leader)) == ([("done",)], [])
