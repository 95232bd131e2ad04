"""Withdrawals over REST and the gateway: however they go, the money is in one place."""

from datetime import timedelta
from typing import Any

import pytest

from domain.auditing.gateway_record import read_sandbox_record
from domain.auditing.running import audit
from domain.checkout.driving_withdrawals import drive_withdrawals
from domain.database import read_clock
from tests.sandbox_server import SandboxServer, wait_until
from tests.world import Phone, World, expect

pytestmark = pytest.mark.transactional

PATH = "/v1/me/withdrawals"
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def sandbox(own_sandbox: SandboxServer) -> SandboxServer:
    """A sandbox whose clock the story moves."""
    return own_sandbox


@pytest.fixture
def rich(world: World) -> Phone:
    """A shopper with 10 yuan in the wallet."""
    leader, order = world.opened()
    world.sandbox.post(f"/accounts/{world.mch_no}", balance_fen=100_000)
    world.end_deadline(order["group_id"])
    world.run_jobs()
    wait_until(lambda: leader.order(order)["state"] == "refunded")
    assert balance(leader) == 1000
    return leader


def balance(phone: Phone) -> int:
    found: int = expect(200, phone.get("/v1/me/wallet"))["balance_fen"]
    return found


def withdraw(phone: Phone, amount_fen: int = 600) -> dict[str, Any]:
    return expect(201, phone.post(PATH, {"amount_fen": amount_fen}))


def read(phone: Phone, withdrawal: dict[str, Any]) -> dict[str, Any]:
    return expect(200, phone.get(f"{PATH}/{withdrawal['id']}"))


def awaiting(phone: Phone) -> dict[str, Any]:
    """Withdraw, and have it sent: it awaits its shopper."""
    withdrawal = withdraw(phone)
    phone.world.run_jobs()
    found = read(phone, withdrawal)
    assert found["state"] == "awaiting_shopper"
    return found


def confirm(phone: Phone, withdrawal: dict[str, Any]) -> None:
    """Let the shopper confirm, and wait until the gateway has sent the money or failed to."""
    parameters = {**withdrawal["client_parameters"], "openid": phone.openid}
    response = phone.world.sandbox.http.post("/shopper/transfer", json=parameters)
    assert response.status_code == 200, response.text
    wait_until(lambda: all(state != "TRANSFERING" for state, _ in transfers(phone.world)))


def ended(phone: Phone, withdrawal: dict[str, Any]) -> dict[str, Any]:
    """Wait until a withdrawal is over; the books are equal then, and every invariant holds."""
    found = wait_until(lambda: over(phone, withdrawal))
    record = read_sandbox_record(f"{phone.world.sandbox.url}/control")
    assert audit(at=read_clock(), at_rest=False, gateway_record=record).is_ok
    return found


def over(phone: Phone, withdrawal: dict[str, Any]) -> dict[str, Any] | None:
    found = read(phone, withdrawal)
    return found if found["ended_at"] else None


def transfers(world: World) -> list[tuple[str, int]]:
    return [(t["state"], t["transfer_fen"]) for t in world.sandbox.items("/transfers")]


def test_confirmed_withdrawal_arrives(world: World, rich: Phone) -> None:
    withdrawal = awaiting(rich)

    confirm(rich, withdrawal)

    assert ended(rich, withdrawal)["state"] == "succeeded"
    assert (balance(rich), transfers(world)) == (400, [("SUCCESS", 600)])


def test_ignored_withdrawal_comes_back_after_a_day(world: World, rich: Phone) -> None:
    withdrawal = awaiting(rich)

    world.sandbox.advance((DAY + MINUTE).total_seconds())

    found = ended(rich, withdrawal)
    assert (found["state"], found["advice"]) == ("expired", "confirm_in_time")
    assert balance(rich) == 1000


def test_cancelled_withdrawal_comes_back(world: World, rich: Phone) -> None:
    withdrawal = awaiting(rich)

    expect(201, rich.post(f"{PATH}/{withdrawal['id']}/cancellation"))
    drive_withdrawals(at=read_clock())

    assert ended(rich, withdrawal)["state"] == "cancelled"
    assert balance(rich) == 1000


