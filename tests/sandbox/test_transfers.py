"""Transfers to shoppers, through the real SDK: asked for, confirmed, closed, cancelled, failed."""

import json
import secrets
from typing import Any

import pytest

from tests.sandbox.conftest import Merchant, answer
from tests.sandbox_server import Receiver, wait_until

DAY = 86400


def state_of(merchant: Merchant, transfer: dict[str, Any]) -> str:
    return str(merchant.query_transfer(transfer)["state"])


def wait_for_state(merchant: Merchant, transfer: dict[str, Any], state: str) -> dict[str, Any]:
    return wait_until(
        lambda: found if (found := merchant.query_transfer(transfer))["state"] == state else {}
    )


def test_transfer_awaits_the_shopper_and_takes_the_money(funded: Merchant) -> None:
    transfer = funded.transferred()

    assert transfer["state"] == "WAIT_USER_CONFIRM"
    assert transfer["package_info"]
    assert transfer["transfer_bill_no"].startswith("1330")
    assert funded.balance() == 99_500


def test_query_tells_the_state_and_never_the_package(funded: Merchant) -> None:
    transfer = funded.transferred()

    told = funded.query_transfer(transfer)

    assert told["mch_id"] == funded.mchid
    assert told["transfer_amount"] == 500
    assert told["state"] == "WAIT_USER_CONFIRM"
    assert told["openid"] == transfer["openid"]
    assert "package_info" not in told


def test_transfer_is_found_by_wechats_number(funded: Merchant) -> None:
    transfer = funded.transferred()

    status, told = answer(
        funded.sdk.mch_transfer_bills_query(transfer_bill_no=transfer["transfer_bill_no"])
    )

    assert (status, told["out_bill_no"]) == (200, transfer["out_bill_no"])


def test_shopper_confirms_and_the_merchant_is_called_back(
    funded: Merchant, receiver: Receiver
) -> None:
    transfer = funded.transferred()

    assert funded.confirm(transfer).json() == {"errMsg": "requestMerchantTransfer:ok"}

    (received,) = receiver.wait_for(funded.notify_url)
    event = funded.sdk.callback(received.headers, received.body)
    assert event["event_type"] == "MCHTRANSFER.BILL.FINISHED"
    assert json.loads(received.body)["resource"]["original_type"] == "mch_payment"
    told = event["resource"]
    assert told["state"] == "SUCCESS"
    assert told["mch_id"] == funded.mchid
    assert told["out_bill_no"] == transfer["out_bill_no"]
    assert told["transfer_amount"] == 500
    assert "fail_reason" not in told
    assert funded.balance() == 99_500


@pytest.mark.parametrize(
    "changes",
    [
        {"mchId": "1900000001"},
        {"appId": "wxsomebodyelse"},
        {"package": "made up"},
        {"openid": "somebody else"},
    ],
)
def test_phone_refuses_what_is_not_this_transfer(funded: Merchant, changes: dict[str, str]) -> None:
    transfer = funded.transferred()

    response = funded.confirm(transfer, **changes)

    assert response.status_code == 409
    assert state_of(funded, transfer) == "WAIT_USER_CONFIRM"


def test_phone_refuses_unknown_and_missing_fields(funded: Merchant) -> None:
    transfer = funded.transferred()

    assert funded.confirm(transfer, sign="x").status_code == 400
    assert funded.server.http.post("/shopper/transfer", json={}).status_code == 400


def test_transfer_is_confirmed_once(funded: Merchant) -> None:
    transfer = funded.transferred()
    funded.confirm(transfer)
    wait_for_state(funded, transfer, "SUCCESS")

    assert funded.confirm(transfer).status_code == 409


def test_same_request_is_the_same_bill(funded: Merchant) -> None:
    request = funded.transfer_request()

    answers = [funded.transfer(request) for _ in range(2)]

    assert answers[0] == answers[1]
    assert funded.balance() == 99_500


