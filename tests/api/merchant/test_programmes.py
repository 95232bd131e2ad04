"""Points of outside programmes over HTTP: by webhook, by file, refused and retried."""

import csv
import io
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from domain.checkout.driving_points import drive_points
from domain.database import read_clock, transaction
from domain.gateways import webhooks
from domain.gateways.errors import GatewayUnknown
from domain.gateways.webhooks import sign
from domain.terms import SubsidyKind, SubsidyRule
from tests.api.callers import Caller, Mall
from tests.api.merchant.test_gifts import post
from tests.api.stages import fail_group, stage_of
from tests.domain.gateways.test_webhooks import brand
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/programmes"


def add(mall: Mall, url: str | None, **values: Any) -> dict[str, Any]:
    given = {"name": "星会员", "url": url, "points_per_yuan": 20} | values
    answer = mall.owner.post(PATH, **given)
    assert answer.status_code == 201, answer.json
    found: dict[str, Any] = answer.json
    return found


def subsidise(mall: Mall, programme_id: str) -> Stage:
    """Fail a group whose subsidy is points of a programme, worth 10 yuan."""
    with transaction() as session:
        inner = session.execute(
            text("SELECT id FROM external_programmes WHERE public_id = :p"), {"p": programme_id}
        ).scalar_one()
    rule = SubsidyRule(SubsidyKind.EXTERNAL_POINTS, 1000, programme_id=inner)
    stage = stage_of(mall, subsidy=rule)
    fail_group(stage, stage.shopper(), stage.start)
    return stage


def rows(statement: str) -> list[tuple[Any, ...]]:
    with transaction() as session:
        return [tuple(row) for row in session.execute(text(statement))]


def states(mall: Mall) -> dict[str, int]:
    (found,) = mall.viewer.get(PATH).json["items"]
    names = ("pending", "exported", "delivered", "refused", "open_fen")
    return {name: found[name] for name in names if found[name]}


def grant(caller: Caller) -> dict[str, Any]:
    (found,) = caller.get("/v1/merchant/grants").json["items"]
    return dict(found)