def test_confirming_wins_against_a_cancellation_that_comes_late(world: World, rich: Phone) -> None:
    withdrawal = awaiting(rich)
    expect(201, rich.post(f"{PATH}/{withdrawal['id']}/cancellation"))

    confirm(rich, withdrawal)
    drive_withdrawals(at=read_clock())

    assert ended(rich, withdrawal)["state"] == "succeeded"
    assert balance(rich) == 400


def test_transfer_that_fails_comes_back_with_the_reason(world: World, rich: Phone) -> None:
    withdrawal = awaiting(rich)

    world.sandbox.post(
        "/transfers/act",
        out_bill_no=withdrawal["id"],
        action="fail",
        reason="REAL_NAME_CHECK_FAIL",
    )

    found = ended(rich, withdrawal)
    assert (found["state"], found["fail_reason"]) == ("failed", "REAL_NAME_CHECK_FAIL")
    assert found["advice"] == "verify_name"
    assert balance(rich) == 1000


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "bad_signature"])
def test_transfer_heard_without_an_answer_is_repeated_under_its_number(
    world: World, rich: Phone, fault: str
) -> None:
    """Damage: a new number would pay the shopper twice."""
    world.sandbox.fault(fault, operation="transfer", mchid=world.mch_no, count=1)
    withdrawal = withdraw(rich)
    drive_withdrawals(at=read_clock())
    assert read(rich, withdrawal)["state"] == "unknown"

    drive_withdrawals(at=read_clock() + 10 * MINUTE)

    found = read(rich, withdrawal)
    assert found["state"] == "awaiting_shopper"
    confirm(rich, found)
    assert ended(rich, withdrawal)["state"] == "succeeded"
    assert transfers(world) == [("SUCCESS", 600)]


def test_refusal_after_an_unheard_acceptance_is_not_believed(world: World, rich: Phone) -> None:
    """Damage: the wallet gets back what the shopper is about to receive."""
    world.sandbox.fault("drop_after", operation="transfer", mchid=world.mch_no, count=1)
    withdrawal = withdraw(rich)
    drive_withdrawals(at=read_clock())
    world.sandbox.fault("not_enough", operation="transfer", mchid=world.mch_no, count=1)

    drive_withdrawals(at=read_clock() + 10 * MINUTE)

    assert read(rich, withdrawal)["state"] == "awaiting_shopper"
    assert balance(rich) == 400


def test_account_without_funds_parks_the_withdrawal_until_topped_up(
    world: World, rich: Phone
) -> None:
    world.sandbox.post(f"/accounts/{world.mch_no}", balance_fen=0, is_unlimited=False)
    withdrawal = withdraw(rich)
    drive_withdrawals(at=read_clock())
    assert read(rich, withdrawal)["state"] == "needs_funds"

    world.sandbox.post(f"/accounts/{world.mch_no}", balance_fen=100_000)
    drive_withdrawals(at=read_clock() + 2 * MINUTE)

    confirm(rich, read(rich, withdrawal))
    assert ended(rich, withdrawal)["state"] == "succeeded"
    assert transfers(world) == [("SUCCESS", 600)]


def test_callback_that_never_comes_is_found_by_asking(world: World, rich: Phone) -> None:
    withdrawal = awaiting(rich)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    confirm(rich, withdrawal)

    drive_withdrawals(at=read_clock() + MINUTE)

    assert ended(rich, withdrawal)["state"] == "succeeded"


def test_forged_callbacks_of_transfers_move_nothing(world: World, rich: Phone) -> None:
    withdrawal = awaiting(rich)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    confirm(rich, withdrawal)

    for variant in ("tampered", "forged", "stale", "signtest", "unknown_serial", "unsigned"):
        assert statuses_of(world, withdrawal, variant) == [401], variant
    assert read(rich, withdrawal)["state"] == "awaiting_shopper"

    assert statuses_of(world, withdrawal, "genuine") == [204]
    assert ended(rich, withdrawal)["state"] == "succeeded"


def statuses_of(world: World, withdrawal: dict[str, Any], variant: str) -> list[int]:
    answer = world.sandbox.post("/callbacks/send", out_bill_no=withdrawal["id"], variant=variant)
    return [delivery["status"] for delivery in answer["deliveries"]]
