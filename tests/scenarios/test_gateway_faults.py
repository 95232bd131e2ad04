"""What a gateway can do to us, fault by fault: each test says which damage it guards against.

The numbers are those of the sandbox's documentation. At the end of each story the sandbox's own
record must equal our books, and every invariant must hold at rest.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from bench.soak.theatre import Theatre, theatre_of
from bench.soak.verdicts import judge_all
from domain.clock import shanghai_day
from domain.database import read_clock, transaction
from domain.notices.templates import KEYS, Template, keep_templates
from domain.reconciliation.driving import reconcile_day
from domain.reconciliation.planning import ready_at
from domain.reconciliation.reporting import list_tasks
from domain.settlement.applying_refunds import repeat_refund
from sandbox.fault_kinds import FORGED
from tests.sandbox_server import SandboxServer, wait_until
from tests.world import Phone, World, expect

pytestmark = pytest.mark.transactional

HOUR = timedelta(hours=1)
WITHDRAWALS = "/v1/me/withdrawals"


@pytest.fixture
def sandbox(own_sandbox: SandboxServer) -> SandboxServer:
    """A sandbox whose clock the story moves."""
    return own_sandbox


@pytest.fixture
def theatre(world: World) -> Iterator[Theatre]:
    """Jobs and clock; at the end of the story the books are compared, everything at rest."""
    with theatre_of(str(world.http.base_url), world.sandbox.url) as theatre:
        yield theatre
        world.sandbox.clear()
        theatre.jump_to(read_clock() + 30 * HOUR)
        assert judge_all(theatre) == []


def fault(world: World, name: str, **options: Any) -> None:
    world.sandbox.fault(name, mchid=world.mch_no, **options)


def failed_group(world: World, theatre: Theatre) -> tuple[Phone, dict[str, Any]]:
    """Let a group fail whose leader has paid; what is due at once is done."""
    leader, order = world.opened()
    world.end_deadline(order["group_id"])
    theatre.drain()
    return leader, order


def at_gateway(world: World) -> list[tuple[str, int]]:
    """List the refunds of the sandbox's own record."""
    refunds = world.sandbox.items("/refunds", mchid=world.mch_no)
    return [(refund["status"], refund["refund_fen"]) for refund in refunds]


def prepared(world: World) -> tuple[Phone, dict[str, Any], dict[str, Any]]:
    leader = world.phone()
    order = leader.open()
    return leader, order, leader.prepare(order)


def receipts(world: World) -> list[tuple[Any, ...]]:
    return world.rows("SELECT count(*) FROM ledger_transactions WHERE kind = 'payment.received'")


@pytest.mark.parametrize("name", ["drop_after", "latency_after"])
def test_01_refund_accepted_without_an_answer_is_repeated_under_its_number(
    world: World, theatre: Theatre, name: str
) -> None:
    """Damage: a new number would refund the shopper twice."""
    latency = {"latency_ms": 11_000} if name == "latency_after" else {}
    fault(world, name, operation="refund", count=1, **latency)
    leader, order = failed_group(world, theatre)

    theatre.jump_to(read_clock() + HOUR)

    assert leader.order(order)["state"] == "refunded"
    assert at_gateway(world) == [("SUCCESS", 1990)]


def test_01_order_placed_without_an_answer_is_paid_once(world: World, theatre: Theatre) -> None:
    """Damage: a second order at the gateway would let the shopper pay twice."""
    leader = world.phone()
    order = leader.open()
    fault(world, "drop_after", operation="prepay", count=1)
    first = leader.post(f"/v1/orders/{order['id']}/payments", key="again")
    assert first.status_code == 502

    again = expect(201, leader.post(f"/v1/orders/{order['id']}/payments", key="again"))
    expect(200, leader.pay(again))

    wait_until(lambda: leader.order(order)["state"] == "paid")
    assert len(world.sandbox.items("/orders", mchid=world.mch_no)) == 1