@pytest.mark.parametrize(
    "changes",
    [
        {"transfer_amount": 501},
        {"openid": "oanother"},
        {"transfer_remark": "别的"},
        {"user_recv_perception": "活动奖励"},
    ],
)
def test_same_number_with_other_parameters_is_refused(
    funded: Merchant, changes: dict[str, Any]
) -> None:
    request = funded.transfer_request()
    funded.transfer(request)

    status, body = funded.transfer(request | changes)

    assert status == 400
    assert body == {"code": "INVALID_REQUEST", "message": "单号已存在但信息不一致"}
    assert funded.balance() == 99_500


def test_short_balance_is_refused_at_once(fresh_merchant: Merchant) -> None:
    fresh_merchant.set(balance_fen=499)
    request = fresh_merchant.transfer_request()

    status, body = fresh_merchant.transfer(request)

    assert (status, body["code"]) == (403, "NOT_ENOUGH")
    assert fresh_merchant.server.items("/transfers", mchid=fresh_merchant.mchid) == []
    fresh_merchant.set(balance_fen=500)
    assert fresh_merchant.transfer(request)[0] == 200


def test_transfers_may_come_from_the_operation_account(funded: Merchant) -> None:
    funded.set(transfers_from="OPERATION")
    assert funded.transfer(funded.transfer_request())[1]["code"] == "NOT_ENOUGH"

    funded.set(operation_fen=600)
    funded.transferred()

    account = funded.server.get(f"/accounts/{funded.mchid}")
    assert (account["balance_fen"], account["operation_fen"]) == (100_000, 100)


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({"transfer_amount": 9}, "INVALID_REQUEST", "上下限"),
        ({"transfer_amount": 20_001}, "INVALID_REQUEST", "上下限"),
        ({"transfer_amount": 0}, "PARAM_ERROR", "transfer_amount"),
        ({"transfer_amount": "500"}, "PARAM_ERROR", "transfer_amount"),
        ({"out_bill_no": "with-dash"}, "PARAM_ERROR", "out_bill_no"),
        ({"out_bill_no": "x" * 33}, "PARAM_ERROR", "out_bill_no"),
        ({"transfer_remark": "长" * 33}, "PARAM_ERROR", "transfer_remark"),
        ({"transfer_remark": ""}, "PARAM_ERROR", "transfer_remark"),
        ({"surprise": 1}, "PARAM_ERROR", "surprise"),
        ({"transfer_scene_id": "1005"}, "INVALID_REQUEST", "转账场景"),
        ({"transfer_scene_report_infos": []}, "PARAM_ERROR", "infos"),
        ({"user_recv_perception": "工资"}, "INVALID_REQUEST", "收款感知"),
        ({"appid": "wxsomebodyelse"}, "INVALID_REQUEST", "APPID"),
        ({"notify_url": "http://shop.example/notify"}, "PARAM_ERROR", "https"),
        ({"notify_url": "https://shop.example/notify?id=1"}, "PARAM_ERROR", "query"),
    ],
)
def test_unfit_transfer_is_refused(
    funded: Merchant, changes: dict[str, Any], code: str, word: str
) -> None:
    status, body = funded.transfer(funded.transfer_request(**changes))

    assert (status, body["code"]) == (400, code)
    assert word in body["message"]
    assert funded.balance() == 100_000


def info(kind: str, content: str = "两人团") -> dict[str, str]:
    return {"info_type": kind, "info_content": content}


@pytest.mark.parametrize(
    "infos",
    [
        [info("活动名称")],
        [info("活动名称"), info("活动名称")],
        [info("活动名称"), info("岗位类型")],
        [info("活动名称"), info("奖励说明"), info("岗位类型")],
    ],
)
def test_scene_must_report_exactly_its_two_texts(
    funded: Merchant, infos: list[dict[str, str]]
) -> None:
    status, body = funded.transfer(funded.transfer_request(transfer_scene_report_infos=infos))

    assert (status, body["message"]) == (400, "需传入转账场景报备信息")


def test_reported_text_has_32_characters_at_most(funded: Merchant) -> None:
    infos = [info("活动名称", "长" * 33), info("奖励说明")]

    status, body = funded.transfer(funded.transfer_request(transfer_scene_report_infos=infos))

    assert (status, body["code"]) == (400, "PARAM_ERROR")
    assert "info_content" in body["message"]


def test_transfer_of_the_minimum_needs_no_perception(funded: Merchant) -> None:
    request = funded.transfer_request(transfer_amount=10)
    del request["user_recv_perception"]

    assert funded.transfer(request)[0] == 200


