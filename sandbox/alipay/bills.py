"""Alipay's daily bills, written from the record alone: a zip of two GBK files, detail and summary.

The detail's form (both kinds): comment lines that begin with #, a header, one line per movement
with a tab after each number, an end mark, and totals. Amounts are yuan, refunds negative.
"""

import io
import secrets
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from sqlite3 import Connection, Row
from typing import Any

from sandbox.alipay.accounts import AlipayAccount
from sandbox.alipay.errors import ApiError, failed, invalid
from sandbox.alipay.forms import BEIJING, check, write_instant, write_yuan
from sandbox.shapes import choice, shape, text

READY_HOUR = 10
LINK_LIFE_SECONDS = 30
_QUERY = shape(
    {"bill_type": choice("trade", "signcustomer"), "bill_date": text(10, characters=r"0-9\-")}
)
_TRADE_HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,"
    "对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,"
    "商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
    "退款批次号/请求号,服务费（元）,分润（元）,备注"
)
_ACCOUNT_HEADER = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,"
    "账户余额（元）,交易渠道,业务类型,备注"
)
_TITLES = {"trade": "业务明细", "signcustomer": "账务明细"}
_RULE = "-" * 41
_PAYMENTS = (
    "SELECT * FROM alipay_trades WHERE seller_id = ? AND paid_at >= ? AND paid_at < ?"
    " ORDER BY paid_at, id"
)
_REFUNDS = (
    "SELECT r.*, t.trade_no, t.out_trade_no, t.subject, t.created_at, t.payer_open_id"
    " FROM alipay_refunds r JOIN alipay_trades t ON t.id = r.trade_id"
    " WHERE r.seller_id = ? AND r.refunded_at >= ? AND r.refunded_at < ?"
    " ORDER BY r.refunded_at, r.id"
)
_TRANSFERS = (
    "SELECT * FROM alipay_transfers WHERE seller_id = ? AND transferred_at >= ?"
    " AND transferred_at < ? AND status = 'SUCCESS' ORDER BY transferred_at, id"
)


@dataclass(frozen=True)
class _Columns:
    """Where a bill's rows hold numbers, and where amounts."""

    numbers: tuple[int, ...]
    amounts: tuple[int, ...]


FALSIFIED = frozenset(
    {
        "bill_missing_row",
        "bill_extra_row",
        "bill_changed_amount",
        "bill_unknown_row",
        "bill_broken_row",
    }
)
_TRADED = _Columns(numbers=(0, 1, 21), amounts=(11, 12))
_BOOKED = _Columns(numbers=(0, 1, 2), amounts=(6, 7))


@dataclass(frozen=True)
class _Movement:
    """A change of the balance, as the account's bill tells it."""

    at: float
    kind: str
    business_no: str
    merchant_no: str
    title: str
    other: str
    fen: int


