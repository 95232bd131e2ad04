"""Binding a telephone number over HTTP, against the sandbox."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from domain.shoppers.phones import hash_phone, mask_phone
from tests.sandbox_server import sandbox, shared_sandbox
from tests.world import Phone, World, expect, world

pytestmark = pytest.mark.transactional

__all__ = ["sandbox", "shared_sandbox", "world"]


def code_of(world: World, phone: str = "13800138000", **values: str) -> str:
    code: str = world.sandbox.post("/phone-codes", appid=world.app_id, phone=phone, **values)[
        "code"
    ]
    return code


def bind(shopper: Phone, code: str) -> tuple[int, str]:
    answer = shopper.post("/v1/me/phone", {"code": code})
    return answer.status_code, answer.json().get("phone") or answer.json()["code"]


def test_number_is_bound_and_shown_masked(world: World) -> None:
    me = world.phone()

    assert expect(200, me.get("/v1/me"))["phone"] is None
    assert bind(me, code_of(world)) == (200, "138****8000")
    assert expect(200, me.get("/v1/me"))["phone"] == "138****8000"


def test_number_is_sealed_and_found_by_its_hash(world: World) -> None:
    me = world.phone()
    bind(me, code_of(world))

    [(sealed, hashed)] = world.rows(
        "SELECT phone_sealed, phone_hash FROM shoppers WHERE public_id = :id", id=me.id
    )
    assert b"13800138000" not in bytes(sealed)
    assert bytes(hashed) == hash_phone(world.merchant_id, "+8613800138000")
    assert hash_phone(world.merchant_id + 1, "+8613800138000") != bytes(hashed)


def test_number_may_be_bound_again_or_replaced(world: World) -> None:
    me = world.phone()

    assert bind(me, code_of(world)) == bind(me, code_of(world))
    assert bind(me, code_of(world, "13900000001")) == (200, "139****0001")


def test_number_of_another_shopper_is_taken(world: World) -> None:
    bind(world.phone(), code_of(world))

    assert bind(world.phone(), code_of(world)) == (409, "phone_taken")


def test_of_two_at_once_one_gets_the_number(world: World) -> None:
    calls = [(world.phone(), code_of(world)) for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(lambda call: bind(*call), calls))

    assert answers == [(200, "138****8000")] + [(409, "phone_taken")] * 5


def test_used_code_binds_nothing(world: World) -> None:
    code = code_of(world)
    bind(world.phone(), code)
    me = world.phone()

    assert bind(me, code) == (422, "phone_code_refused")
    assert expect(200, me.get("/v1/me"))["phone"] is None


def test_gateway_that_is_not_heard_binds_nothing(world: World) -> None:
    me = world.phone()
    world.sandbox.fault("error_before", operation="phone_number", count=1)

    assert bind(me, code_of(world)) == (502, "gateway_unknown")


def test_shopper_asks_ten_times_an_hour(world: World) -> None:
    me, other = world.phone(), world.phone()

    answers = [bind(me, "unknown") for _ in range(11)]

    assert answers == [(422, "phone_code_refused")] * 10 + [(429, "too_many_attempts")]
    assert bind(other, code_of(world))[0] == 200


def test_stranger_binds_nothing(world: World) -> None:
    assert world.http.post("/v1/me/phone", json={"code": "x"}).status_code == 401


def test_shopper_of_alipay_has_no_number_at_wechat(world: World) -> None:
    me = world.phone()
    world.set_platform("alipay")

    assert bind(me, code_of(world)) == (422, "app_not_on_wechat")


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("+8613800138000", "138****8000"),
        ("+15550100", "+15****0100"),
    ],
)
def test_mask_hides_the_middle(phone: str, shown: str) -> None:
    assert mask_phone(phone) == shown