def test_name_is_needed_from_2000_yuan_on(funded: Merchant) -> None:
    funded.set(balance_fen=10**6, transfer_max_fen=10**6)

    nameless = funded.transfer(funded.transfer_request(transfer_amount=200_000))
    below = funded.transfer(funded.transfer_request(transfer_amount=199_999))

    assert (nameless[0], nameless[1]["code"]) == (400, "PARAM_ERROR")
    assert below[0] == 200


def test_same_name_encrypted_anew_is_the_same_request(funded: Merchant) -> None:
    funded.set(balance_fen=10**6, transfer_max_fen=10**6)
    request = funded.transfer_request(transfer_amount=200_000)

    answers = [
        funded.transfer(request | {"user_name": funded.sdk._core.encrypt(name)})
        for name in ("张三", "张三", "李四")
    ]

    assert [status for status, _ in answers] == [200, 200, 400]
    assert answers[0] == answers[1]
    assert answers[2][1]["message"] == "单号已存在但信息不一致"


@pytest.mark.parametrize(("name", "amount"), [("not encrypted", 500), (None, 29)])
def test_name_that_cannot_be_is_refused(funded: Merchant, name: str | None, amount: int) -> None:
    given = name or funded.sdk._core.encrypt("张三")

    status, body = funded.transfer(funded.transfer_request(transfer_amount=amount, user_name=given))

    assert (status, body["code"]) == (400, "PARAM_ERROR")


def test_openid_of_another_app_is_refused(funded: Merchant) -> None:
    other = funded.server.open_account()
    openid = funded.server.post("/codes", appid=other["appid"])["openid"]

    status, body = funded.transfer(funded.transfer_request(openid=openid))

    assert (status, body["code"]) == (400, "INVALID_REQUEST")


def test_unknown_transfer_is_not_found(funded: Merchant) -> None:
    status, body = answer(funded.sdk.mch_transfer_bills_query("nobodyknowsme"))
    cancelled = answer(funded.sdk.mch_transfer_bills_cancel("nobodyknowsme"))

    assert (status, body["code"]) == (404, "NOT_FOUND")
    assert (cancelled[0], cancelled[1]["code"]) == (404, "NOT_FOUND")


def test_cancel_is_asynchronous_and_gives_the_money_back(
    funded: Merchant, receiver: Receiver
) -> None:
    transfer = funded.transferred()

    status, body = answer(funded.sdk.mch_transfer_bills_cancel(transfer["out_bill_no"]))

    assert (status, body["state"]) == (200, "CANCELING")
    wait_for_state(funded, transfer, "CANCELLED")
    assert funded.balance() == 100_000
    (received,) = receiver.wait_for(funded.notify_url)
    event = funded.sdk.callback(received.headers, received.body)
    assert event["resource"]["state"] == "CANCELLED"
    assert funded.confirm(transfer).status_code == 409


def test_cancel_may_be_repeated(funded: Merchant) -> None:
    transfer = funded.transferred()
    answer(funded.sdk.mch_transfer_bills_cancel(transfer["out_bill_no"]))
    wait_for_state(funded, transfer, "CANCELLED")

    status, body = answer(funded.sdk.mch_transfer_bills_cancel(transfer["out_bill_no"]))

    assert (status, body["state"]) == (200, "CANCELLED")
    assert funded.balance() == 100_000


def test_paid_transfer_cannot_be_cancelled(funded: Merchant) -> None:
    transfer = funded.transferred()
    funded.confirm(transfer)

    status, body = answer(funded.sdk.mch_transfer_bills_cancel(transfer["out_bill_no"]))

    assert (status, body["code"]) == (400, "INVALID_REQUEST")
    wait_for_state(funded, transfer, "SUCCESS")


def test_cancel_takes_an_empty_body_only(funded: Merchant) -> None:
    transfer = funded.transferred()
    path = f"/v3/fund-app/mch-transfer/transfer-bills/out-bill-no/{transfer['out_bill_no']}/cancel"

    status, body = funded.call("POST", path, {"reason": "none"})

    assert (status, body["code"]) == (400, "PARAM_ERROR")


