"""Bills and the book they are written from, through the real SDK."""

import gzip
import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.conftest import Merchant, answer, merchant_of
from tests.sandbox_server import Receiver, SandboxServer, wait_until

DAY = timedelta(days=1)


def now_of(merchant: Merchant) -> datetime:
    return datetime.fromisoformat(merchant.server.get("/clock")["now"])


def go_to(merchant: Merchant, at: datetime) -> None:
    merchant.server.advance((at - now_of(merchant)).total_seconds())


@pytest.fixture(scope="module")
def traded_once(
    tmp_path_factory: pytest.TempPathFactory, receiver_server: Receiver
) -> Iterator[tuple[Merchant, str]]:
    """A merchant at eleven on the day after it traded, and that day."""
    server = SandboxServer(tmp_path_factory.mktemp("bills"))
    server.start()
    merchant = merchant_of(server, server.open_account(), receiver_server.new_url())
    merchant.set(balance_fen=100_000)
    morning = (now_of(merchant) + DAY).replace(hour=9, minute=0, second=0, microsecond=0)
    go_to(merchant, morning)
    order = merchant.paid(description="苹果，5 斤,`新鲜\n第二行")
    merchant.paid(amount={"total": 5, "currency": "CNY"})
    assert merchant.refund(order, 990)[0] == 200
    merchant.transferred()
    go_to(merchant, (morning + DAY).replace(hour=11))
    yield merchant, morning.date().isoformat()
    server.close()


@pytest.fixture
def traded(traded_once: tuple[Merchant, str]) -> Iterator[tuple[Merchant, str]]:
    """The same, without faults afterwards."""
    yield traded_once
    traded_once[0].server.clear()