@pytest.mark.parametrize("name", ["drop_after", "latency_after"])
def test_01_transfer_accepted_without_an_answer_is_repeated_under_its_number(
    world: World, theatre: Theatre, name: str
) -> None:
    """Damage: a new number would pay the shopper twice; none, and the wallet is poorer."""
    latency = {"latency_ms": 11_000} if name == "latency_after" else {}
    fault(world, name, operation="transfer", count=1, **latency)
    leader, withdrawal_id = withdrawn(world, theatre)
    theatre.jump_to(read_clock() + timedelta(minutes=10))

    confirmed = confirm(world, leader, withdrawal_id)
    theatre.jump_to(read_clock() + HOUR)

    assert confirmed.status_code == 200, confirmed.text
    assert transfers(world) == [("SUCCESS", 500)]
    assert wallet(leader) == 500


@pytest.mark.parametrize("name", ["error_before", "error_after"])
@pytest.mark.parametrize("operation", ["prepay", "transfer"])
def test_02_system_error_of_a_payment_or_transfer_is_repeated_under_its_number(
    world: World, theatre: Theatre, name: str, operation: str
) -> None:
    """Damage: two orders to be paid, or two transfers to be confirmed, for one."""
    fault(world, name, operation=operation, count=1)
    if operation == "prepay":
        leader = world.phone()
        order = leader.open()
        first = leader.post(f"/v1/orders/{order['id']}/payments", key="again")
        assert first.status_code == 502
        again = expect(201, leader.post(f"/v1/orders/{order['id']}/payments", key="again"))
        expect(200, leader.pay(again))
        wait_until(lambda: leader.order(order)["state"] == "paid")
    else:
        leader, withdrawal_id = withdrawn(world, theatre)
        theatre.jump_to(read_clock() + timedelta(minutes=10))
        expect(200, confirm(world, leader, withdrawal_id))
        theatre.jump_to(read_clock() + HOUR)
        assert (transfers(world), wallet(leader)) == ([("SUCCESS", 500)], 500)

    assert len(world.sandbox.items("/orders", mchid=world.mch_no)) == 1
    assert receipts(world) == [(1,)]


@pytest.mark.parametrize("name", ["error_before", "error_after"])
def test_02_system_error_says_nothing_about_the_effect(
    world: World, theatre: Theatre, name: str
) -> None:
    """Damage: taken for a refusal, the refund never goes out; taken for nothing, it goes twice."""
    fault(world, name, operation="refund", count=2)
    leader, order = failed_group(world, theatre)

    theatre.jump_to(read_clock() + HOUR)

    assert leader.order(order)["state"] == "refunded"
    assert at_gateway(world) == [("SUCCESS", 1990)]


def test_03_callback_before_the_answer_finds_its_payment(world: World, theatre: Theatre) -> None:
    """Damage: an event for an order that is not known yet is lost, and the seat with it."""
    fault(world, "paid_before_answer", count=1)

    leader, order, _ = prepared(world)

    wait_until(lambda: leader.order(order)["state"] == "paid")
    assert receipts(world) == [(1,)]


@pytest.mark.parametrize("name", ["callback_twice", "callback_parallel"])
def test_04_repeated_callbacks_seat_and_post_once(
    world: World, theatre: Theatre, name: str
) -> None:
    """Damage: two seats, two postings, and at the end two subsidies."""
    fault(world, name)
    leader, order = failed_group(world, theatre)

    theatre.jump_to(read_clock() + HOUR)

    assert receipts(world) == [(1,)]
    assert wallet(leader) == 1000
    assert leader.order(order)["state"] == "refunded"
    assert at_gateway(world) == [("SUCCESS", 1990)]


def test_05_payment_told_after_its_refund_moves_nothing_back(
    world: World, theatre: Theatre
) -> None:
    """Damage: a state that goes backwards seats somebody who has the money back."""
    leader, order, ready = prepared(world)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no, event_type="TRANSACTION.SUCCESS")
    expect(200, leader.pay(ready))
    theatre.jump_to(read_clock() + timedelta(minutes=2))
    assert leader.order(order)["state"] == "paid"
    world.end_deadline(order["group_id"])
    theatre.jump_to(read_clock() + HOUR)
    assert leader.order(order)["state"] == "refunded"

    world.sandbox.post("/callbacks/release", mchid=world.mch_no)
    theatre.drain()

    assert leader.order(order)["state"] == "refunded"
    assert receipts(world) == [(1,)]


