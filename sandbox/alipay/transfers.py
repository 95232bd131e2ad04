"""Transfers from a merchant's Alipay balance to a shopper: done at once, once per number."""

import json
import secrets
from sqlite3 import Connection, Row
from typing import Any

from sandbox.alipay.accounts import AlipayAccount, move_funds, owner_of
from sandbox.alipay.errors import ApiError, failed
from sandbox.alipay.forms import check, read_yuan, write_instant, write_yuan, yuan
from sandbox.shapes import choice, shape, text

LEAST_FEN = 10
_ENDS = {"SUCCESS": {"DEALING", "FAIL", "REFUND"}, "DEALING": {"SUCCESS", "FAIL"}}
_LOST = {"FAIL", "REFUND"}
_PRODUCT = {
    "product_code": choice("TRANS_ACCOUNT_NO_PWD"),
    "biz_scene": choice("DIRECT_TRANSFER"),
}
_NUMBER = text(64, characters="0-9A-Za-z_")
_TRANSFER = shape(
    {
        "out_biz_no": _NUMBER,
        "trans_amount": yuan(1),
        "order_title": text(128),
        "payee_info": shape(
            {"identity": text(128), "identity_type": choice("ALIPAY_OPEN_ID")},
            {"name": text(128)},
        ),
        **_PRODUCT,
    },
    {"remark": text(200), "business_params": text(2048)},
)
_QUERY = shape({"out_biz_no": _NUMBER, **_PRODUCT})


class Unfinishable(Exception):
    """A transfer cannot become what was asked for."""


def _misfit(message: str) -> ApiError:
    return failed("INVALID_PARAMETER", message)


def transfer(db: Connection, account: AlipayAccount, content: Any, now: float) -> dict[str, Any]:
    """Pay a shopper; the same request again pays nothing more. Raises ApiError."""
    check(_TRANSFER, content, _misfit)
    request = json.dumps(content, ensure_ascii=False, sort_keys=True)
    row = _find(db, account.seller_id, content["out_biz_no"])
    if row is None:
        row = _insert(db, account, content, request, now)
    elif row["request"] != request:
        raise failed("PAYMENT_INFO_INCONSISTENCY", "两次请求商户单号一样，但是参数不一致")
    return {
        "out_biz_no": row["out_biz_no"],
        "order_id": row["order_id"],
        "pay_fund_order_id": row["fund_order_id"],
        "status": row["status"],
        "trans_date": write_instant(row["transferred_at"]),
    }


def _insert(
    db: Connection, account: AlipayAccount, content: dict[str, Any], request: str, now: float
) -> Row:
    fen = read_yuan(content["trans_amount"])
    payee = content["payee_info"]["identity"]
    if fen < LEAST_FEN:
        raise failed("EXCEED_LIMIT_SM_MIN_AMOUNT", "请求金额不能低于0.10元")
    if owner_of(db, payee) not in {None, account.app_id}:
        raise failed("PAYEE_NOT_EXIST", "收款用户不存在或姓名有误")
    if not move_funds(db, account.seller_id, -fen):
        raise failed("PAYER_BALANCE_NOT_ENOUGH", "付款方余额不足")
    day = write_instant(now)[:10].replace("-", "")
    db.execute(
        "INSERT INTO alipay_transfers (seller_id, out_biz_no, order_id, fund_order_id, request,"
        " title, amount_fen, payee_open_id, status, transferred_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'SUCCESS', ?)",
        (
            account.seller_id,
            content["out_biz_no"],
            f"{day}110070000006{secrets.randbelow(10**12):012d}",
            f"{day}110070001506{secrets.randbelow(10**12):012d}",
            request,
            content["order_title"],
            fen,
            payee,
            now,
        ),
    )
    return find(db, account.seller_id, content["out_biz_no"])


def find(db: Connection, seller_id: str, out_biz_no: str) -> Row:
    """Return a transfer. Raises LookupError."""
    row = _find(db, seller_id, out_biz_no)
    if row is None:
        raise LookupError(out_biz_no)
    return row


def _find(db: Connection, seller_id: str, out_biz_no: str) -> Row | None:
    row = db.execute(
        "SELECT * FROM alipay_transfers WHERE seller_id = ? AND out_biz_no = ?",
        (seller_id, out_biz_no),
    ).fetchone()
    return row if isinstance(row, Row) else None


def query(db: Connection, account: AlipayAccount, content: Any) -> dict[str, Any]:
    """Describe a transfer. Raises ApiError ORDER_NOT_EXIST."""
    check(_QUERY, content, _misfit)
    row = _find(db, account.seller_id, content["out_biz_no"])
    if row is None:
        raise failed("ORDER_NOT_EXIST", "转账订单不存在")
    answer = {
        "out_biz_no": row["out_biz_no"],
        "order_id": row["order_id"],
        "pay_fund_order_id": row["fund_order_id"],
        "status": row["status"],
        "trans_amount": write_yuan(row["amount_fen"]),
    }
    if row["status"] == "SUCCESS":
        answer["pay_date"] = write_instant(row["transferred_at"])
    if row["fail_reason"] is not None:
        answer |= {"error_code": row["fail_reason"], "fail_reason": row["fail_reason"]}
    return answer


def end(db: Connection, row: Row, status: str, fail_reason: str | None) -> Row:
    """Change what became of a transfer; lost money returns to the balance. Raises Unfinishable."""
    if status not in _ENDS.get(row["status"], set()):
        raise Unfinishable(f"a {row['status']} transfer cannot become {status}")
    db.execute(
        "UPDATE alipay_transfers SET status = ?, fail_reason = ? WHERE id = ?",
        (status, fail_reason if status in _LOST else None, row["id"]),
    )
    if status in _LOST:
        move_funds(db, row["seller_id"], row["amount_fen"])
    return find(db, row["seller_id"], row["out_biz_no"])
