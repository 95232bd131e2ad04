"""Faults of the sandbox, and its control API's manners."""

import subprocess
import sys
import time
from typing import Any

import pytest
import requests
from flask import Flask

from sandbox.control import refuse_strangers
from tests.sandbox.conftest import Merchant
from tests.sandbox_server import ROOT, Receiver


def orders_of(merchant: Merchant) -> list[dict[str, Any]]:
    return merchant.server.items("/orders", mchid=merchant.mchid)


@pytest.mark.parametrize(("name", "kept"), [("drop_before", 0), ("drop_after", 1)])
def test_connection_is_dropped_before_or_after_the_effect(
    fresh_merchant: Merchant, name: str, kept: int
) -> None:
    fresh_merchant.server.fault(name, operation="prepay", mchid=fresh_merchant.mchid, count=1)

    with pytest.raises(requests.RequestException):
        fresh_merchant.prepay(fresh_merchant.order())

    assert len(orders_of(fresh_merchant)) == kept


@pytest.mark.parametrize(("name", "kept"), [("error_before", 0), ("error_after", 1)])
def test_system_error_comes_before_or_after_the_effect(
    fresh_merchant: Merchant, name: str, kept: int
) -> None:
    fresh_merchant.server.fault(name, operation="prepay", mchid=fresh_merchant.mchid, count=1)

    status, body = fresh_merchant.prepay(fresh_merchant.order())

    assert (status, body["code"]) == (500, "SYSTEM_ERROR")
    assert len(orders_of(fresh_merchant)) == kept


def test_refund_dropped_after_acceptance_is_there_when_asked_for(fresh_merchant: Merchant) -> None:
    order = fresh_merchant.paid()
    fresh_merchant.server.fault(
        "drop_after", operation="refund", mchid=fresh_merchant.mchid, count=1
    )

    with pytest.raises(requests.RequestException):
        fresh_merchant.refund(order, out_refund_no="refund-of-nobody-knows")

    (refund,) = fresh_merchant.server.items("/refunds", mchid=fresh_merchant.mchid)
    assert refund["out_refund_no"] == "refund-of-nobody-knows"


def test_fault_ends_after_its_count(merchant: Merchant) -> None:
    merchant.server.fault("error_before", operation="query", mchid=merchant.mchid, count=2)
    order = merchant.placed()

    statuses = [merchant.query(order)[0] for _ in range(3)]

    assert statuses == [500, 500, 200]


def test_fault_strikes_one_operation_of_one_merchant(merchant: Merchant) -> None:
    merchant.server.fault("error_before", operation="close", mchid=merchant.mchid)
    merchant.server.fault("error_before", mchid="1900000001")

    assert merchant.prepay(merchant.order())[0] == 200


def test_unlikely_fault_never_strikes(merchant: Merchant) -> None:
    merchant.server.fault("error_before", mchid=merchant.mchid, probability=0)

    assert merchant.prepay(merchant.order())[0] == 200


def test_latency_is_waited(merchant: Merchant) -> None:
    merchant.server.fault("latency", mchid=merchant.mchid, latency_ms=300, count=1)
    before = time.monotonic()

    merchant.prepay(merchant.order())

    assert time.monotonic() - before >= 0.3


def test_frequency_limit_has_no_effect(fresh_merchant: Merchant) -> None:
    fresh_merchant.server.fault("frequency_limited", mchid=fresh_merchant.mchid, count=1)

    status, body = fresh_merchant.prepay(fresh_merchant.order())

    assert (status, body["code"]) == (429, "FREQUENCY_LIMITED")
    assert orders_of(fresh_merchant) == []


def test_order_is_paid_while_it_is_being_closed(merchant: Merchant, receiver: Receiver) -> None:
    order = merchant.placed()
    merchant.server.fault("paid_at_close", mchid=merchant.mchid, count=1)

    status, body = merchant.close(order)

    assert (status, body["code"]) == (400, "ORDERPAID")
    assert merchant.query(order)[1]["trade_state"] == "SUCCESS"
    assert receiver.wait_for(merchant.notify_url)