def test_06_what_no_callback_tells_is_asked_for(world: World, theatre: Theatre) -> None:
    """Damage: a paid seat expires, a refund never ends."""
    fault(world, "callback_never")
    leader, order, ready = prepared(world)
    expect(200, leader.pay(ready))

    theatre.jump_to(read_clock() + timedelta(minutes=2))
    assert leader.order(order)["state"] == "paid"
    world.end_deadline(order["group_id"])
    theatre.jump_to(read_clock() + HOUR)

    assert leader.order(order)["state"] == "refunded"


def test_06_confirmed_transfer_that_no_callback_tells_is_asked_for(
    world: World, theatre: Theatre
) -> None:
    """Damage: the shopper has the money, and after a day the wallet has it, too."""
    fault(world, "callback_never", operation="transfer_callback")
    leader, withdrawal_id = withdrawn(world, theatre)
    expect(200, confirm(world, leader, withdrawal_id))

    theatre.jump_to(read_clock() + 25 * HOUR)

    assert transfers(world) == [("SUCCESS", 500)]
    assert wallet(leader) == 500


@pytest.mark.parametrize("kind", [kind for kind in FORGED if not kind.startswith("wrong_a")])
def test_07_forgery_is_refused_and_the_genuine_one_believed(
    world: World, theatre: Theatre, kind: str
) -> None:
    """Damage: whoever can write a callback takes products for nothing; a 5xx hides it."""
    leader, order, ready = prepared(world)
    forged = world.sandbox.post(
        "/callbacks/send", out_trade_no=ready["payment_id"], variant=_sendable(kind)
    )
    assert all(400 <= told["status"] < 500 for told in forged["deliveries"]), forged
    assert leader.order(order)["state"] == "placed"
    fault(world, f"callback_{kind}", operation="payment_callback", count=1)

    expect(200, leader.pay(ready))
    theatre.jump_to(read_clock() + timedelta(minutes=2))

    assert leader.order(order)["state"] == "paid"
    assert receipts(world) == [(1,)]


def _sendable(kind: str) -> str:
    """Signed with the certificate it is genuine where the merchant knows that: send another."""
    return "certificate_serial" if kind == "certificate_signed" else kind


@pytest.mark.parametrize("name", ["paid_at_close", "closed_then_paid"])
def test_08_money_that_crosses_our_close_is_seated_or_comes_back(
    world: World, theatre: Theatre, name: str
) -> None:
    """Damage: the seat is freed, the shopper has paid, and nobody holds the money."""
    fault(world, name, count=1)
    leader, order, _ = prepared(world)
    expect(201, leader.post(f"/v1/orders/{order['id']}/cancellation"))

    theatre.jump_to(read_clock() + 3 * HOUR)

    state = leader.order(order)["state"]
    back = at_gateway(world)
    assert (state in ("paid", "fulfilling"), back) in (
        (True, []),
        (False, [("SUCCESS", 1990)]),
    )


@pytest.mark.parametrize("variant", ["wrong_mchid", "wrong_appid", "wrong_currency"])
def test_09_callback_of_another_merchant_or_currency_seats_nobody(
    world: World, theatre: Theatre, variant: str
) -> None:
    """Damage: another merchant's payment buys our product."""
    leader, order, ready = prepared(world)

    told = world.sandbox.post("/callbacks/send", out_trade_no=ready["payment_id"], variant=variant)

    assert all(delivery["status"] >= 400 for delivery in told["deliveries"])
    assert leader.order(order)["state"] == "placed"
    assert receipts(world) == [(0,)]


