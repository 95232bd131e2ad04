"""Bills of a day, in WeChat Pay's format, written from the book of flows alone.

A header, a row per movement whose cells each begin with a backtick, a header and a row of sums.
Amounts are yuan, times Beijing's. A refund's row is of the day it was asked for, and never changes.
"""

import gzip
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from sqlite3 import Connection, Row
from typing import Any

from sandbox import keys
from sandbox.clock import beijing, start_of
from sandbox.wechat import flows
from sandbox.wechat.errors import ApiError

READY_SECONDS = 10 * 3600
LIFE_SECONDS = 300
MONTHS = 3
_DAY = 86400
_COMMON = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额"
)
_REFUNDED = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态"
_TRADE = {
    "ALL": f"{_COMMON},{_REFUNDED},商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注",
    "SUCCESS": f"{_COMMON},商品名称,商户数据包,手续费,费率,订单金额,费率备注",
    "REFUND": f"{_COMMON},退款申请时间,退款成功时间,{_REFUNDED},商品名称,商户数据包,手续费,费率,"
    "订单金额,申请退款金额,费率备注",
}
BILL_TYPES = tuple(_TRADE)
_TRADE_SUMS = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)
_FLOW = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
_FLOW_SUMS = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
_WORDS = {
    flows.PAYMENT: ("交易", "交易"),
    flows.REFUND: ("退款", "退款"),
    flows.REFUND_RETURNED: ("退款资金退回", "退款"),
    flows.TRANSFER: ("商家转账", "转账"),
    flows.TRANSFER_RETURNED: ("商家转账退回", "转账"),
    flows.TOP_UP: ("充值", "充值"),
}
_TRADED = {
    "ALL": (flows.PAYMENT, flows.REFUND),
    "SUCCESS": (flows.PAYMENT,),
    "REFUND": (flows.REFUND,),
}
_AMOUNTS = ("应结订单金额", "退款金额", "订单金额", "申请退款金额", "收支金额(元)")
_NUMBERS = ("微信订单号", "商户订单号", "微信退款单号", "商户退款单号", "微信支付业务单号")

Cells = dict[str, str]


@dataclass(frozen=True)
class Falsified:
    """What a fault does to a bill."""

    has_row_less: bool = False
    has_row_more: bool = False
    has_other_amount: bool = False
    has_bad_hash: bool = False
    has_other_currency: bool = False
    has_unknown_row: bool = False
    has_broken_row: bool = False


def ready_at(day: date) -> float:
    """Return when a day's bill is ready: ten in the morning of the next day, in Beijing."""
    return start_of(day) + _DAY + READY_SECONDS


def check_day(text: str, now: float) -> date:
    """Read a bill's day. Raises ApiError, STATEMENT_CREATING if it is too early."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise ApiError("PARAM_ERROR", "参数错误：bill_date 格式应为YYYY-MM-DD") from None
    today = beijing(now).date()
    months = (today.year - day.year) * 12 + today.month - day.month
    if day > today or (months, today.day) > (MONTHS, day.day):
        raise ApiError("PARAM_ERROR", "参数错误：bill_date 仅支持三个月内的账单")
    if now < ready_at(day):
        raise ApiError("STATEMENT_CREATING", "账单正在生成，请稍后再试")
    return day


def trade_bill(db: Connection, mchid: str, day: date, bill_type: str, falsified: Falsified) -> str:
    """Write the bill of payments and refunds. Raises ApiError NO_STATEMENT_EXIST."""
    kinds = _TRADED[bill_type]
    rows = [
        _traded(db, flow) for flow in _flows(db, mchid, flows.BASIC, day) if flow["kind"] in kinds
    ]
    return _write(_TRADE[bill_type], rows, _TRADE_SUMS, _trade_sums, falsified)


def fundflow_bill(db: Connection, mchid: str, day: date, account: str, falsified: Falsified) -> str:
    """Write the bill of one account's flows. Raises ApiError NO_STATEMENT_EXIST."""
    rows = [_flowed(flow) for flow in _flows(db, mchid, account, day)]
    return _write(_FLOW, rows, _FLOW_SUMS, _flow_sums, falsified)


