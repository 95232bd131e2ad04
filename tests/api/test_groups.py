"""Groups over HTTP: polling, and what is refused before anything is looked up."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api import create_app
from api.progress import ProgressCache
from api.views import groups as views
from domain import clock
from domain.public_ids import new_public_id
from tests.api.callers import Caller, Mall
from tests.api.stages import ADDRESS, calling, stage_of
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

MINUTE = timedelta(minutes=1)


def look(mall: Mall, group_id: str, etag: str = "") -> Any:
    """Poll without signing in."""
    headers = {"If-None-Match": etag, "X-App-Id": mall.merchant.app_id}
    return Caller(mall.shopper.client).call("GET", f"/v1/groups/{group_id}", headers=headers)


def poll(caller: Caller, group_id: str, etag: str) -> Any:
    return caller.call("GET", f"/v1/groups/{group_id}", headers={"If-None-Match": etag})


@pytest.fixture
def progress(app: Flask) -> ProgressCache:
    """Return what this process keeps, emptied."""
    kept: ProgressCache = app.extensions["pinbu-progress"]
    kept.clear()
    return kept


@pytest.fixture
def reads(progress: ProgressCache, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the groups that were read from the database since."""
    made: list[str] = []
    read_group = views.read_group

    def counted(session: Any, merchant_id: int, group_id: str) -> Any:
        made.append(group_id)
        return read_group(session, merchant_id, group_id)

    monkeypatch.setattr(views, "read_group", counted)
    return made


@pytest.fixture
def other_process(app: Flask) -> FlaskClient:
    """Another process of the API: it shares the database and no memory."""
    return create_app().test_client()


def in_process(client: FlaskClient, caller: Caller) -> Caller:
    return replace(caller, client=client)


def join(caller: Caller, stage: Stage, group_id: str) -> dict[str, Any]:
    body = {"variant_id": stage.campaign.variant.public_id, "address": ADDRESS}
    headers = {"Idempotency-Key": new_public_id()}
    answer = caller.call("POST", f"/v1/groups/{group_id}/orders", json=body, headers=headers)
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def test_own_join_is_seen_at_once(mall: Mall) -> None:
    stage = stage_of(mall)
    group_id = stage.opened(clock.real_now() - MINUTE)
    before = mall.shopper.get(f"/v1/groups/{group_id}")

    order = join(mall.shopper, stage, group_id)
    after = poll(mall.shopper, group_id, before.headers["ETag"])

    assert after.status_code == 200
    assert (after.json["my_order_id"], after.json["held"]) == (order["id"], 1)


def test_own_payment_is_seen_at_once(mall: Mall) -> None:
    stage = stage_of(mall)
    shopper = stage.shopper()
    caller = calling(mall, shopper)
    order = stage.open(shopper, clock.real_now())
    path = f"/v1/groups/{order['group_id']}"
    assert caller.get(path).json["state"] == "pending"

    stage.pay(order, clock.real_now())

    assert caller.get(f"/v1/orders/{order['id']}").json["state"] == "paid"
    shown = caller.get(path).json
    assert (shown["state"], shown["taken"], len(shown["members"])) == ("open", 1, 1)


def test_own_acts_are_seen_by_every_process(mall: Mall, other_process: FlaskClient) -> None:
    stage = stage_of(mall)
    group_id = stage.opened(clock.real_now() - MINUTE)
    here, there = mall.shopper, in_process(other_process, mall.shopper)
    assert there.get(f"/v1/groups/{group_id}").json["my_order_id"] is None

    order = join(here, stage, group_id)
    pages = [caller.get(f"/v1/groups/{group_id}").json for caller in (there, here, there)]
    number = stage.add_payment(order, clock.real_now())
    stage.succeed(number, clock.real_now(), amount_fen=order["payable_fen"])
    paid = [caller.get(f"/v1/groups/{group_id}").json for caller in (there, here, there)]

    assert [page["my_order_id"] for page in pages] == [order["id"]] * 3
    assert [page["held"] for page in pages] == [1] * 3
    assert [page["taken"] for page in paid] == [2] * 3