def test_09_amount_is_the_gateways_word_not_a_callbacks(world: World, theatre: Theatre) -> None:
    """Damage: a fen buys the product; or a refund of more than ever came."""
    leader, order, ready = prepared(world)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    expect(200, leader.pay(ready))

    world.sandbox.post("/callbacks/send", out_trade_no=ready["payment_id"], variant="wrong_amount")
    theatre.drain()

    assert leader.order(order)["state"] == "paid"
    assert world.rows("SELECT received_fen FROM payments") == [(1990,)]
    assert at_gateway(world) == []


def test_10_refund_waits_for_funds_and_goes_out_under_its_number(
    world: World, theatre: Theatre
) -> None:
    """Damage: a refund that is given up, or doubled by a new number once there is money."""
    leader, order = world.opened()
    world.sandbox.post(f"/accounts/{world.mch_no}", balance_fen=0, is_unlimited=False)
    world.end_deadline(order["group_id"])
    theatre.jump_to(read_clock() + timedelta(minutes=10))
    assert world.rows("SELECT state FROM refunds") == [("needs_funds",)]
    assert at_gateway(world) == []

    world.sandbox.post(f"/accounts/{world.mch_no}", balance_fen=10_000)
    theatre.jump_to(read_clock() + timedelta(minutes=10))

    assert leader.order(order)["state"] == "refunded"
    assert at_gateway(world) == [("SUCCESS", 1990)]


def test_10_transfer_waits_for_funds_and_goes_out_under_its_number(
    world: World, theatre: Theatre
) -> None:
    """Damage: a withdrawal that fails for want of the merchant's money, or is sent twice."""
    fault(world, "not_enough", operation="transfer", count=3)
    leader, withdrawal_id = withdrawn(world, theatre)
    assert transfers(world) == []

    theatre.jump_to(read_clock() + timedelta(minutes=10))
    expect(200, confirm(world, leader, withdrawal_id))
    theatre.jump_to(read_clock() + HOUR)

    assert (transfers(world), wallet(leader)) == ([("SUCCESS", 500)], 500)


def test_11_slow_refund_is_asked_after_until_it_arrives(world: World, theatre: Theatre) -> None:
    """Damage: a refund that is forgotten while the bank takes days."""
    fault(world, "refund_slow", days=3, count=1)
    leader, order = failed_group(world, theatre)
    theatre.jump_to(read_clock() + 48 * HOUR)
    assert leader.order(order)["refund"]["state"] == "accepted"

    theatre.jump_to(read_clock() + 30 * HOUR)

    assert leader.order(order)["state"] == "refunded"


def test_11_closed_refund_is_requested_anew_and_abnormal_one_is_not(
    world: World, theatre: Theatre
) -> None:
    """Damage: a new number for anything but a closed refund pays twice; none for it, never."""
    fault(world, "refund_closed", count=1)
    leader, order = failed_group(world, theatre)
    fault(world, "refund_abnormal", count=1)
    other, abnormal = failed_group(world, theatre)

    theatre.jump_to(read_clock() + 3 * HOUR)

    ends = sorted(status for status, _ in at_gateway(world))
    assert ends in (["ABNORMAL", "CLOSED", "SUCCESS"], ["CLOSED", "SUCCESS", "SUCCESS"])
    for refund in world.sandbox.items("/refunds", mchid=world.mch_no):
        if refund["status"] == "ABNORMAL":
            world.sandbox.post(
                "/refunds/end", out_refund_no=refund["out_refund_no"], status="SUCCESS"
            )
    theatre.jump_to(read_clock() + 3 * HOUR)
    assert leader.order(order)["state"] == other.order(abnormal)["state"] == "refunded"
    assert sum(status == "SUCCESS" for status, _ in at_gateway(world)) == 2


def test_12_second_refund_within_a_minute_waits_under_its_number(
    world: World, theatre: Theatre
) -> None:
    """Damage: a limit of the gateway's taken for a refusal strands the refund."""
    fault(world, "refund_too_soon", count=2)
    leader, order = failed_group(world, theatre)

    theatre.jump_to(read_clock() + HOUR)

    assert leader.order(order)["state"] == "refunded"
    assert at_gateway(world) == [("SUCCESS", 1990)]