def offer(
    db: Connection, mchid: str, text: str, now: float, *, is_gzip: bool, falsified: Falsified
) -> tuple[str, str]:
    """Keep a file for five minutes; returns its token and the SHA1 of what is not compressed."""
    content = text.encode()
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    if falsified.has_bad_hash:
        digest = secrets.token_hex(20)
    token = keys.random_text(64)
    db.execute("DELETE FROM bill_files WHERE expires_at <= ?", (now,))
    db.execute(
        "INSERT INTO bill_files (token, mchid, content, expires_at) VALUES (?, ?, ?, ?)",
        (token, mchid, gzip.compress(content) if is_gzip else content, now + LIFE_SECONDS),
    )
    return token, digest


def fetch(db: Connection, mchid: str, token: str, now: float) -> bytes:
    """Return a file that was offered to this merchant. Raises ApiError."""
    row = db.execute(
        "SELECT content FROM bill_files WHERE token = ? AND mchid = ? AND expires_at > ?",
        (token, mchid, now),
    ).fetchone()
    if row is None:
        raise ApiError("INVALID_REQUEST", "账单下载链接无效或已过期")
    return bytes(row["content"])


def _flows(db: Connection, mchid: str, account: str, day: date) -> list[Row]:
    return db.execute(
        "SELECT * FROM flows WHERE mchid = ? AND account = ? AND at >= ? AND at < ?"
        " ORDER BY at, id",
        (mchid, account, start_of(day), start_of(day) + _DAY),
    ).fetchall()


def _traded(db: Connection, flow: Row) -> Cells:
    is_refund = flow["kind"] == flows.REFUND
    found = (
        "SELECT orders.*, refunds.created_at AS asked_at FROM refunds"
        " JOIN orders ON orders.id = refunds.order_id"
        " WHERE refunds.mchid = ? AND refunds.out_refund_no = ?"
        if is_refund
        else "SELECT * FROM orders WHERE mchid = ? AND out_trade_no = ?"
    )
    order = db.execute(found, (flow["mchid"], flow["number"])).fetchone()
    yuan = _yuan(abs(flow["fen"]))
    paid, refunded = ("0.00", yuan) if is_refund else (yuan, "0.00")
    asked = json.loads(order["request"])
    return {
        "交易时间": _time(flow["at"]),
        "公众账号ID": order["appid"],
        "商户号": order["mchid"],
        "特约商户号": "0",
        "设备号": "",
        "微信订单号": order["transaction_id"],
        "商户订单号": order["out_trade_no"],
        "用户标识": order["payer_openid"],
        "交易类型": "JSAPI",
        "交易状态": "REFUND" if is_refund else "SUCCESS",
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "应结订单金额": paid,
        "代金券金额": "0.00",
        "退款申请时间": _time(flow["at"]),
        "退款成功时间": "",
        "微信退款单号": flow["gateway_no"] if is_refund else "0",
        "商户退款单号": flow["number"] if is_refund else "0",
        "退款金额": refunded,
        "充值券退款金额": "0.00",
        "退款类型": "ORIGINAL" if is_refund else "",
        "退款状态": "PROCESSING" if is_refund else "",
        "商品名称": asked["description"],
        "商户数据包": order["attach"] or "",
        "手续费": "0.00000",
        "费率": "0.00%",
        "订单金额": paid,
        "申请退款金额": refunded,
        "费率备注": "",
    }