def test_who_left_is_out_at_once_in_every_process(mall: Mall, other_process: FlaskClient) -> None:
    stage = stage_of(mall)
    shopper = stage.shopper()
    group_id = stage.opened(clock.real_now() - MINUTE)
    order = stage.join(shopper, group_id, clock.real_now())
    stage.pay(order, clock.real_now())
    here = calling(mall, shopper)
    there = in_process(other_process, here)
    assert there.get(f"/v1/groups/{group_id}").json["taken"] == 2

    left = here.call(
        "POST", f"/v1/orders/{order['id']}/cancellation", headers={"Idempotency-Key": "leave"}
    )
    pages = [caller.get(f"/v1/groups/{group_id}").json for caller in (there, here)]

    assert left.status_code == 201
    assert [page["taken"] for page in pages] == [1, 1]


def test_crowd_that_looks_at_one_version_reads_it_once(mall: Mall, reads: list[str]) -> None:
    stage = stage_of(mall)
    group_id = stage.opened(clock.real_now() - MINUTE)
    crowd = [calling(mall, stage.shopper()) for _ in range(5)]

    answers = [caller.get(f"/v1/groups/{group_id}") for caller in crowd]

    assert [answer.status_code for answer in answers] == [200] * 5
    assert reads == [group_id]


def test_nothing_new_is_not_told_again(mall: Mall) -> None:
    group_id = stage_of(mall).opened(clock.real_now() - MINUTE)
    first = mall.shopper.get(f"/v1/groups/{group_id}")

    again = poll(mall.shopper, group_id, first.headers["ETag"])

    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_version_that_was_seen_bypasses_an_older_entry(
    mall: Mall, reads: list[str], progress: ProgressCache
) -> None:
    stage = stage_of(mall)
    group_id = stage.opened(clock.real_now() - MINUTE)
    older = look(mall, group_id)
    stage.joined(group_id, clock.real_now() - MINUTE)
    progress.clear()
    newer = look(mall, group_id)
    progress.clear()
    reads.clear()
    look(mall, group_id, older.headers["ETag"])
    view = progress.get(mall.id, group_id, seen_version=0)
    assert view is not None
    object.__setattr__(view, "version", view.version - 1)

    answer = look(mall, group_id, newer.headers["ETag"])

    assert answer.status_code == 304
    assert reads == [group_id, group_id]


@pytest.mark.parametrize("version", ["9" * 5_000, "9" * 18, "9"])
def test_version_that_was_made_up_does_not_bypass_the_cache(
    mall: Mall, reads: list[str], version: str
) -> None:
    group_id = stage_of(mall).opened(clock.real_now() - MINUTE)
    honest = look(mall, group_id).headers["ETag"]
    made_up = f'"v{version}{honest[honest.index("-") :]}'

    answers = [look(mall, group_id, made_up) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert reads == [group_id]


def test_version_of_another_group_counts_for_nothing(mall: Mall, reads: list[str]) -> None:
    stage = stage_of(mall)
    group_id = stage.opened(clock.real_now() - MINUTE)
    busy = stage.opened(clock.real_now() - MINUTE)
    stage.joined(busy, clock.real_now() - MINUTE)
    etag = look(mall, busy).headers["ETag"]
    look(mall, group_id)
    reads.clear()

    answer = look(mall, group_id, etag)

    assert answer.status_code == 200
    assert reads == []


def test_last_seat_that_is_held_is_not_one_short(mall: Mall) -> None:
    stage = stage_of(mall)
    now = clock.real_now()
    group_id = stage.opened(now - MINUTE)
    stage.joined(group_id, now - MINUTE)
    short = mall.shopper.get(f"/v1/groups/{group_id}").json

    held = stage.join(stage.shopper(), group_id, now)
    full = mall.shopper.get(f"/v1/groups/{group_id}").json

    assert (short["seats_left"], short["is_one_short"], short["seat_free_at"]) == (1, True, None)
    assert (full["seats_left"], full["is_one_short"]) == (0, False)
    assert full["seat_free_at"] == held["hold_expires_at"]


def test_older_view_never_replaces_a_newer_one(mall: Mall, progress: ProgressCache) -> None:
    stage = stage_of(mall)
    group_id = stage.opened(clock.real_now() - MINUTE)
    look(mall, group_id)
    older = progress.get(mall.id, group_id, seen_version=0)
    assert older is not None
    stage.joined(group_id, clock.real_now())
    newer = mall.shopper.get(f"/v1/groups/{group_id}").json

    progress.put(mall.id, older)

    assert look(mall, group_id).json["taken"] == newer["taken"] == 2