def test_12_refund_after_a_closed_one_keeps_the_gateways_distance(
    world: World, theatre: Theatre
) -> None:
    """Damage: the new number of a closed refund is refused as too soon, and given up."""
    fault(world, "refund_closed", count=2)
    leader, order = failed_group(world, theatre)

    theatre.jump_to(read_clock() + HOUR)

    assert leader.order(order)["state"] == "refunded"
    ends = sorted(status for status, _ in at_gateway(world))
    assert ends == ["CLOSED", "CLOSED", "SUCCESS"]


@pytest.mark.parametrize("name", ["refund_too_many", "refund_too_old"])
def test_12_refused_refund_waits_for_a_person_and_keeps_its_number(
    world: World, theatre: Theatre, name: str
) -> None:
    """Damage: hammering a gateway that will never say yes, or forgetting the shopper's money."""
    fault(world, name, count=1)
    leader, order = failed_group(world, theatre)
    theatre.jump_to(read_clock() + HOUR)
    [(refund_id, order_id, state)] = world.rows("SELECT id, order_id, state FROM refunds")
    assert state == "rejected"

    with transaction() as session:
        key = (world.merchant_id, refund_id)
        repeat_refund(session, key, order_id, at=read_clock(), actor="staff:1")
    theatre.jump_to(read_clock() + HOUR)

    assert leader.order(order)["state"] == "refunded"
    assert at_gateway(world) == [("SUCCESS", 1990)]


def withdrawn(world: World, theatre: Theatre) -> tuple[Phone, str]:
    """Withdraw 5 yuan of a subsidy, and have it sent; returns the withdrawal's id."""
    leader, _ = failed_group(world, theatre)
    theatre.jump_to(read_clock() + timedelta(minutes=10))
    world.sandbox.post(f"/accounts/{world.mch_no}", balance_fen=100_000)
    withdrawal_id = expect(201, leader.post(WITHDRAWALS, {"amount_fen": 500}))["id"]
    theatre.drain()
    return leader, withdrawal_id


def wallet(phone: Phone) -> int:
    balance_fen: int = expect(200, phone.get("/v1/me/wallet"))["balance_fen"]
    return balance_fen


def transfers(world: World) -> list[tuple[str, int]]:
    """List the transfers of the sandbox's own record."""
    found = world.sandbox.items("/transfers", mchid=world.mch_no)
    return [(transfer["state"], transfer["transfer_fen"]) for transfer in found]


def confirm(world: World, phone: Phone, withdrawal_id: str) -> httpx.Response:
    """Confirm a withdrawal as the shopper's phone does."""
    found = expect(200, phone.get(f"{WITHDRAWALS}/{withdrawal_id}"))
    parameters = {**found["client_parameters"], "openid": phone.openid}
    return world.sandbox.http.post("/shopper/transfer", json=parameters)


def test_13_cancellation_that_meets_a_confirmation_pays_once(
    world: World, theatre: Theatre
) -> None:
    """Damage: the shopper gets the money, and the wallet gets it back."""
    leader, withdrawal_id = withdrawn(world, theatre)
    fault(world, "confirmed_at_cancel", count=1)
    expect(201, leader.post(f"{WITHDRAWALS}/{withdrawal_id}/cancellation"))

    theatre.jump_to(read_clock() + HOUR)

    found = expect(200, leader.get(f"{WITHDRAWALS}/{withdrawal_id}"))
    assert (found["state"], wallet(leader)) == ("succeeded", 500)