@pytest.mark.parametrize(("closes_as", "reason"), [("FAIL", "OVERDUE_CLOSE"), ("CANCELLED", None)])
def test_unconfirmed_transfer_closes_after_24_hours(
    own_merchant: Merchant, receiver: Receiver, closes_as: str, reason: str | None
) -> None:
    own_merchant.set(balance_fen=500, transfer_closes_as=closes_as)
    transfer = own_merchant.transferred()
    own_merchant.server.advance(DAY - 60)
    assert state_of(own_merchant, transfer) == "WAIT_USER_CONFIRM"

    own_merchant.server.advance(61)

    told = wait_for_state(own_merchant, transfer, closes_as)
    assert told.get("fail_reason") == reason
    assert own_merchant.balance() == 500
    (received,) = receiver.wait_for(own_merchant.notify_url)
    event = own_merchant.sdk.callback(received.headers, received.body)
    assert event["resource"]["state"] == closes_as
    assert own_merchant.confirm(transfer).status_code == 409


def test_steps_take_the_time_the_account_says(own_merchant: Merchant) -> None:
    own_merchant.set(balance_fen=500, transfer_delay_seconds=600)
    request = own_merchant.transfer_request()
    accepted = own_merchant.transfer(request)[1]
    assert accepted["state"] == "ACCEPTED"
    assert "package_info" not in accepted
    own_merchant.server.advance(601)
    wait_for_state(own_merchant, request, "WAIT_USER_CONFIRM")

    transfer = request | own_merchant.transfer(request)[1]
    assert own_merchant.confirm(transfer).status_code == 200

    assert state_of(own_merchant, transfer) == "TRANSFERING"
    own_merchant.server.advance(601)
    wait_for_state(own_merchant, transfer, "SUCCESS")


def test_transfer_is_forgotten_after_30_days(own_merchant: Merchant) -> None:
    own_merchant.set(balance_fen=500)
    transfer = own_merchant.transferred()
    own_merchant.server.advance(31 * DAY)

    status, body = answer(own_merchant.sdk.mch_transfer_bills_query(transfer["out_bill_no"]))

    assert (status, body["code"]) == (404, "NOT_FOUND")


def test_shopper_who_got_too_much_today_fails(funded: Merchant) -> None:
    funded.set(transfer_daily_fen=900)
    openid = f"o{secrets.token_hex(13)}"
    first, second = (funded.transferred(openid=openid) for _ in range(2))
    funded.confirm(first)
    wait_for_state(funded, first, "SUCCESS")

    funded.confirm(second)

    assert wait_for_state(funded, second, "FAIL")["fail_reason"] == "DAY_RECEIVED_QUOTA_EXCEED"
    assert funded.balance() == 99_500


def test_control_confirms_ignores_expires_and_fails(funded: Merchant) -> None:
    transfers = {name: funded.transferred() for name in ("confirm", "ignore", "expire", "fail")}

    for name, transfer in transfers.items():
        more = {"reason": "ACCOUNT_FROZEN"} if name == "fail" else {}
        funded.server.post(
            "/transfers/act", out_bill_no=transfer["out_bill_no"], action=name, **more
        )

    wait_for_state(funded, transfers["confirm"], "SUCCESS")
    assert state_of(funded, transfers["ignore"]) == "WAIT_USER_CONFIRM"
    expired, failed = (funded.query_transfer(transfers[name]) for name in ("expire", "fail"))
    assert (expired["state"], expired["fail_reason"]) == ("FAIL", "OVERDUE_CLOSE")
    assert (failed["state"], failed["fail_reason"]) == ("FAIL", "ACCOUNT_FROZEN")
    assert funded.balance() == 99_000


def test_record_lists_transfers(funded: Merchant) -> None:
    transfer = funded.transferred()

    (listed,) = funded.server.items("/transfers", mchid=funded.mchid)

    assert listed["out_bill_no"] == transfer["out_bill_no"]
    assert listed["transfer_fen"] == 500
    assert listed["state"] == "WAIT_USER_CONFIRM"
    assert listed["package_info"] == transfer["package_info"]


def test_too_many_transfers_in_a_second_are_refused(funded: Merchant) -> None:
    funded.set(transfers_per_second=2)

    codes = [funded.transfer(funded.transfer_request())[0] for _ in range(3)]

    assert codes == [200, 200, 429]


