"""My withdrawals over HTTP; how they are driven is tested with the sandbox."""

from datetime import timedelta
from typing import Any

import pytest

from domain.clock import iso
from domain.database import transaction
from domain.gateways.protocol import GatewayTransfer, TransferStatus
from domain.money import Fen
from domain.settlement.paying_out import apply_transfer, start_sending
from tests.api.callers import Caller, Mall
from tests.api.stages import calling, fail_group, stage_of
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

PATH = "/v1/me/withdrawals"


@pytest.fixture
def stage(mall: Mall) -> Stage:
    return stage_of(mall, days_ago=9, subsidy_fen=1000)


@pytest.fixture
def me(mall: Mall, stage: Stage) -> Caller:
    """A shopper with 10 yuan in the wallet."""
    shopper = stage.shopper(nickname="小明")
    fail_group(stage, shopper, stage.start)
    return calling(mall, shopper)


def withdraw(me: Caller, amount_fen: Any, key: str = "w1") -> Any:
    return me.call("POST", PATH, json={"amount_fen": amount_fen}, headers={"Idempotency-Key": key})


def told(
    stage: Stage, public_id: str, status: TransferStatus, *, days: int = 5, **values: Any
) -> None:
    """Apply what a gateway says of a withdrawal."""
    [(row_id, net_fen)] = stage.rows(
        "SELECT id, net_fen FROM withdrawals WHERE public_id = :v", public_id
    )
    key, at = (stage.merchant_id, row_id), stage.start + timedelta(days=days)
    transfer = GatewayTransfer(public_id, status, f"t{public_id}", Fen(net_fen), **values)
    with transaction() as session:
        start_sending(session, key, at=at, actor="test")
        apply_transfer(session, key, transfer, at=at, actor="test")


def test_withdrawal_leaves_the_wallet_at_once(me: Caller) -> None:
    answer = withdraw(me, 400)

    assert answer.status_code == 201
    assert (answer.json["state"], answer.json["text"]) == ("requested", "Requested")
    assert [answer.json[f"{part}_fen"] for part in ("gross", "tax", "net")] == [400, 0, 400]
    assert answer.json["client_parameters"] is None
    assert me.get("/v1/me/wallet").json == {"balance_fen": 600}
    assert me.get(PATH).json["items"][0]["id"] == answer.json["id"]
    newest = me.get("/v1/me/wallet/entries").json["items"][0]
    assert (newest["kind"], newest["amount_fen"]) == ("withdrawal.requested", -400)
    assert (newest["withdrawal_id"], newest["order_id"]) == (answer.json["id"], None)


def test_same_key_withdraws_once(me: Caller) -> None:
    first, again, other = withdraw(me, 400), withdraw(me, 400), withdraw(me, 300)

    assert again.json == first.json
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_reused")
    assert me.get("/v1/me/wallet").json == {"balance_fen": 600}


def test_repeat_answers_as_at_first_whatever_became_of_it(stage: Stage, me: Caller) -> None:
    """As an order does: how it stands is read from it."""
    first = withdraw(me, 400)
    told(stage, first.json["id"], TransferStatus.SUCCESS)

    again = withdraw(me, 400)

    assert (again.status_code, again.json) == (201, first.json)
    assert me.get(f"{PATH}/{first.json['id']}").json["state"] == "succeeded"


def test_one_withdrawal_runs_at_a_time(me: Caller) -> None:
    withdraw(me, 400)

    answer = withdraw(me, 300, "w2")

    assert (answer.status_code, answer.json["code"]) == (409, "withdrawal_running")


@pytest.mark.parametrize(
    ("amount_fen", "status", "code"),
    [
        (1001, 409, "balance_too_low"),
        (20_001, 422, "withdrawal_too_large"),
        (9, 422, "withdrawal_too_small"),
        (0, 422, "invalid_request"),
        (-10, 422, "invalid_request"),
        (10.5, 422, "invalid_request"),
        ("10", 422, "invalid_request"),
        (None, 422, "invalid_request"),
    ],
)
def test_amounts_that_are_refused(me: Caller, amount_fen: Any, status: int, code: str) -> None:
    answer = withdraw(me, amount_fen)

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert me.get("/v1/me/wallet").json == {"balance_fen": 1000}


def test_merchant_may_switch_withdrawals_off(mall: Mall, me: Caller) -> None:
    mall.owner.patch("/v1/merchant/settings", is_withdrawal_on=False, reason="渠道未开通")

    answer = withdraw(me, 400)

    assert (answer.status_code, answer.json["code"]) == (409, "withdrawals_off")


def test_day_has_a_limit_and_what_came_back_does_not_count(
    mall: Mall, stage: Stage, me: Caller
) -> None:
    mall.owner.patch("/v1/merchant/settings", withdrawal_daily_fen=500, reason="限额")
    returned = withdraw(me, 500).json["id"]
    told(stage, returned, TransferStatus.FAILED, fail_reason="ACCOUNT_FROZEN")
    told(stage, withdraw(me, 300, "w2").json["id"], TransferStatus.SUCCESS)

    answer = withdraw(me, 201, "w3")

    assert (answer.status_code, answer.json["code"]) == (422, "withdrawal_day_limit_reached")
    assert answer.json["left_fen"] == 200
    assert withdraw(me, 200, "w4").status_code == 201


