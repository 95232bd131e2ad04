"""The WeChat adapter against the sandbox: daily bills, and their format read strictly."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.clock import SHANGHAI
from domain.gateways.errors import BillNotReady, GatewayRetryable, GatewayUnknown
from domain.gateways.protocol import BillKind, BillLine, BillLineKind
from domain.gateways.reading import Malformed
from domain.gateways.wechat_bills import fen_of, read_lines
from domain.money import Fen
from tests.domain.gateways.conftest import Shop, shop_of
from tests.domain.gateways.transfers import asked, fund
from tests.sandbox_server import Receiver, SandboxServer

DAY = timedelta(days=1)


def now_of(shop: Shop) -> datetime:
    return datetime.fromisoformat(shop.server.get("/clock")["now"])


def go_to(shop: Shop, at: datetime) -> None:
    shop.server.advance((at - now_of(shop)).total_seconds())


class Day:
    """A shop on the day after it traded, and the numbers of what it did."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        fund(shop, transfers_from="OPERATION", operation_fen=10_000)
        morning = (now_of(shop) + DAY).replace(hour=9, minute=30, second=0, microsecond=0)
        go_to(shop, morning)
        self.on = morning.astimezone(SHANGHAI).date()
        self.started_at = morning.astimezone(UTC)
        self.order = shop.paid(description="苹果，5 斤,`甜\n第二行\u2028第三行")
        self.refund = shop.refund_of(self.order, amount_fen=Fen(990))
        shop.provider.refund(self.refund)
        self.transfer, _ = asked(shop)
        self.returned, _ = asked(shop)
        shop.server.post("/transfers/act", out_bill_no=self.returned.out_bill_no, action="expire")
        go_to(shop, (morning + DAY).replace(hour=11))

    def lines(self, kind: BillKind) -> list[BillLine]:
        return list(self.shop.provider.download_bill(self.on, kind))


@pytest.fixture(scope="module")
def day_once(tmp_path_factory: pytest.TempPathFactory, receiver_server: Receiver) -> Iterator[Day]:
    server = SandboxServer(tmp_path_factory.mktemp("bills"))
    server.start()
    yield Day(shop_of(server, server.open_account(), receiver_server.new_url()))
    server.close()


@pytest.fixture
def day(day_once: Day) -> Iterator[Day]:
    """The day, without faults afterwards."""
    yield day_once
    day_once.shop.server.clear()


def test_trade_bill_tells_payments_and_refunds(day: Day) -> None:
    payment, refund = day.lines(BillKind.TRADE)

    paid = day.shop.provider.query(day.order.out_trade_no)
    assert (payment.kind, payment.number) == (BillLineKind.PAYMENT, day.order.out_trade_no)
    assert (payment.gateway_no, payment.at) == (paid.transaction_id, paid.succeeded_at)
    assert payment.amount_fen == 1990
    assert (refund.kind, refund.number) == (BillLineKind.REFUND, day.refund.out_refund_no)
    assert refund.amount_fen == 990
    assert refund.gateway_no.startswith("503")
    assert timedelta() <= refund.at - day.started_at < timedelta(minutes=5)


def test_transfers_bill_tells_them_with_those_that_came_back(day: Day) -> None:
    lines = day.lines(BillKind.TRANSFERS)

    assert {line.kind for line in lines} == {BillLineKind.TRANSFER}
    assert sorted((line.number, line.amount_fen) for line in lines) == sorted(
        [
            (day.transfer.out_bill_no, 500),
            (day.returned.out_bill_no, 500),
            (day.returned.out_bill_no, -500),
        ]
    )
    transfer = day.shop.provider.query_transfer(day.transfer.out_bill_no)
    assert transfer.transfer_no in {line.gateway_no for line in lines}


@pytest.mark.parametrize("kind", list(BillKind))
def test_day_without_movements_has_no_lines(day: Day, kind: BillKind) -> None:
    assert list(day.shop.provider.download_bill(day.on - 2 * DAY, kind)) == []


@pytest.mark.parametrize("is_spelt_otherwise", [False, True])
def test_bill_of_yesterday_is_not_ready_before_ten(day: Day, is_spelt_otherwise: bool) -> None:
    if is_spelt_otherwise:
        day.shop.fault("other_spelling")

    with pytest.raises(BillNotReady) as caught:
        day.shop.provider.download_bill(day.on + DAY, BillKind.TRADE)

    assert isinstance(caught.value, GatewayRetryable)
    assert caught.value.details["gateway_code"].replace("_", "") == "STATEMENTCREATING"


def test_day_without_a_bill_is_understood_in_the_other_spelling(day: Day) -> None:
    day.shop.fault("other_spelling")

    assert list(day.shop.provider.download_bill(day.on - 2 * DAY, BillKind.TRADE)) == []


def test_bill_with_another_hash_is_unknown(day: Day) -> None:
    day.shop.fault("bill_bad_hash", count=1)

    with pytest.raises(GatewayUnknown) as caught:
        day.shop.provider.download_bill(day.on, BillKind.TRADE)

    assert "hash" in caught.value.message
    assert len(day.lines(BillKind.TRADE)) == 2