class GbkInfo(zipfile.ZipInfo):
    """A member whose name is written in GBK and not marked as UTF-8, as Alipay's are."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's own name
        return self.filename.encode("gbk"), self.flag_bits


def offer(  # noqa: PLR0917 - two clocks
    db: Connection,
    account: AlipayAccount,
    content: Any,
    now: float,
    real_now: float,
    falsified: Sequence[str] = (),
) -> str:
    """Return a token to download a day's bill with, for 30 seconds of real time. Raises ApiError.

    Ready from 10:00 the next day in Beijing, by business time. `falsified` are the faults that
    strike what will be downloaded.
    """
    check(_QUERY, content, _misfit)
    try:
        on = date.fromisoformat(content["bill_date"])
    except ValueError:
        raise _misfit("bill_date") from None
    start = datetime(on.year, on.month, on.day, tzinfo=BEIJING)
    if now < (start + timedelta(days=1, hours=READY_HOUR)).timestamp():
        raise failed("isp.bill_not_exist", "账单不存在")
    token = secrets.token_hex(16)
    db.execute(
        "INSERT INTO alipay_bill_links (token, seller_id, bill_type, bill_date, dies_at, falsified)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            token,
            account.seller_id,
            content["bill_type"],
            on.isoformat(),
            real_now + LINK_LIFE_SECONDS,
            " ".join(falsified),
        ),
    )
    return token


def _misfit(message: str) -> ApiError:
    return invalid("isv.invalid-arguments", message)


def download(db: Connection, token: str, now: float, real_now: float) -> bytes | None:
    """Write the bill a token was given for, or None if the token is unknown or too old."""
    link = db.execute(
        "SELECT * FROM alipay_bill_links WHERE token = ? AND dies_at > ?", (token, real_now)
    ).fetchone()
    if link is None:
        return None
    on = date.fromisoformat(link["bill_date"])
    start = datetime(on.year, on.month, on.day, tzinfo=BEIJING)
    day = (link["seller_id"], start.timestamp(), (start + timedelta(days=1)).timestamp())
    kind = link["bill_type"]
    write = _trade_lines if kind == "trade" else _account_lines
    lines = write(db, day, link["falsified"].split())
    title, stem = _TITLES[kind], f"{link['seller_id']}_{on:%Y%m%d}"
    detail = _frame(title, link["seller_id"], start, lines, now)
    summary = _frame(f"{title}(汇总)", link["seller_id"], start, lines[-2:], now)
    return _zip({f"{stem}_{title}.csv": detail, f"{stem}_{title}(汇总).csv": summary})


def _zip(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = GbkInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content.encode("gbk", errors="replace"))
    return packed.getvalue()


def _frame(title: str, seller_id: str, start: datetime, lines: list[str], now: float) -> str:
    end = start + timedelta(days=1)
    period = f"#起始日期：[{start:%Y年%m月%d日 %H:%M:%S}]   终止日期：[{end:%Y年%m月%d日 %H:%M:%S}]"
    exported = datetime.fromtimestamp(now, BEIJING)
    parts = [
        f"#支付宝{title}查询",
        f"#账号：[{seller_id}0156]",
        period,
        *lines,
        f"#导出时间：[{exported:%Y年%m月%d日 %H:%M:%S}]",
        "",
    ]
    return "\r\n".join(parts)


def _list(title: str, header: str, rows: Iterable[list[str]]) -> list[str]:
    written = [",".join(cell.replace(",", " ") for cell in row) for row in rows]
    return [f"#{_RULE}{title}列表{_RULE}", header, *written, f"#{_RULE}{title}列表结束{_RULE}"]


def _falsify(rows: list[list[str]], falsified: Sequence[str], columns: _Columns) -> list[list[str]]:
    """Change one row, add one of nothing that happened, leave one out, as the faults say."""
    if not rows:
        return rows
    changed = [list(row) for row in rows]
    if "bill_changed_amount" in falsified:
        row = secrets.choice(changed)
        for column in columns.amounts:
            if row[column] not in {"", "0.00"}:
                row[column] = f"{Decimal(row[column]) + Decimal('0.01'):.2f}"
    if "bill_extra_row" in falsified:
        row = list(secrets.choice(changed))
        for column in columns.numbers:
            if row[column].strip():
                row[column] = f"{row[column].strip()[:-6]}{secrets.randbelow(10**6):06d}\t"
        changed.append(row)
    if "bill_missing_row" in falsified:
        changed.remove(secrets.choice(changed[: len(rows)]))
    return changed + _nonsense(rows[0], falsified, columns)


def _nonsense(row: list[str], falsified: Sequence[str], columns: _Columns) -> list[list[str]]:
    """Return the rows that nobody can read, as the faults say."""
    added = []
    if "bill_unknown_row" in falsified and columns is _TRADED:
        added.append([*row[:2], "分账", *row[3:]])
    if "bill_broken_row" in falsified:
        added.append(row[:-1])
    return added


def _trade_lines(db: Connection, day: tuple[Any, ...], falsified: Sequence[str]) -> list[str]:
    payments = db.execute(_PAYMENTS, day).fetchall()
    refunds = db.execute(_REFUNDS, day).fetchall()
    rows = [_trade_row(row, row["paid_at"], "交易", row["paid_fen"], "") for row in payments]
    rows += [
        _trade_row(row, row["refunded_at"], "退款", -row["refund_fen"], row["out_request_no"])
        for row in refunds
    ]
    paid = write_yuan(sum(row["paid_fen"] for row in payments))
    refunded = write_yuan(-sum(row["refund_fen"] for row in refunds))
    return [
        *_list(_TITLES["trade"], _TRADE_HEADER, _falsify(rows, falsified, _TRADED)),
        f"#交易合计：{len(payments)}笔，商家实收共{paid}元，商家优惠共0.00元",
        f"#退款合计：{len(refunds)}笔，商家实收退款共{refunded}元，商家优惠退款共0.00元",
    ]


def _trade_row(row: Row, at: float, kind: str, fen: int, request_no: str) -> list[str]:
    amount = write_yuan(fen)
    return [
        f"{row['trade_no']}\t",
        f"{row['out_trade_no']}\t",
        kind,
        row["subject"],
        write_instant(row["created_at"]),
        write_instant(at),
        *("" for _ in range(4)),
        "138****0000",
        amount,
        amount,
        *("0.00" for _ in range(5)),
        "",
        *("0.00" for _ in range(2)),
        f"{request_no}\t",
        *("0.00" for _ in range(2)),
        "",
    ]


def _account_lines(db: Connection, day: tuple[Any, ...], falsified: Sequence[str]) -> list[str]:
    movements = sorted(_movements(db, day), key=lambda one: one.at)
    outgoing = [one.fen for one in movements if one.fen < 0]
    incoming = [one.fen for one in movements if one.fen >= 0]
    rows = [_account_row(index, one) for index, one in enumerate(movements, 1)]
    return [
        *_list(_TITLES["signcustomer"], _ACCOUNT_HEADER, _falsify(rows, falsified, _BOOKED)),
        f"#支出合计：{len(outgoing)}笔，共{write_yuan(sum(outgoing))}元",
        f"#收入合计：{len(incoming)}笔，共{write_yuan(sum(incoming))}元",
    ]


def _movements(db: Connection, day: tuple[Any, ...]) -> Iterable[_Movement]:
    for row in db.execute(_PAYMENTS, day).fetchall():
        numbers = (row["trade_no"], row["out_trade_no"], row["subject"], row["payer_open_id"])
        yield _Movement(row["paid_at"], "在线支付", *numbers, row["paid_fen"])
    for row in db.execute(_REFUNDS, day).fetchall():
        numbers = (row["trade_no"], row["out_request_no"], row["subject"], row["payer_open_id"])
        yield _Movement(row["refunded_at"], "交易退款", *numbers, -row["refund_fen"])
    for row in db.execute(_TRANSFERS, day).fetchall():
        numbers = (row["fund_order_id"], row["out_biz_no"], row["title"], row["payee_open_id"])
        yield _Movement(row["transferred_at"], "转账", *numbers, -row["amount_fen"])


def _account_row(index: int, one: _Movement) -> list[str]:
    return [
        f"{int(one.at)}{index:08d}\t",
        f"{one.business_no}\t",
        f"{one.merchant_no}\t",
        one.title,
        write_instant(one.at),
        one.other,
        write_yuan(one.fen) if one.fen >= 0 else "0.00",
        write_yuan(one.fen) if one.fen < 0 else "0.00",
        "",
        "支付宝",
        one.kind,
        "",
    ]