def test_tax_is_withheld_and_rounded_down(mall: Mall, me: Caller) -> None:
    mall.owner.patch(
        "/v1/merchant/settings",
        withdrawal_tax_bps=2000,
        withdrawal_tax_category="偶然所得",
        reason="税务",
    )

    answer = withdraw(me, 999).json

    assert [answer[f"{part}_fen"] for part in ("gross", "tax", "net")] == [999, 199, 800]
    assert answer["tax_category"] == "偶然所得"


def test_what_arrives_is_at_least_ten_fen(mall: Mall, me: Caller) -> None:
    mall.owner.patch("/v1/merchant/settings", withdrawal_tax_bps=2000, reason="税务")

    answer = withdraw(me, 11)

    assert (answer.status_code, answer.json["code"]) == (422, "withdrawal_too_small")


def test_one_that_awaits_me_says_until_when_and_how_to_confirm(stage: Stage, me: Caller) -> None:
    public_id = withdraw(me, 400).json["id"]
    told(stage, public_id, TransferStatus.AWAITING_SHOPPER, package_info="pkg")

    answer = me.get(f"{PATH}/{public_id}").json

    awaiting = stage.start + timedelta(days=5)
    assert answer["state"] == "awaiting_shopper"
    assert answer["confirm_by"] == iso(awaiting + timedelta(days=1))
    assert answer["client_parameters"]["package"] == "pkg"
    assert answer["client_parameters"].keys() == {"mchId", "appId", "package"}


@pytest.mark.parametrize(
    ("status", "reason", "ends"),
    [
        (TransferStatus.FAILED, "OVERDUE_CLOSE", ("expired", "confirm_in_time")),
        (TransferStatus.CANCELLED, None, ("expired", "confirm_in_time")),
        (TransferStatus.FAILED, "MCH_CANCEL", ("cancelled", "withdraw_again")),
        (TransferStatus.FAILED, "REAL_NAME_CHECK_FAIL", ("failed", "verify_name")),
        (TransferStatus.FAILED, "TRANSFER_QUOTA_EXCEED", ("failed", "wait_for_limit")),
        (TransferStatus.FAILED, "SOMETHING_NEW", ("failed", "ask_merchant")),
    ],
)
def test_what_did_not_arrive_is_back_with_the_reason_and_what_to_do(
    stage: Stage, me: Caller, status: TransferStatus, reason: str | None, ends: tuple[str, str]
) -> None:
    public_id = withdraw(me, 400).json["id"]
    told(stage, public_id, TransferStatus.AWAITING_SHOPPER, package_info="pkg")
    told(stage, public_id, status, days=6, fail_reason=reason)

    answer = me.get(f"{PATH}/{public_id}").json

    assert (answer["state"], answer["advice"]) == ends
    assert answer["advice_text"]
    assert answer["client_parameters"] is None
    assert me.get("/v1/me/wallet").json == {"balance_fen": 1000}


def test_late_news_move_nothing(stage: Stage, me: Caller) -> None:
    public_id = withdraw(me, 400).json["id"]
    told(stage, public_id, TransferStatus.FAILED, fail_reason="ACCOUNT_FROZEN")

    told(stage, public_id, TransferStatus.SUCCESS, days=6)

    assert me.get(f"{PATH}/{public_id}").json["state"] == "failed"
    assert me.get("/v1/me/wallet").json == {"balance_fen": 1000}


def test_only_one_that_awaits_me_can_be_cancelled(stage: Stage, me: Caller) -> None:
    public_id = withdraw(me, 400).json["id"]
    path, headers = f"{PATH}/{public_id}/cancellation", {"Idempotency-Key": "c1"}

    early = me.call("POST", path, headers=headers)
    told(stage, public_id, TransferStatus.AWAITING_SHOPPER, package_info="pkg")
    answer = me.call("POST", path, headers=headers)

    assert (early.status_code, early.json["code"]) == (409, "withdrawal_not_cancellable")
    assert answer.status_code == 201
    assert answer.json["state"] == "awaiting_shopper"
    assert answer.json["cancel_requested_at"] is not None
    told(stage, public_id, TransferStatus.CANCELLED, days=6)
    assert me.get(f"{PATH}/{public_id}").json["state"] == "cancelled"


def test_others_see_and_cancel_nothing_of_mine(mall: Mall, me: Caller) -> None:
    public_id = withdraw(me, 400).json["id"]
    path = f"{PATH}/{public_id}"

    assert mall.shopper.get(path).status_code == 404
    cancelled = mall.shopper.call("POST", f"{path}/cancellation", headers={"Idempotency-Key": "c1"})
    assert cancelled.status_code == 404
    assert mall.shopper.get(PATH).json["items"] == []


def test_staff_see_withdrawals_by_state(mall: Mall, other_mall: Mall, me: Caller) -> None:
    public_id = withdraw(me, 400).json["id"]

    [line] = mall.viewer.get("/v1/merchant/withdrawals", state="requested").json["items"]

    assert (line["id"], line["shopper"]["nickname"], line["net_fen"]) == (public_id, "小明", 400)
    assert mall.viewer.get("/v1/merchant/withdrawals", state="failed").json["items"] == []
    assert other_mall.viewer.get("/v1/merchant/withdrawals").json["items"] == []