class TestWebhook:
    def test_points_are_told_to_their_brand_signed(self, mall: Mall) -> None:
        with brand(200) as (url, heard):
            programme = add(mall, url)
            subsidise(mall, programme["id"])
            assert states(mall) == {"pending": 1, "open_fen": 1000}
            drive_points(at=read_clock())
            drive_points(at=read_clock())

        [(_, headers, body)] = heard
        said = json.loads(body)
        assert said["type"] == "points.issued"
        assert (said["data"]["points"], said["data"]["amount_fen"]) == (200, 1000)
        assert said["data"]["grant_id"] == grant(mall.viewer)["id"]
        assert headers["webhook-id"] == said["data"]["id"]
        at = _instant(headers["webhook-timestamp"])
        expected = sign(programme["secret"], said["data"]["id"], at, body)
        assert headers["webhook-signature"] == expected
        assert states(mall) == {"delivered": 1}
        assert grant(mall.viewer)["external"]["state"] == "delivered"

    def test_failed_delivery_is_repeated_with_the_same_id(self, mall: Mall) -> None:
        with brand(503, 200) as (url, heard):
            subsidise(mall, add(mall, url)["id"])
            drive_points(at=read_clock())
            assert states(mall)["pending"] == 1
            with transaction() as session:
                session.execute(text("UPDATE work_rows SET due_at = now() - interval '1 hour'"))
            drive_points(at=read_clock())

        first, second = (headers["webhook-id"] for _, headers, _ in heard)
        assert first == second
        assert states(mall) == {"delivered": 1}

    def test_refused_points_wait_for_staff_who_may_retry(self, mall: Mall) -> None:
        with brand(410, 200) as (url, heard):
            subsidise(mall, add(mall, url)["id"])
            drive_points(at=read_clock())
            drive_points(at=read_clock())
            stuck = grant(mall.viewer)
            alarms = mall.viewer.get("/v1/merchant/alarms").json["items"]
            assert (len(heard), states(mall)) == (1, {"refused": 1, "open_fen": 1000})
            assert (stuck["is_stuck"], stuck["external"]["state"]) == (True, "refused")
            assert "410" in stuck["external"]["error"]
            assert [alarm["kind"] for alarm in alarms] == ["points_refused"]

            path = f"/v1/merchant/grants/{stuck['id']}/retry"
            retried = post(mall.operator, path, reason="已修复")
            assert (retried.status_code, retried.json["external"]["state"]) == (200, "pending")
            drive_points(at=read_clock())

        assert states(mall) == {"delivered": 1}
        again = post(mall.operator, path, key="k2", reason="已修复")
        assert (again.status_code, again.json["code"]) == (409, "grant_not_stuck")

    def test_slow_brand_is_asked_twice_at_once_and_then_left_for_later(
        self, mall: Mall, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slow, quick = (
            add(mall, "https://slow.example/"),
            add(mall, "https://quick.example/", name="快"),
        )
        for _ in range(5):
            subsidise(mall, slow["id"])
        subsidise(mall, quick["id"])
        calls: list[str] = []
        at_once: list[int] = []
        running: set[int] = set()

        def deliver(url: str, *, message_id: str, **_: Any) -> None:
            calls.append(url)
            if "quick" in url:
                return
            running.add(key := id(message_id))
            at_once.append(len(running))
            time.sleep(0.3)
            running.discard(key)
            raise GatewayUnknown(message="webhook: slow", gateway_code="slow")

        monkeypatch.setattr(webhooks, "deliver", deliver)
        drive_points(at=read_clock())

        assert max(at_once) == 2
        assert sum("slow" in url for url in calls) == 2
        assert sum("quick" in url for url in calls) == 1
        assert sorted(line["pending"] for line in mall.viewer.get(PATH).json["items"]) == [0, 5]
        assert rows("SELECT count(*) FROM work_rows WHERE state = 'leased'") == [(0,)]

    def test_new_secret_signs_what_is_sent_from_then_on(self, mall: Mall) -> None:
        with brand(200) as (url, heard):
            programme = add(mall, url)
            path = f"{PATH}/{programme['id']}/secret"
            renewed = mall.owner.post(path, reason="泄露").json["secret"]
            subsidise(mall, programme["id"])
            drive_points(at=read_clock())

        [(_, headers, body)] = heard
        at = _instant(headers["webhook-timestamp"])
        assert renewed != programme["secret"]
        assert headers["webhook-signature"] == sign(renewed, headers["webhook-id"], at, body)


class TestFile:
    def test_points_go_by_file_and_are_confirmed(self, mall: Mall) -> None:
        programme = add(mall, None)
        stage = subsidise(mall, programme["id"])
        path = f"{PATH}/{programme['id']}"
        assert programme["secret"] is None

        exported = post(mall.operator, f"{path}/exports", reason="月结").json
        nothing = post(mall.operator, f"{path}/exports", key="k2", reason="月结")
        lines = _lines(mall.viewer.get(f"{path}/points.csv", export=1))
        waiting = mall.viewer.get(PATH).json["items"][0]["open_exports"]
        confirmed = post(mall.operator, f"{path}/confirmations", key="k3", export=1, reason="入账")
        twice = post(mall.operator, f"{path}/confirmations", key="k4", export=1, reason="入账")

        assert exported == {"export": 1, "count": 1, "points": 200, "amount_fen": 1000}
        assert waiting == [exported]
        assert (nothing.status_code, nothing.json["code"]) == (409, "nothing_to_export")
        shopper = stage.one("SELECT public_id FROM shoppers ORDER BY id DESC LIMIT 1")
        assert [[line[0], *line[2:5]] for line in lines] == [["1", shopper, "200", "1000"]]
        assert confirmed.json == exported
        assert (twice.status_code, twice.json["code"]) == (409, "export_not_open")
        again = mall.viewer.get(f"{path}/points.csv", export=1)
        assert (again.status_code, _lines(again)) == (200, lines)
        assert states(mall) == {"delivered": 1}

    def test_confirming_a_file_confirms_nothing_that_was_not_in_it(self, mall: Mall) -> None:
        programme = add(mall, None)
        subsidise(mall, programme["id"])
        path = f"{PATH}/{programme['id']}"
        post(mall.operator, f"{path}/exports", reason="月结")
        subsidise(mall, programme["id"])
        second = post(mall.operator, f"{path}/exports", key="k2", reason="月结").json

        confirmed = post(mall.operator, f"{path}/confirmations", key="k3", export=1, reason="入账")

        assert confirmed.json["count"] == 1
        assert states(mall) == {"delivered": 1, "exported": 1, "open_fen": 1000}
        assert mall.viewer.get(PATH).json["items"][0]["open_exports"] == [second]
        assert mall.viewer.get(f"{path}/points.csv", export=3).json["code"] == "export_not_found"

    def test_webhooks_have_no_file_and_files_no_secret(self, mall: Mall) -> None:
        by_file, by_webhook = add(mall, None), add(mall, "https://brand.example/", name="二")

        exported = post(mall.operator, f"{PATH}/{by_webhook['id']}/exports", reason="x")
        secret = mall.owner.post(f"{PATH}/{by_file['id']}/secret", reason="x")

        assert (exported.status_code, exported.json["code"]) == (409, "not_by_file")
        assert (secret.status_code, secret.json["code"]) == (409, "not_a_webhook")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"url": "ftp://brand.example/"}, 422, "programme_url_not_allowed"),
        ({"url": "https://a:b@brand.example/"}, 422, "programme_url_not_allowed"),
        ({"points_per_yuan": 0}, 422, "invalid_request"),
        ({"name": ""}, 422, "invalid_request"),
    ],
)
def test_bad_programme_is_refused(
    mall: Mall, changes: dict[str, Any], status: int, code: str
) -> None:
    given = {"name": "星会员", "url": None, "points_per_yuan": 20} | changes
    answer = mall.owner.post(PATH, **given)

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert mall.viewer.get(PATH).json["items"] == []


def test_programmes_are_their_owners(mall: Mall, other_mall: Mall) -> None:
    programme = add(mall, None)
    given = {"name": "星会员", "points_per_yuan": 20}

    assert mall.operator.post(PATH, **given, url=None).status_code == 403
    assert mall.owner.post(PATH, **given).json["code"] == "programme_taken"
    assert other_mall.owner.get(f"{PATH}/{programme['id']}/points.csv", export=1).status_code == 404
    exported = post(other_mall.owner, f"{PATH}/{programme['id']}/exports", reason="x")
    assert exported.json["code"] == "programme_not_found"


def _instant(timestamp: str) -> datetime:
    return datetime.fromtimestamp(int(timestamp), UTC)


def _lines(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.text)))[1:]