def sha1_of(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def offered(merchant: Merchant, kind: str, day: str, **changes: Any) -> dict[str, Any]:
    status, body = answer(getattr(merchant.sdk, kind)(day, **changes))
    assert status == 200, body
    return body


def downloaded(merchant: Merchant, offer: dict[str, Any]) -> str:
    status, content = merchant.sdk.download_bill(offer["download_url"])
    assert status == 200
    file = gzip.decompress(content)
    assert sha1_of(file) == offer["hash_value"]
    return file.decode()


def test_trade_bill_has_the_real_form(traded: tuple[Merchant, str]) -> None:
    merchant, day = traded

    offer = offered(merchant, "trade_bill", day)
    text = downloaded(merchant, offer)

    assert offer["hash_type"] == "SHA1"
    header, *rest = text.split("\r\n")
    assert header.startswith("交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,")
    assert header.endswith(",订单金额,申请退款金额,费率备注")
    assert rest[0].startswith(f"`{day} 09:00")
    assert rest[-3].startswith("总交易单数,")
    assert rest[-2] == "`3,`19.95,`9.90,`0.00,`0.00000,`19.95,`9.90"
    assert rest[-1] == ""
    assert "`苹果，5 斤,`新鲜\n第二行,`" in text
    refund = next(row for row in rest if "`REFUND,`" in row)
    assert "`9.90,`0.00,`ORIGINAL,`PROCESSING" in refund


def test_fund_flow_bill_tells_each_movement_with_the_balance_after_it(
    traded: tuple[Merchant, str],
) -> None:
    merchant, day = traded

    text = downloaded(merchant, offered(merchant, "fundflow_bill", day))

    header, *rows, sums_header, sums = text.strip().split("\r\n")
    assert header.startswith("记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,")
    cells = [row.removeprefix("`").split(",`") for row in rows]
    assert [(row[3], row[5], row[6], row[7]) for row in cells] == [
        ("交易", "收入", "19.90", "1019.90"),
        ("交易", "收入", "0.05", "1019.95"),
        ("退款", "支出", "9.90", "1010.05"),
        ("商家转账", "支出", "5.00", "1005.05"),
    ]
    assert sums_header == "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
    assert sums == "`4,`2,`19.95,`2,`14.90"


@pytest.mark.parametrize(("bill_type", "rows"), [("SUCCESS", 2), ("REFUND", 1)])
def test_trade_bill_of_one_kind_has_its_own_columns(
    traded: tuple[Merchant, str], bill_type: str, rows: int
) -> None:
    merchant, day = traded

    text = downloaded(merchant, offered(merchant, "trade_bill", day, bill_type=bill_type))

    header = text.split("\r\n", 1)[0]
    assert ("微信退款单号" in header) == (bill_type == "REFUND")
    assert ("退款申请时间" in header) == (bill_type == "REFUND")
    assert f"\r\n`{rows},`" in text


def test_bill_comes_uncompressed_if_asked_so(traded: tuple[Merchant, str]) -> None:
    merchant, day = traded

    _, offer = merchant.call("GET", f"/v3/bill/tradebill?bill_date={day}")
    _, content = merchant.sdk.download_bill(offer["download_url"])

    assert sha1_of(content) == offer["hash_value"]
    assert content.decode().startswith("交易时间")


def test_bill_is_ready_at_ten_the_next_morning(own_merchant: Merchant) -> None:
    own_merchant.paid()
    day = now_of(own_merchant).date()
    ready = now_of(own_merchant).replace(hour=10, minute=0, second=0, microsecond=0) + DAY
    codes = []

    for at in (now_of(own_merchant), ready - timedelta(seconds=30), ready):
        go_to(own_merchant, at)
        codes.append(answer(own_merchant.sdk.trade_bill(day.isoformat())))

    assert [status for status, _ in codes] == [400, 400, 200]
    assert {body["code"] for _, body in codes[:2]} == {"STATEMENT_CREATING"}


def test_day_without_movements_has_no_bill(traded: tuple[Merchant, str]) -> None:
    merchant, day = traded
    before = (datetime.fromisoformat(day) - 2 * DAY).date().isoformat()

    quiet = answer(merchant.sdk.trade_bill(before))
    fees = answer(merchant.sdk.fundflow_bill(day, account_type="FEES"))

    for status, body in (quiet, fees):
        assert (status, body["code"]) == (400, "NO_STATEMENT_EXIST")


@pytest.mark.parametrize(
    "query",
    [
        "bill_date=2020-01-01",
        "bill_date=2199-01-01",
        "bill_date=20261122",
        "bill_date=2026-11-22&bill_type=SOME",
        "bill_date=2026-11-22&tar_type=ZIP",
        "bill_date=2026-11-22&surprise=1",
        "bill_type=ALL",
    ],
)
def test_unfit_question_for_a_bill_is_refused(merchant: Merchant, query: str) -> None:
    status, body = merchant.call("GET", f"/v3/bill/tradebill?{query}")

    assert (status, body["code"]) == (400, "PARAM_ERROR")


def test_bill_reaches_three_months_back(own_merchant: Merchant) -> None:
    day = now_of(own_merchant).date().isoformat()
    own_merchant.paid()

    own_merchant.server.advance(88 * 86400)
    within = answer(own_merchant.sdk.trade_bill(day))
    own_merchant.server.advance(6 * 86400)
    beyond = answer(own_merchant.sdk.trade_bill(day))

    assert within[0] == 200
    assert (beyond[0], beyond[1]["code"]) == (400, "PARAM_ERROR")


def test_download_lives_five_minutes_and_is_the_merchants_own(
    traded: tuple[Merchant, str],
) -> None:
    merchant, day = traded
    offer = offered(merchant, "trade_bill", day)
    token = offer["download_url"].partition("token=")[2]

    unsigned = merchant.server.http.get(f"/v3/billdownload/file?token={token}")
    assert unsigned.status_code == 401
    assert merchant.sdk.download_bill(offer["download_url"])[0] == 200
    merchant.server.advance(301)

    assert merchant.sdk.download_bill(offer["download_url"])[0] == 400


def test_book_adds_up_to_the_balance(funded: Merchant) -> None:
    funded.fault("refund_closed", count=1)
    order = funded.paid()
    funded.refund(order)
    funded.transferred()
    overdue = funded.transferred()
    funded.server.post("/transfers/act", out_bill_no=overdue["out_bill_no"], action="expire")
    wait_until(lambda: funded.balance() == 101_490)

    flows = funded.server.items("/flows", mchid=funded.mchid)

    assert [(one["kind"], one["fen"]) for one in flows if one["kind"] != "refund_returned"] == [
        ("top_up", 100_000),
        ("payment", 1990),
        ("refund", -1990),
        ("transfer", -500),
        ("transfer", -500),
        ("transfer_returned", 500),
    ]
    assert [one["fen"] for one in flows if one["kind"] == "refund_returned"] == [1990]
    running = 0
    for one in flows:
        running += one["fen"]
        assert one["balance_fen"] == running
    assert running == funded.balance()


def test_refused_transfer_leaves_no_flow(fresh_merchant: Merchant) -> None:
    fresh_merchant.transfer(fresh_merchant.transfer_request())

    assert fresh_merchant.server.items("/flows", mchid=fresh_merchant.mchid) == []


def test_flows_are_found_by_number(funded: Merchant) -> None:
    order = funded.paid(out_trade_no=(number := secrets.token_hex(10)))

    (flow,) = funded.server.items("/flows", number=number)

    assert flow["kind"] == "payment"
    assert flow["gateway_no"] == funded.query(order)[1]["transaction_id"]


def test_late_bill_is_still_being_made(traded: tuple[Merchant, str]) -> None:
    merchant, day = traded
    merchant.fault("bill_late", count=1)

    late = answer(merchant.sdk.trade_bill(day))

    assert (late[0], late[1]["code"]) == (400, "STATEMENT_CREATING")
    assert answer(merchant.sdk.trade_bill(day))[0] == 200


def test_bad_hash_is_not_the_files(traded: tuple[Merchant, str]) -> None:
    merchant, day = traded
    merchant.fault("bill_bad_hash", count=1)

    offer = offered(merchant, "trade_bill", day)
    _, content = merchant.sdk.download_bill(offer["download_url"])

    assert sha1_of(gzip.decompress(content)) != offer["hash_value"]


def rows_of(text: str) -> list[str]:
    return text.split("\r\n")


@pytest.mark.parametrize("kind", ["trade_bill", "fundflow_bill"])
@pytest.mark.parametrize(
    ("fault", "more"), [("bill_missing_row", -1), ("bill_extra_row", 1), ("bill_changed_amount", 0)]
)
def test_falsified_bill_is_wrong_and_well_formed(
    traded: tuple[Merchant, str], kind: str, fault: str, more: int
) -> None:
    merchant, day = traded
    true = rows_of(downloaded(merchant, offered(merchant, kind, day)))
    merchant.fault(fault, count=1)

    false = rows_of(downloaded(merchant, offered(merchant, kind, day)))

    assert len(false) == len(true) + more
    assert len(set(false[:-2]) - set(true[:-2])) == (0 if more < 0 else 1)
    assert false[-2] != true[-2]
