"""Daily bills of the sandbox's Alipay: from its own record, from 10:00 the next day."""

import io
import zipfile
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.alipay import BEIJING, AlipayMerchant, today

METHOD = "alipay.data.dataservice.bill.downloadurl.query"


def ask(alipay: AlipayMerchant, kind: str, on: str) -> dict[str, Any]:
    return alipay.ask(METHOD, {"bill_type": kind, "bill_date": on})


def next_morning(alipay: AlipayMerchant, *, hour: int) -> None:
    now = datetime.now(BEIJING)
    then = (now + timedelta(days=1)).replace(hour=hour, minute=0, second=0, microsecond=0)
    alipay.server.post("/clock", offset_seconds=(then - now).total_seconds() + 1)


def files(alipay: AlipayMerchant, kind: str, on: str) -> dict[str, str]:
    url = ask(alipay, kind, on)["bill_download_url"]
    packed = alipay.server.http.get(url).content
    with zipfile.ZipFile(io.BytesIO(packed), metadata_encoding="gbk") as archive:
        return {name: archive.read(name).decode("gbk") for name in archive.namelist()}


def test_bill_is_ready_at_ten_the_next_day(own_alipay: AlipayMerchant) -> None:
    on = today()

    at_once = ask(own_alipay, "trade", on)
    next_morning(own_alipay, hour=9)
    at_nine = ask(own_alipay, "trade", on)
    next_morning(own_alipay, hour=10)
    at_ten = ask(own_alipay, "trade", on)

    assert [one.get("sub_code") for one in (at_once, at_nine, at_ten)] == [
        "isp.bill_not_exist",
        "isp.bill_not_exist",
        None,
    ]


def test_trade_bill_lists_payments_and_refunds(own_alipay: AlipayMerchant) -> None:
    on, order = today(), own_alipay.paid()
    own_alipay.refund(order, "5.00", "r1")
    next_morning(own_alipay, hour=10)

    written = files(own_alipay, "trade", on)

    day = on.replace("-", "")
    stem = f"{own_alipay.seller_id}_{day}_业务明细"
    assert set(written) == {f"{stem}.csv", f"{stem}(汇总).csv"}
    lines = written[f"{stem}.csv"].splitlines()
    rows = [line.split(",") for line in lines if not line.startswith("#")][1:]
    assert [(row[1].strip(), row[2], row[11], row[21].strip()) for row in rows] == [
        (order["out_trade_no"], "交易", "19.90", ""),
        (order["out_trade_no"], "退款", "-5.00", "r1"),
    ]
    assert "#交易合计：1笔，商家实收共19.90元，商家优惠共0.00元" in lines
    assert "#退款合计：1笔，商家实收退款共-5.00元，商家优惠退款共0.00元" in lines


def test_account_bill_lists_every_movement(own_alipay: AlipayMerchant) -> None:
    on, order = today(), own_alipay.paid()
    own_alipay.refund(order, "5.00", "r1")
    own_alipay.transfer(out_biz_no="b1")
    next_morning(own_alipay, hour=10)

    written = files(own_alipay, "signcustomer", on)

    detail = next(text for name, text in written.items() if "汇总" not in name)
    rows = [line.split(",") for line in detail.splitlines() if not line.startswith("#")][1:]
    assert [(row[2].strip(), row[6], row[7], row[10]) for row in rows] == [
        (order["out_trade_no"], "19.90", "0.00", "在线支付"),
        ("r1", "0.00", "-5.00", "交易退款"),
        ("b1", "0.00", "-1.88", "转账"),
    ]


def test_day_without_trades_has_an_empty_bill(own_alipay: AlipayMerchant) -> None:
    on = today()
    next_morning(own_alipay, hour=10)

    detail = next(iter(files(own_alipay, "trade", on).values()))

    assert "#交易合计：0笔，商家实收共0.00元，商家优惠共0.00元" in detail


@pytest.mark.parametrize(
    ("kind", "on"), [("trade", "2026-13-01"), ("trade", "2026"), ("everything", "2026-11-01")]
)
def test_odd_bill_is_refused(alipay: AlipayMerchant, kind: str, on: str) -> None:
    assert ask(alipay, kind, on)["sub_code"] == "isv.invalid-arguments"


def test_unknown_link_gives_no_file(alipay: AlipayMerchant) -> None:
    response = alipay.server.http.get("/downloadBillFile.resource", params={"fileId": "guess"})

    assert response.status_code == 403
