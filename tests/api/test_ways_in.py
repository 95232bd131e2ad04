"""Ways into a share from outside: the code to scan, and the link."""

from datetime import datetime

import pytest

from domain.database import read_clock
from tests.sandbox_server import sandbox, shared_sandbox
from tests.world import Phone, World, expect, world

pytestmark = pytest.mark.transactional

__all__ = ["sandbox", "shared_sandbox", "world"]


@pytest.fixture
def leader(world: World) -> Phone:
    return world.phone()


@pytest.fixture
def group_id(leader: Phone) -> str:
    group_id: str = leader.buy(leader.open())["group_id"]
    return group_id


@pytest.fixture
def token(leader: Phone, group_id: str) -> str:
    token: str = expect(201, leader.post(f"/v1/groups/{group_id}/shares"))["token"]
    return token


def counter(world: World, operation: str) -> int:
    """Count an operation's calls at the sandbox from now on."""
    number: int = world.sandbox.fault("latency", operation=operation)["id"]
    return number


def fired(world: World, fault_id: int) -> int:
    rules = world.sandbox.get("/faults")["items"]
    return next(int(rule["fired"]) for rule in rules if rule["id"] == fault_id)


def test_anybody_gets_the_picture_and_it_is_drawn_once(world: World, token: str) -> None:
    drawn = counter(world, "qr_code")

    first, second = (world.http.get(f"/v1/shares/{token}/qr") for _ in range(2))

    assert first.status_code == 200
    assert first.headers["Content-Type"] == "image/png"
    assert first.headers["Cache-Control"] == "public, max-age=86400"
    assert first.content.startswith(b"\x89PNG")
    assert first.content == second.content
    assert fired(world, drawn) == 1


def test_drawing_is_no_visit(world: World, token: str) -> None:
    world.phone().get(f"/v1/shares/{token}/qr")

    assert world.rows("SELECT id FROM visits") == []


def test_picture_of_no_share_and_of_another_mall_is_not_there(world: World, token: str) -> None:
    stranger = world.http.get("/v1/shares/n0th1ng/qr")
    other = world.other_mall().get(f"/v1/shares/{token}/qr")

    assert (stranger.status_code, stranger.json()["code"]) == (404, "share_not_found")
    assert (other.status_code, other.json()["code"]) == (404, "share_not_found")


def test_failed_drawing_is_not_kept(world: World, token: str) -> None:
    world.sandbox.fault("frequency_limited", operation="qr_code", count=1)

    failed = world.http.get(f"/v1/shares/{token}/qr")
    drawn = world.http.get(f"/v1/shares/{token}/qr")

    assert (failed.status_code, failed.json()["code"]) == (502, "gateway_retryable")
    assert drawn.status_code == 200


def test_link_opens_the_group_by_the_share(
    world: World, leader: Phone, group_id: str, token: str
) -> None:
    made = expect(201, leader.post(f"/v1/shares/{token}/link"))

    [kept] = world.sandbox.items("/url-links", url_link=made["url"])
    assert (kept["path"], kept["query"]) == (
        "pages/group/index",
        f"id={group_id}&share={token}",
    )
    left = datetime.fromisoformat(made["expires_at"]) - read_clock()
    assert (left.days, left.seconds > 86_000) == (29, True)


def test_link_is_made_once_for_all(world: World, leader: Phone, token: str) -> None:
    made = counter(world, "url_link")

    links = {
        expect(201, one.post(f"/v1/shares/{token}/link"))["url"] for one in (leader, world.phone())
    }

    assert len(links) == 1
    assert fired(world, made) == 1


def test_link_is_for_shoppers_of_the_mall(world: World, token: str) -> None:
    path = f"/v1/shares/{token}/link"

    assert world.http.post(path).status_code == 401
    assert world.other_mall().post(path).json()["code"] == "share_not_found"


def test_shopper_makes_sixty_links_an_hour(leader: Phone, token: str) -> None:
    answers = [leader.post(f"/v1/shares/{token}/link").status_code for _ in range(61)]

    assert answers == [201] * 60 + [429]


def test_mini_program_of_alipay_has_no_ways_in_at_wechat(world: World, token: str) -> None:
    world.set_platform("alipay")

    answer = world.http.get(f"/v1/shares/{token}/qr")

    assert (answer.status_code, answer.json()["code"]) == (422, "app_not_on_wechat")
