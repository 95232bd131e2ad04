"""Alipay's bills as the adapter reads them: whole and adding up, or not at all."""

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.clock import SHANGHAI
from domain.gateways import alipay as adapter
from domain.gateways.alipay_bills import BillBroken, read_bill
from domain.gateways.errors import BillNotReady, GatewayUnknown
from domain.gateways.protocol import BillKind, BillLineKind
from domain.money import Fen
from tests.domain.gateways.alipay_fixtures import own_alipay
from tests.domain.gateways.alipay_shop import AlipayShop

__all__ = ["own_alipay"]

DAY = date(2026, 11, 22)
TRADES = """#支付宝业务明细查询\r
#账号：[20881234567890120156]\r
#起始日期：[2026年11月22日 00:00:00]   终止日期：[2026年11月23日 00:00:00]\r
#-----------------------------------------业务明细列表----------------------------------------\r
支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,订单金额（元）,商家实收（元）,退款批次号/请求号\r
2026112222001\t,order1\t,交易,"苹果,2026-11-22 23:58:00,2026-11-22 23:59:59,19.90,19.90,\t\r
2026112222001\t,order1\t,退款,"苹果,2026-11-22 23:58:00,2026-11-22 23:59:59,-5.00,-5.00,refund1\t\r
#-----------------------------------------业务明细列表结束------------------------------------\r
#交易合计：1笔，商家实收共19.90元，商家优惠共0.00元\r
#退款合计：1笔，商家实收退款共-5.00元，商家优惠退款共0.00元\r
"""


def packed(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("summary.csv", "#支付宝业务明细(汇总)查询\r\n".encode("gbk"))
        archive.writestr("detail.csv", text.encode("gbk"))
    return file.getvalue()


def test_lines_are_told_in_fen_and_utc() -> None:
    payment, refund = read_bill(packed(TRADES), BillKind.TRADE, DAY)

    assert (payment.kind, payment.number, payment.amount_fen) == (
        BillLineKind.PAYMENT,
        "order1",
        1990,
    )
    assert (refund.kind, refund.number, refund.amount_fen) == (BillLineKind.REFUND, "refund1", 500)
    assert payment.gateway_no == "2026112222001"
    assert payment.at == datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("#交易合计：1笔", "#交易合计：2笔"),
        lambda text: text.replace("实收共19.90元", "实收共19.91元"),
        lambda text: text.replace("实收退款共-5.00元", "实收退款共-4.00元"),
        lambda text: text[: text.index("#交易合计")],
        lambda text: text.replace("列表结束", "列表"),
        lambda text: text.replace("19.90,19.90", "19.90,1990"),
        lambda text: text.replace("支付宝交易号", "交易号"),
        lambda text: text.replace("业务明细查询", "账务明细查询"),
    ],
)
def test_bill_that_does_not_add_up_is_broken(spoil: Callable[[str], str]) -> None:
    spoilt = spoil(TRADES)
    assert spoilt != TRADES

    with pytest.raises(BillBroken):
        read_bill(packed(spoilt), BillKind.TRADE, DAY)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("19.90,19.90", "十九,19.90"),
        lambda text: text.replace("2026-11-22 23:59:59,19", "yesterday,19"),
        lambda text: text.replace(",19.90,19.90,", ",19.90,"),
        lambda text: text.replace("order1\t,交易", "order1\t,分账"),
        lambda text: text.replace("19.90,19.90", "19.901,19.90"),
    ],
)
def test_line_that_cannot_be_read_stops_no_other(spoil: Callable[[str], str]) -> None:
    spoilt = spoil(TRADES)
    assert spoilt != TRADES

    refund, odd = read_bill(packed(spoilt), BillKind.TRADE, DAY)

    assert (refund.kind, refund.number, refund.amount_fen) == (BillLineKind.REFUND, "refund1", 500)
    assert odd.kind is BillLineKind.UNREADABLE
    assert "2026112222001" in odd.said
    assert odd.problem


def test_refund_without_a_number_is_named_by_its_trade_and_time() -> None:
    nameless = TRADES.replace("refund1\t", "\t")

    _, refund = read_bill(packed(nameless), BillKind.TRADE, DAY)

    assert (refund.number, refund.trade_no) == ("2026112222001@2026-11-22T23:59:59", "order1")


def test_bitten_zip_is_broken() -> None:
    whole = packed(TRADES)
    at = whole.index("order1".encode("gbk"))

    for bitten in (whole[:-30], b"", b"<html>", whole[:at] + b"ORDER1" + whole[at + 6 :]):
        with pytest.raises(BillBroken):
            read_bill(bitten, BillKind.TRADE, DAY)


def test_day_is_told_once_it_is_over(own_alipay: AlipayShop) -> None:
    on = datetime.now(SHANGHAI).date()
    order = own_alipay.paid()
    refund = own_alipay.refund_of(order, amount_fen=Fen(500))
    own_alipay.provider.refund(refund)
    transfer = own_alipay.transfer()
    told = own_alipay.provider.transfer(transfer)
    with pytest.raises(BillNotReady):
        own_alipay.provider.download_bill(on, BillKind.TRADE)
    own_alipay.server.advance(timedelta(days=1, hours=10).total_seconds())

    trades = list(own_alipay.provider.download_bill(on, BillKind.TRADE))
    transfers = list(own_alipay.provider.download_bill(on, BillKind.TRANSFERS))

    assert [(line.kind, line.number, line.amount_fen) for line in trades] == [
        (BillLineKind.PAYMENT, order.out_trade_no, 1990),
        (BillLineKind.REFUND, refund.out_refund_no, 500),
    ]
    paid = own_alipay.provider.query(order.out_trade_no)
    assert (trades[0].gateway_no, trades[0].at) == (paid.transaction_id, paid.succeeded_at)
    assert [(line.number, line.gateway_no, line.amount_fen) for line in transfers] == [
        (transfer.out_bill_no, told.transfer_no, 188)
    ]


def test_bill_that_never_came_is_a_quiet_day(
    own_alipay: AlipayShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = datetime.now(SHANGHAI).date()
    later = datetime.now(UTC) + timedelta(days=2)
    monkeypatch.setattr(adapter, "real_now", lambda: later)

    assert list(own_alipay.provider.download_bill(on, BillKind.TRADE)) == []


def test_bill_that_cannot_be_read_is_unknown(
    own_alipay: AlipayShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = datetime.now(SHANGHAI).date()
    own_alipay.server.advance(timedelta(days=1, hours=10).total_seconds())
    sdk = own_alipay.provider.sdk  # type: ignore[attr-defined]
    monkeypatch.setattr(sdk, "download", lambda operation, url: b"<html>")

    with pytest.raises(GatewayUnknown):
        own_alipay.provider.download_bill(on, BillKind.TRADE)