def test_stuck_transfer_stays_until_somebody_lets_it_proceed(funded: Merchant) -> None:
    funded.fault("transfer_stuck", count=1)
    transfer = funded.transferred()
    assert transfer["state"] == "PROCESSING"
    assert "package_info" not in transfer

    funded.server.post("/transfers/act", out_bill_no=transfer["out_bill_no"], action="proceed")

    assert state_of(funded, transfer) == "WAIT_USER_CONFIRM"


@pytest.mark.parametrize("reason", ["REAL_NAME_CHECK_FAIL", "NAME_NOT_CORRECT", "ACCOUNT_FROZEN"])
def test_transfer_fails_with_a_reason(funded: Merchant, reason: str) -> None:
    funded.fault("transfer_fails", count=1, reason=reason)
    transfer = funded.transferred()

    told = wait_for_state(funded, transfer, "FAIL")

    assert told["fail_reason"] == reason
    assert funded.balance() == 100_000


def test_transfer_fails_when_the_shopper_confirms(funded: Merchant) -> None:
    funded.fault("transfer_fails_at_confirm", count=1, reason="TRANSFER_QUOTA_EXCEED")
    transfer = funded.transferred()

    assert funded.confirm(transfer).status_code == 200

    told = wait_for_state(funded, transfer, "FAIL")
    assert told["fail_reason"] == "TRANSFER_QUOTA_EXCEED"
    assert funded.balance() == 100_000


def test_fault_lets_a_transfer_be_overdue_at_once(funded: Merchant) -> None:
    funded.fault("transfer_overdue", count=1)
    transfer = funded.transferred()

    assert wait_for_state(funded, transfer, "FAIL")["fail_reason"] == "OVERDUE_CLOSE"


def test_fault_lets_overdue_transfers_be_cancelled(own_merchant: Merchant) -> None:
    own_merchant.set(balance_fen=500)
    own_merchant.fault("transfer_closes_cancelled", count=1)
    transfer = own_merchant.transferred()

    own_merchant.server.advance(DAY + 1)

    wait_for_state(own_merchant, transfer, "CANCELLED")


def test_shopper_confirms_while_the_merchant_cancels(funded: Merchant) -> None:
    transfer = funded.transferred()
    funded.fault("confirmed_at_cancel", count=1)

    _, body = answer(funded.sdk.mch_transfer_bills_cancel(transfer["out_bill_no"]))

    assert body["state"] == "CANCELING"
    wait_for_state(funded, transfer, "SUCCESS")
    assert funded.balance() == 99_500


def test_fault_says_that_the_number_is_known_with_other_parameters(funded: Merchant) -> None:
    funded.fault("transfer_conflict", count=1)
    request = funded.transfer_request()

    status, body = funded.transfer(request)

    assert (status, body["message"]) == (400, "单号已存在但信息不一致")
    assert funded.transfer(request)[0] == 200


def test_fault_says_that_the_balance_is_short(funded: Merchant) -> None:
    funded.fault("not_enough", operation="transfer", count=1)

    assert funded.transfer(funded.transfer_request())[1]["code"] == "NOT_ENOUGH"


def test_lagging_query_does_not_find_what_exists(funded: Merchant) -> None:
    transfer = funded.transferred()
    funded.fault("not_found", operation="query_transfer", count=1)

    first = answer(funded.sdk.mch_transfer_bills_query(transfer["out_bill_no"]))

    assert (first[0], first[1]["code"]) == (404, "NOT_FOUND")
    assert state_of(funded, transfer) == "WAIT_USER_CONFIRM"


def test_waiting_transfers_are_the_next_due_instant(own_merchant: Merchant) -> None:
    own_merchant.set(balance_fen=500)
    transfer = own_merchant.transferred()

    (listed,) = own_merchant.server.items("/transfers", mchid=own_merchant.mchid)

    assert own_merchant.server.get("/drained") == {
        "pending_callbacks": 0,
        "pending_refunds": 0,
        "pending_transfers": 0,
        "next_due_at": listed["due_at"],
    }
    assert listed["created_at"] == transfer["create_time"]