def test_13_transfer_that_nobody_confirms_comes_back(world: World, theatre: Theatre) -> None:
    """Damage: money that is neither with the shopper nor in the wallet."""
    leader, withdrawal_id = withdrawn(world, theatre)

    theatre.jump_to(read_clock() + 25 * HOUR)

    found = expect(200, leader.get(f"{WITHDRAWALS}/{withdrawal_id}"))
    assert (found["state"], wallet(leader)) == ("expired", 1000)


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("REAL_NAME_CHECK_FAIL", "verify_name"),
        ("NAME_NOT_CORRECT", "verify_name"),
        ("DAY_RECEIVED_QUOTA_EXCEED", "wait_for_limit"),
        ("ACCOUNT_FROZEN", "check_account"),
    ],
)
def test_14_failed_transfer_comes_back_with_what_to_do(
    world: World, theatre: Theatre, reason: str, advice: str
) -> None:
    """Damage: a subsidy that is lost because a name is not verified."""
    fault(world, "transfer_fails", reason=reason, count=1)
    leader, withdrawal_id = withdrawn(world, theatre)

    theatre.jump_to(read_clock() + 25 * HOUR)

    found = expect(200, leader.get(f"{WITHDRAWALS}/{withdrawal_id}"))
    assert (found["state"], found["advice"], wallet(leader)) == ("failed", advice, 1000)


def test_15_number_known_with_other_parameters_is_an_alarm(world: World, theatre: Theatre) -> None:
    """Damage: a guess - paid or not - gives the money twice, or takes it."""
    fault(world, "transfer_conflict", count=1)
    leader, withdrawal_id = withdrawn(world, theatre)

    theatre.jump_to(read_clock() + HOUR)

    state = expect(200, leader.get(f"{WITHDRAWALS}/{withdrawal_id}"))["state"]
    assert (state, wallet(leader)) == ("unknown", 500)
    parked = "SELECT state FROM work_rows WHERE kind = 'drive_withdrawal'"
    assert world.rows(parked) == [("parked",)]
    world.sandbox.clear()
    with transaction() as session:
        from domain import work  # noqa: PLC0415 - what an operator does by `flask unpark`

        keys = [row.subject for row in work.list_parked(session, "drive_withdrawal")]
        work.unpark(session, "drive_withdrawal", keys, due_at=read_clock())


def test_16_busy_gateway_is_asked_again_later_under_the_same_number(
    world: World, theatre: Theatre
) -> None:
    """Damage: "too often" taken for "no", or answered by asking more often."""
    fault(world, "frequency_limited", operation="refund", count=3)
    leader, order = failed_group(world, theatre)

    theatre.jump_to(read_clock() + HOUR)

    assert leader.order(order)["state"] == "refunded"
    assert at_gateway(world) == [("SUCCESS", 1990)]


@pytest.mark.parametrize("operation", ["refund", "query_refund", "transfer", "query_transfer"])
def test_16_gateway_that_stays_busy_is_asked_less_than_twice_a_minute(
    world: World, theatre: Theatre, operation: str
) -> None:
    """Damage: a burst answered by another burst, until the account is blocked."""
    if operation == "query_refund":
        fault(world, "refund_slow", days=1)
    rule = world.sandbox.fault("frequency_limited", operation=operation, mchid=world.mch_no)
    leader, _ = (
        withdrawn(world, theatre) if "transfer" in operation else failed_group(world, theatre)
    )

    theatre.jump_to(read_clock() + HOUR)

    [fired] = [r["fired"] for r in world.sandbox.get("/faults")["items"] if r["id"] == rule["id"]]
    assert 1 <= fired <= 120
    assert wallet(leader) == (500 if "transfer" in operation else 1000)
    assert sum(status == "SUCCESS" for status, _ in at_gateway(world)) <= 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bill_missing_row", "missing_there"),
        ("bill_extra_row", "missing_here"),
        ("bill_changed_amount", "amount_differs"),
        ("bill_late", None),
        ("bill_bad_hash", None),
    ],
)
def test_17_bill_that_differs_is_a_task_and_a_broken_one_is_not_believed(
    world: World, theatre: Theatre, name: str, kind: str | None
) -> None:
    """Damage: money that is gone and nobody notices; or a false alarm for every line."""
    world.opened()
    on = shanghai_day(read_clock())
    theatre.jump_to(ready_at(on) + HOUR)
    fault(world, name, count=1)
    if kind is None:
        with pytest.raises(Exception, match=r"bill|hash|trade"):
            reconcile_day(on, merchant_id=world.merchant_id, at=read_clock())

    reconcile_day(on, merchant_id=world.merchant_id, at=read_clock())

    with transaction() as session:
        found = [task.kind for task in list_tasks(session, world.merchant_id)]
    assert found == ([] if kind is None else [kind])