@pytest.mark.parametrize(
    ("fault", "count"), [("bill_missing_row", 1), ("bill_extra_row", 3), ("bill_changed_amount", 2)]
)
def test_falsified_bill_is_read_as_it_stands(day: Day, fault: str, count: int) -> None:
    true = set(day.lines(BillKind.TRADE))
    day.shop.fault(fault, count=1)

    false = day.lines(BillKind.TRADE)

    assert len(false) == count
    assert set(false) != true


@pytest.mark.parametrize("fault", ["error_before", "drop_before", "drop_after", "bad_signature"])
def test_whatever_is_unclear_is_unknown(day: Day, fault: str) -> None:
    day.shop.fault(fault, operation="bill", count=1)

    with pytest.raises(GatewayUnknown):
        day.shop.provider.download_bill(day.on, BillKind.TRADE)


def test_file_that_cannot_be_fetched_is_unknown(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    client = day.shop.provider._sdk.client  # type: ignore[attr-defined]
    fetch = client.download_bill
    monkeypatch.setattr(client, "download_bill", lambda url: fetch(f"{url}x"))

    with pytest.raises(GatewayUnknown):
        day.shop.provider.download_bill(day.on, BillKind.TRADE)


HEAD = "记账时间,微信支付业务单号,收支金额(元),备注,业务凭证号"
SUMS = "资金流水总笔数,收入笔数"


def test_rows_are_read_by_the_names_of_the_header() -> None:
    text = f"\ufeff{HEAD}\r\n`t,`1,`0.10,`a,`b\r\n{SUMS}\r\n`1,`1\r\n"

    (row,) = rows_of(text)

    assert row == dict(zip(HEAD.split(","), ["t", "1", "0.10", "a", "b"], strict=True))


def test_separators_within_free_text_belong_to_it() -> None:
    text = f"{HEAD}\n`t,`1,`0.10,`苹果,`5 斤\n第二行\u2028,`b\n{SUMS}\n`1,`1\n"

    (row,) = rows_of(text)

    assert row["备注"] == "苹果,`5 斤\n第二行"
    assert row["业务凭证号"] == "b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        f"{HEAD}\n`t,`1,`0.10,`a,`b",
    ],
)
def test_bill_of_another_form_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        rows_of(text)


def rows_of(text: str) -> list[Any]:
    return read_lines(text, lambda row: row, date(2026, 11, 22))  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("`t,`1,`0.10,`a", "4 cells"),
        ("`t,`1,`0.1.0,`a,`b", "no amount in yuan"),
    ],
)
def test_row_that_cannot_be_read_stops_no_other(row: str, why: str) -> None:
    def line_of(row: Any) -> Any:
        fen_of(row["收支金额(元)"])
        return row["业务凭证号"]

    text = f"{HEAD}\n`t,`1,`0.10,`a,`first\n{row}\n`t,`1,`0.10,`a,`last\n{SUMS}\n`1,`1"

    first, odd, last = read_lines(text, line_of, date(2026, 11, 22))

    assert (first, last) == ("first", "last")  # type: ignore[comparison-overlap]
    assert odd.kind is BillLineKind.UNREADABLE
    assert odd.said == row
    assert why in odd.problem


@pytest.mark.parametrize(
    ("yuan", "fen"),
    [("0.01", 1), ("19.9", 1990), ("100", 10_000), ("0.29", 29), ("1234567890.12", 123456789012)],
)
def test_yuan_become_fen_exactly(yuan: str, fen: int) -> None:
    assert fen_of(yuan) == fen


@pytest.mark.parametrize(
    "yuan", ["", "1.005", "-1.00", "1e3", "1,000.00", "١.٠٠", "NaN", ".5", "1."]
)
def test_amount_of_another_form_is_malformed(yuan: str) -> None:
    with pytest.raises(Malformed):
        fen_of(yuan)


@pytest.mark.parametrize(
    "body",
    [
        {"hash_type": "MD5"},
        {"download_url": "https://bills.example/file?token=1"},
        {"hash_value": ""},
    ],
)
def test_offer_that_says_something_else_is_unknown(
    day: Day, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    asking = day.shop.provider._asking  # type: ignore[attr-defined]
    ask = asking.ask

    def changed(operation: str, call: Any) -> Any:
        answer = ask(operation, call)
        answer.body.update(body)
        return answer

    monkeypatch.setattr(asking, "ask", changed)

    with pytest.raises(GatewayUnknown):
        day.shop.provider.download_bill(day.on, BillKind.TRADE)


def test_bill_of_a_date_is_asked_for_as_a_shanghai_day(day: Day) -> None:
    assert isinstance(day.on, date)
    starts_at = datetime(day.on.year, day.on.month, day.on.day, tzinfo=SHANGHAI)

    for line in day.lines(BillKind.TRADE):
        assert starts_at <= line.at < starts_at + DAY
        assert line.at.tzinfo is UTC