def test_callback_comes_before_the_prepay_answer(merchant: Merchant, receiver: Receiver) -> None:
    merchant.server.fault("paid_before_answer", mchid=merchant.mchid, count=1)

    status, _ = merchant.prepay(merchant.order())

    assert status == 200
    assert len(receiver.at(merchant.notify_url)) == 1


def test_refund_can_be_refused_for_want_of_funds(merchant: Merchant) -> None:
    order = merchant.paid()
    merchant.server.fault("not_enough", mchid=merchant.mchid, count=1)

    assert merchant.refund(order)[1]["code"] == "NOT_ENOUGH"
    assert merchant.refund(order)[0] == 200


def test_badly_signed_answer_is_refused_by_the_sdk(merchant: Merchant) -> None:
    merchant.server.fault("bad_signature", mchid=merchant.mchid, count=1)

    with pytest.raises(Exception, match="verify the signature"):
        merchant.prepay(merchant.order())


def test_error_codes_have_another_spelling(merchant: Merchant) -> None:
    merchant.server.fault("other_spelling", mchid=merchant.mchid, count=1)

    _, body = merchant.query({"out_trade_no": "nobody-knows-me"})

    assert body["code"] == "ORDERNOTEXIST"


def test_faults_are_listed_and_removed(own_merchant: Merchant) -> None:
    server = own_merchant.server
    fault = server.fault("latency", latency_ms=1)

    listed = server.get("/faults")
    removed = server.http.delete(f"/control/faults/{fault['id']}").json()

    assert listed["items"] == [fault]
    assert removed == {"removed": 1}
    assert server.get("/faults")["items"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", {"name": "unknown"}),
        ("/faults", {"name": "latency", "probability": 2}),
        ("/accounts", {}),
        ("/pay", {"amount": 1}),
        ("/clock", {"offset_seconds": "soon"}),
        ("/codes", {"appid": "wx", "surprise": 1}),
    ],
)
def test_control_refuses_bad_input(merchant: Merchant, path: str, body: dict[str, Any]) -> None:
    response = merchant.server.http.post(f"/control{path}", json=body)

    assert response.status_code == 400
    assert response.json()["error"]


def test_orders_are_listed_in_pages(fresh_merchant: Merchant) -> None:
    placed = [fresh_merchant.placed()["out_trade_no"] for _ in range(5)]

    first = fresh_merchant.server.get("/orders", mchid=fresh_merchant.mchid, limit=2)
    second = fresh_merchant.server.get(
        "/orders", mchid=fresh_merchant.mchid, limit=10, after=first["next"]
    )

    listed = [one["out_trade_no"] for one in first["items"] + second["items"]]
    assert listed == placed
    assert second["next"] is None


def test_unknown_filter_is_refused(merchant: Merchant) -> None:
    response = merchant.server.http.get("/control/orders", params={"colour": "red"})

    assert response.status_code == 400


@pytest.mark.parametrize(
    ("address", "is_served"),
    [("127.0.0.1", True), ("::1", True), ("10.0.0.8", False), ("8.8.8.8", False)],
)
def test_control_answers_this_machine_only(address: str, is_served: bool) -> None:
    with Flask("test").test_request_context(environ_base={"REMOTE_ADDR": address}):
        refusal = refuse_strangers()

    assert (refusal is None) == is_served


def test_second_sandbox_does_not_share_the_port(merchant: Merchant) -> None:
    port = str(merchant.server.port)
    command = [sys.executable, "-m", "sandbox", "--port", port, "--data", "unused"]

    started = subprocess.run(
        command,
        cwd=merchant.server.data,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=20,
        check=False,
    )

    assert started.returncode != 0
    assert b"Address already in use" in started.stderr