@pytest.mark.parametrize("operation", ["refund", "query_refund"])
def test_18_answer_with_a_bad_signature_is_unknown_not_failed(
    world: World, theatre: Theatre, operation: str
) -> None:
    """Damage: whoever sits between us and the gateway decides what became of a refund."""
    fault(world, "bad_signature", operation=operation, count=2)
    leader, order = failed_group(world, theatre)

    theatre.jump_to(read_clock() + HOUR)

    assert leader.order(order)["state"] == "refunded"
    assert at_gateway(world) == [("SUCCESS", 1990)]


@pytest.mark.parametrize("operation", ["transfer", "query_transfer", "cancel_transfer"])
def test_18_transfers_answer_with_a_bad_signature_is_unknown_not_failed(
    world: World, theatre: Theatre, operation: str
) -> None:
    """Damage: the wallet gets back what the shopper can still confirm."""
    fault(world, "bad_signature", operation=operation, count=1)
    leader, withdrawal_id = withdrawn(world, theatre)
    theatre.jump_to(read_clock() + timedelta(minutes=10))
    expect(201, leader.post(f"{WITHDRAWALS}/{withdrawal_id}/cancellation"))

    theatre.jump_to(read_clock() + HOUR)

    assert transfers(world) == [("CANCELLED", 500)]
    assert wallet(leader) == 1000


def test_19_login_code_works_once(world: World, theatre: Theatre) -> None:
    """Damage: who saw a code logs in as its shopper, and withdraws."""
    code = world.sandbox.post("/codes", appid=world.app_id)["code"]
    body = {"code": code, "app_id": world.app_id, "nickname": "小红"}
    expect(201, world.http.post("/v1/auth/sessions", json=body))

    again = world.http.post("/v1/auth/sessions", json=body)

    assert (again.status_code, again.json()["code"]) == (401, "login_code_refused")


def test_19_token_that_ends_in_the_middle_is_renewed_once(world: World, theatre: Theatre) -> None:
    """Damage: every call fails until somebody restarts the product."""
    leader, order = world.opened()
    token = leader.post(f"/v1/groups/{order['group_id']}/shares").json()["token"]
    assert world.http.get(f"/v1/shares/{token}/qr").status_code == 200
    world.sandbox.fault("token_expired", operation="url_link", count=1)

    answer = leader.post(f"/v1/shares/{token}/link")

    assert answer.status_code in (200, 201), answer.text


def test_19_refused_message_is_not_sent_again_and_costs_nothing(
    world: World, theatre: Theatre
) -> None:
    """Damage: a shopper who said no is told for ever; or who is not told is not paid."""
    with_templates(world)
    rule = world.sandbox.fault("subscribe_refused", operation="send_message")
    leader, order = failed_group(world, theatre)

    theatre.jump_to(read_clock() + HOUR)

    told = world.rows("SELECT DISTINCT send_result FROM notices")
    assert told == [("refused",)]
    [fired] = [r["fired"] for r in world.sandbox.get("/faults")["items"] if r["id"] == rule["id"]]
    assert world.rows("SELECT count(*) FROM notices") == [(fired,)]
    assert (leader.order(order)["state"], wallet(leader)) == ("refunded", 1000)


def with_templates(world: World) -> None:
    """Let every notice be told by a subscribe message."""
    fields = {"thing1": "text", "time2": "time"}
    world.sandbox.post("/templates", appid=world.app_id, template_id="told", keywords=list(fields))
    with transaction() as session:
        templates = {key: Template("told", "pages/group", fields) for key in KEYS}
        keep_templates(session, world.app_id, templates)