def _flowed(flow: Row) -> Cells:
    name, kind = _WORDS[flow["kind"]]
    return {
        "记账时间": _time(flow["at"]),
        "微信支付业务单号": flow["gateway_no"],
        "资金流水单号": f"19{flow['mchid']}{flow['id']:016d}",
        "业务名称": name,
        "业务类型": kind,
        "收支类型": "收入" if flow["fen"] >= 0 else "支出",
        "收支金额(元)": _yuan(abs(flow["fen"])),
        "账户结余(元)": _yuan(flow["balance_fen"]),
        "资金变更提交申请人": "system",
        "备注": flow["memo"],
        "业务凭证号": flow["number"],
    }


def _write(
    header: str,
    rows: list[Cells],
    sums_header: str,
    sums: Callable[[Sequence[Cells]], list[str]],
    falsified: Falsified,
) -> str:
    if not rows:
        raise ApiError("NO_STATEMENT_EXIST", "账单文件不存在")
    rows = _falsify(rows, falsified)
    names = header.split(",")
    lines = [
        header,
        *(_line([row[name] for name in names]) for row in rows),
        sums_header,
        _line(sums(rows)),
    ]
    return "".join(f"{line}\r\n" for line in lines)


def _line(cells: Sequence[str]) -> str:
    return ",".join(f"`{cell}" for cell in cells)


def _falsify(rows: list[Cells], falsified: Falsified) -> list[Cells]:
    """Falsify a bill's rows; each fault another row, where there are enough."""
    changed = [dict(row) for row in rows]
    if falsified.has_row_less:
        changed.remove(secrets.choice(changed))
    if falsified.has_other_amount and changed:
        row = secrets.choice(changed)
        row |= {name: _more(row[name]) for name in _AMOUNTS if row.get(name, "0.00") != "0.00"}
    if falsified.has_row_more:
        row = dict(secrets.choice(rows))
        row |= {name: f"9{row[name][1:-6]}{secrets.randbelow(10**6):06d}" for name in _kept(row)}
        changed.append(row)
    if falsified.has_other_currency and changed:
        secrets.choice(changed)["货币种类"] = "USD"
    for is_struck, changes in (
        (falsified.has_unknown_row, {"交易状态": "FUTURE", "收支类型": "冻结"}),
        (falsified.has_broken_row, {"交易时间": "昨天", "记账时间": "昨天"}),
    ):
        if is_struck:
            changed.append({**secrets.choice(rows), **changes})
    return changed


def _kept(row: Mapping[str, str]) -> list[str]:
    names = [*_NUMBERS, "业务凭证号", "资金流水单号"]
    return [name for name in names if row.get(name, "0") not in {"0", ""}]


def _more(yuan: str) -> str:
    return _yuan(_fen(yuan) + 1)


def _trade_sums(rows: Sequence[Cells]) -> list[str]:
    def total(name: str) -> str:
        return _yuan(sum(_fen(row[name]) for row in rows))

    return [
        str(len(rows)),
        total("应结订单金额"),
        total("退款金额"),
        "0.00",
        "0.00000",
        total("订单金额"),
        total("申请退款金额"),
    ]


def _flow_sums(rows: Sequence[Cells]) -> list[str]:
    def side(direction: str) -> list[str]:
        amounts = [_fen(row["收支金额(元)"]) for row in rows if row["收支类型"] == direction]
        return [str(len(amounts)), _yuan(sum(amounts))]

    return [str(len(rows)), *side("收入"), *side("支出")]


def _time(at: float) -> str:
    return beijing(at).strftime("%Y-%m-%d %H:%M:%S")


def _yuan(fen: int) -> str:
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _fen(yuan: str) -> int:
    return int(yuan.replace(".", ""))


def falsified_by(faults: Mapping[str, Any]) -> Falsified:
    """Say what the faults that struck do to a bill."""
    return Falsified(
        has_row_less="bill_missing_row" in faults,
        has_row_more="bill_extra_row" in faults,
        has_other_amount="bill_changed_amount" in faults,
        has_bad_hash="bill_bad_hash" in faults,
        has_other_currency="bill_other_currency" in faults,
        has_unknown_row="bill_unknown_row" in faults,
        has_broken_row="bill_broken_row" in faults,
    )
