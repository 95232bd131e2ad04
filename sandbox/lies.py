"""Lies: what is told of something that happened otherwise; well signed, so that it is believed.

Each is a fault of queries and callbacks. A lie changes what is said, never what is.
"""

import copy
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.fault_kinds import CALLBACK_OPERATIONS

_DAYS = 1.0
_OTHER = "1900000001"
_NUMBERS = ("out_trade_no", "out_refund_no", "out_bill_no", "out_biz_no", "out_request_no")
_ACCOUNTS = ("mchid", "mch_id", "seller_id")
_TRANSACTIONS = ("transaction_id", "trade_no")
_FEN = ("total", "payer_total", "refund", "payer_refund", "transfer_amount")
_YUAN = (
    "total_amount",
    "receipt_amount",
    "buyer_pay_amount",
    "refund_amount",
    "refund_fee",
    "send_back_fee",
    "trans_amount",
)
_TIMES = ("success_time", "update_time", "send_pay_date", "gmt_payment", "gmt_refund_pay")
_STATES = ("trade_state", "status", "refund_status", "trade_status", "state")
_SCALARS = ("total", "payer_total", "refund", "payer_refund", "transfer_amount", "trade_state_desc")

Said = dict[str, Any]


def _half(said: Said) -> None:
    amount = said.get("amount")
    for where in (said, amount if isinstance(amount, dict) else {}):
        for name in _FEN:
            if isinstance(where.get(name), int):
                where[name] = where[name] // 2
    for name in _YUAN:
        if name in said:
            said[name] = f"{Decimal(str(said[name])) / 2:.2f}"


def _in_dollars(said: Said) -> None:
    if isinstance(said.get("amount"), dict):
        said["amount"]["currency"] = "USD"
    else:
        said["trans_currency"] = "USD"


def _replacing(names: tuple[str, ...], value: object) -> Callable[[Said], None]:
    def change(said: Said) -> None:
        for name in names:
            if name in said:
                said[name] = copy.deepcopy(value)

    return change


def _about_another(said: Said) -> None:
    name = next((name for name in _NUMBERS if name in said), None)
    if name is not None:
        said[name] = f"{said[name][:-6]}000000"


def _half_an_emoji(said: Said) -> None:
    # Alipay's callbacks are forms in UTF-8, which cannot hold it.
    if "mchid" in said:
        said["out_trade_no"] = "\ud83d"


def _without_payer(said: Said) -> None:
    for name in ("payer", "buyer_open_id", "buyer_user_id", "buyer_logon_id"):
        said.pop(name, None)


def _other_scalars(said: Said) -> None:
    """Write amounts as texts, and what is a text of digits as a number."""
    amount = said.get("amount")
    for where in (said, amount if isinstance(amount, dict) else {}):
        for name, value in list(where.items()):
            if name in _SCALARS and isinstance(value, int):
                where[name] = str(value)
    for name in ("refund_id", *_TRANSACTIONS):
        value = said.get(name)
        if isinstance(value, str) and value.isdigit() and not value.startswith("0"):
            said[name] = int(value)


def _shifted(sign: int) -> Callable[[Said, float], None]:
    def change(said: Said, days: float) -> None:
        for name in _TIMES:
            if name in said:
                said[name] = _shift(said[name], timedelta(days=sign * days))

    return change


def _shift(told: str, by: timedelta) -> str:
    at = datetime.fromisoformat(told)
    if at.tzinfo is not None:
        return (at + by).isoformat(timespec="seconds")
    return f"{at + by:%Y-%m-%d %H:%M:%S}"


_LIES: Mapping[str, tuple[str, Callable[[Said], None]]] = {
    "lie_amount": ("half of the amount is told", _half),
    "lie_currency": ("the amount is told in USD", _in_dollars),
    "lie_number": ("another number of the merchant is told", _about_another),
    "lie_account": ("another merchant number is told", _replacing(_ACCOUNTS, _OTHER)),
    "lie_transaction": (
        "another transaction of the gateway is told",
        _replacing(_TRANSACTIONS, "4200009999999999999999999999"),
    ),
    "lie_no_payer": ("the payer is not told", _without_payer),
    "lie_scalars": ("numbers are told as texts, and digits as numbers", _other_scalars),
    "lie_first_year": (
        "times are told of the year 1",
        _replacing(_TIMES, "0001-01-01T00:00:00+14:00"),
    ),
    "lie_last_year": (
        "times are told of the year 9999",
        _replacing(_TIMES, "9999-12-31T23:59:59-14:00"),
    ),
    "lie_half_emoji": ("the order number is half an emoji (WeChat Pay only)", _half_an_emoji),
    "lie_list_state": ("the state is told as a list", _replacing(_STATES, ["SUCCESS"])),
    "lie_new_state": ("a state is told that nobody knows", _replacing(_STATES, "FUTURE")),
}
_TIMELY: Mapping[str, tuple[str, Callable[[Said, float], None]]] = {
    "lie_early": ("success is told `days` (1 unless told) before it was", _shifted(-1)),
    "lie_late": ("success is told `days` (1 unless told) after it was", _shifted(1)),
}
OPERATIONS = (
    "query",
    "refund",
    "query_refund",
    "transfer",
    "query_transfer",
    *CALLBACK_OPERATIONS,
)
KINDS = {
    name: (OPERATIONS, f"query, refund, transfer, callbacks: {meaning}")
    for name, (meaning, _) in {**_LIES, **_TIMELY}.items()
}


def tell(faults: Mapping[str, Any], said: Mapping[str, Any]) -> Said:
    """Return what is said once the lies that struck have changed it."""
    told = copy.deepcopy(dict(said))
    for name, (_, change) in _LIES.items():
        if name in faults:
            change(told)
    for name, (_, shift) in _TIMELY.items():
        if name in faults:
            shift(told, faults[name].days or _DAYS)
    return told


def is_lying(faults: Mapping[str, Any]) -> bool:
    """Say whether one of the faults that struck is a lie."""
    return any(name in KINDS for name in faults)
