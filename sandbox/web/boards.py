"""The page's lists: where each comes from, what its rows show, and their buttons."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.web.texts import short_instant, yuan
from sandbox.wechat.transfer_steps import FAIL_REASONS, FINAL

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Button:
    """A button of a row: its text, the action, the fields it sends, the reasons to choose from."""

    text: str
    action: str
    fields: dict[str, str]
    tone: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Board:
    """One list of the record: its page, its path in the control API, and its kind in the menu.

    `codes` are the columns of numbers and names; `words` names a state's text where it has another.
    """

    name: str
    kind: str
    path: str
    columns: Mapping[str, Callable[[Item], str]]
    buttons: Callable[[Item], list[Button]] = lambda _item: []
    state: str = ""
    states: tuple[str, ...] = ()
    codes: frozenset[str] = field(default_factory=frozenset)
    words: Mapping[str, str] = field(default_factory=dict)


def _of(name: str) -> Callable[[Item], str]:
    return lambda item: str(item[name] if item[name] is not None else "")


def _money(name: str) -> Callable[[Item], str]:
    return lambda item: yuan(item[name])


def _instant(name: str) -> Callable[[Item], str]:
    return lambda item: short_instant(item[name])


def _order_buttons(order: Item) -> list[Button]:
    fields = {"prepay_id": order["prepay_id"]}
    if order["state"] == "NOTPAY":
        return [Button("pay", "pay", fields, "good"), Button("fail", "fail", fields, "bad")]
    if order["state"] == "CLOSED":
        return [Button("pay_anyway", "pay", fields | {"anyway": "on"}, "bad")]
    return []


def _refund_buttons(refund: Item) -> list[Button]:
    fields = {"mchid": refund["mchid"], "out_refund_no": refund["out_refund_no"]}
    ends = {
        "PROCESSING": ("SUCCESS", "ABNORMAL", "CLOSED"),
        "ABNORMAL": ("SUCCESS", "CLOSED"),
    }
    return [
        Button(
            f"end_{end.lower()}",
            "end-refund",
            fields | {"status": end},
            "good" if end == "SUCCESS" else "bad",
        )
        for end in ends.get(refund["status"], ())
    ]


def _callback_buttons(callback: Item) -> list[Button]:
    names = ("mchid", "out_trade_no", "out_refund_no", "out_bill_no")
    fields = {name: callback[name] for name in names if callback[name]}
    return [Button("resend", "resend", fields)]


def _number(callback: Item) -> str:
    named = ("out_bill_no", "out_refund_no", "out_trade_no")
    return next((callback[name] for name in named if callback[name]), "")


def _transfer_buttons(transfer: Item) -> list[Button]:
    fields = {"mchid": transfer["mchid"], "out_bill_no": transfer["out_bill_no"]}

    def button(action: str, tone: str = "", reasons: tuple[str, ...] = ()) -> Button:
        return Button(
            f"transfer_{action}", "move-transfer", fields | {"action": action}, tone, reasons
        )

    if transfer["state"] in FINAL:
        return []
    ends = [button("fail", "bad", FAIL_REASONS)]
    if transfer["state"] in {"ACCEPTED", "PROCESSING"}:
        return [button("proceed", "good"), *ends]
    if transfer["state"] == "WAIT_USER_CONFIRM":
        return [button("confirm", "good"), button("ignore"), button("expire", "bad"), *ends]
    return ends


def _trade_buttons(trade: Item) -> list[Button]:
    fields = {"seller_id": trade["seller_id"], "out_trade_no": trade["out_trade_no"]}
    if trade["status"] == "WAIT_BUYER_PAY":
        return [
            Button("pay", "pay-trade", fields, "good"),
            Button("fail", "fail-trade", fields, "bad"),
        ]
    if trade["status"] == "TRADE_CLOSED":
        return [Button("pay_anyway", "pay-trade", fields | {"anyway": "on"}, "bad")]
    return []


def _alipay_transfer_buttons(transfer: Item) -> list[Button]:
    """Offer what a transfer may become; what it may not, the control API refuses."""
    fields = {"seller_id": transfer["seller_id"], "out_biz_no": transfer["out_biz_no"]}
    ends = {
        "SUCCESS": (("DEALING", ""), ("REFUND", "bad")),
        "DEALING": (("SUCCESS", "good"), ("FAIL", "bad")),
    }
    return [
        Button(f"alipay_{status.lower()}", "end-alipay-transfer", fields | {"status": status}, tone)
        for status, tone in ends.get(transfer["status"], ())
    ]


def _last(callback: Item) -> str:
    said = (callback["last_status"], callback["last_error"])
    return " ".join(str(part) for part in said if part is not None)[:120]


def _data(message: Item) -> str:
    return " · ".join(message["data"].values())


BOARDS: Mapping[str, Board] = {
    board.name: board
    for board in (
        Board(
            "orders",
            "orders",
            "/orders",
            {
                "out_trade_no": _of("out_trade_no"),
                "state": _of("state"),
                "amount": _money("total_fen"),
                "mchid": _of("mchid"),
                "openid": _of("openid"),
                "created_at": _instant("created_at"),
                "success_at": _instant("success_at"),
            },
            _order_buttons,
            "state",
            ("NOTPAY", "SUCCESS", "REFUND", "CLOSED"),
            frozenset({"out_trade_no", "mchid", "openid"}),
        ),
        Board(
            "refunds",
            "refunds",
            "/refunds",
            {
                "out_refund_no": _of("out_refund_no"),
                "status": _of("status"),
                "amount": _money("refund_fen"),
                "mchid": _of("mchid"),
                "out_trade_no": _of("out_trade_no"),
                "created_at": _instant("created_at"),
                "success_at": _instant("success_at"),
            },
            _refund_buttons,
            "status",
            ("PROCESSING", "SUCCESS", "ABNORMAL", "CLOSED"),
            frozenset({"out_refund_no", "mchid", "out_trade_no"}),
        ),
        Board(
            "transfers",
            "transfers",
            "/transfers",
            {
                "out_bill_no": _of("out_bill_no"),
                "state": _of("state"),
                "amount": _money("transfer_fen"),
                "mchid": _of("mchid"),
                "openid": _of("openid"),
                "fail_reason": _of("fail_reason"),
                "created_at": _instant("created_at"),
                "next_step": _instant("due_at"),
            },
            _transfer_buttons,
            "state",
            (
                "PROCESSING",
                "WAIT_USER_CONFIRM",
                "TRANSFERING",
                "SUCCESS",
                "FAIL",
                "CANCELLED",
            ),
            frozenset({"out_bill_no", "mchid", "openid", "fail_reason"}),
        ),
        Board(
            "alipay-orders",
            "orders",
            "/alipay/orders",
            {
                "out_trade_no": _of("out_trade_no"),
                "status": _of("status"),
                "amount": _money("total_fen"),
                "seller_id": _of("seller_id"),
                "openid": _of("buyer_open_id"),
                "created_at": _instant("created_at"),
                "success_at": _instant("paid_at"),
            },
            _trade_buttons,
            "status",
            ("WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_CLOSED"),
            frozenset({"out_trade_no", "seller_id", "openid"}),
        ),
        Board(
            "alipay-refunds",
            "refunds",
            "/alipay/refunds",
            {
                "out_refund_no": _of("out_request_no"),
                "amount": _money("refund_fen"),
                "seller_id": _of("seller_id"),
                "out_trade_no": _of("out_trade_no"),
                "success_at": _instant("refunded_at"),
            },
            codes=frozenset({"out_refund_no", "seller_id", "out_trade_no"}),
        ),
        Board(
            "alipay-transfers",
            "transfers",
            "/alipay/transfers",
            {
                "out_bill_no": _of("out_biz_no"),
                "status": _of("status"),
                "amount": _money("amount_fen"),
                "seller_id": _of("seller_id"),
                "openid": _of("payee_open_id"),
                "fail_reason": _of("fail_reason"),
                "success_at": _instant("transferred_at"),
            },
            _alipay_transfer_buttons,
            "status",
            ("SUCCESS", "DEALING", "FAIL", "REFUND"),
            frozenset({"out_bill_no", "seller_id", "openid", "fail_reason"}),
            {"REFUND": "returned"},
        ),
        Board(
            "callbacks",
            "callbacks",
            "/callbacks",
            {
                "event_type": _of("event_type"),
                "state": _of("state"),
                "number": _number,
                "mchid": _of("mchid"),
                "attempts": _of("attempts"),
                "last": _last,
                "created_at": _instant("created_at"),
                "due_at": lambda one: (
                    short_instant(one["due_at"]) if one["state"] == "pending" else ""
                ),
            },
            _callback_buttons,
            "state",
            ("pending", "delivered", "exhausted"),
            frozenset({"event_type", "number", "mchid"}),
        ),
        Board(
            "messages",
            "messages",
            "/messages",
            {
                "template_id": _of("template_id"),
                "data": _data,
                "openid": _of("openid"),
                "appid": _of("appid"),
                "created_at": _instant("created_at"),
            },
            codes=frozenset({"template_id", "openid", "appid"}),
        ),
    )
}
