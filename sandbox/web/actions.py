"""What the page's buttons do: a form's fields as one call of the control API."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sandbox.web.asking import Call, Refusal, look
from sandbox.web.texts import read_yuan

Form = Mapping[str, str]
Action = Callable[[Form], Call]


class Unreadable(Exception):
    """A field cannot be read; `key` names the text that says so."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


def _fen(form: Form) -> int:
    try:
        return read_yuan(form["amount"])
    except (KeyError, ValueError):
        raise Unreadable("not_money") from None


def _number(form: Form, name: str, kind: type[int] | type[float]) -> Any:
    try:
        return kind(form[name])
    except (KeyError, ValueError):
        raise Unreadable("not_a_number") from None


def _some(form: Form, *names: str) -> dict[str, Any]:
    return {name: form[name] for name in names if form.get(name)}


def _pay(form: Form) -> Call:
    body: dict[str, Any] = _some(form, "prepay_id")
    return Call("POST", "/pay", body | ({"even_if_closed": True} if form.get("anyway") else {}))


def _fail(form: Form) -> Call:
    return Call("POST", "/fail", _some(form, "prepay_id"))


def _end_refund(form: Form) -> Call:
    return Call("POST", "/refunds/end", _some(form, "mchid", "out_refund_no", "status"))


def _move_transfer(form: Form) -> Call:
    names = ("mchid", "out_bill_no", "action", "reason")
    return Call("POST", "/transfers/act", _some(form, *names))


def _resend(form: Form) -> Call:
    """Send the latest callback of a number again; a refund's also names its order."""
    is_alipay = _is_seller(form["mchid"])
    number = next(
        name for name in ("out_bill_no", "out_refund_no", "out_trade_no") if form.get(name)
    )
    if not is_alipay:
        return Call("POST", "/callbacks/send", _some(form, "mchid", number))
    named = "out_request_no" if number == "out_refund_no" else number
    body = {"seller_id": form["mchid"], named: form[number]}
    return Call("POST", "/alipay/callbacks/send", body)


def _is_seller(number: str) -> bool:
    try:
        look(f"/alipay/accounts/{number}")
    except Refusal:
        return False
    return True


def _account(form: Form) -> str:
    """Return the path of the account a form is about."""
    if form.get("seller_id"):
        return f"/alipay/accounts/{form['seller_id']}"
    return f"/accounts/{form['mchid']}"


def _held(form: Form) -> str:
    return "operation_fen" if form.get("held") == "operation_fen" else "balance_fen"


def _set_balance(form: Form) -> Call:
    return Call("POST", _account(form), {_held(form): _fen(form)})


def _top_up(form: Form) -> Call:
    before = look(_account(form))[_held(form)]
    return Call("POST", _account(form), {_held(form): before + _fen(form)})


def _set_rules(form: Form) -> Call:
    body: dict[str, Any] = {"is_unlimited": form.get("is_unlimited") == "on"}
    if "refund_delay_seconds" in form:
        body["refund_delay_seconds"] = _number(form, "refund_delay_seconds", float)
    return Call("POST", _account(form), body)


def _pay_trade(form: Form) -> Call:
    body: dict[str, Any] = _some(form, "seller_id", "out_trade_no")
    anyway = {"even_if_closed": True} if form.get("anyway") else {}
    return Call("POST", "/alipay/pay", body | anyway)


def _fail_trade(form: Form) -> Call:
    return Call("POST", "/alipay/fail", _some(form, "seller_id", "out_trade_no"))


def _end_alipay_transfer(form: Form) -> Call:
    names = ("seller_id", "out_biz_no", "status", "fail_reason")
    return Call("POST", "/alipay/transfers/end", _some(form, *names))


def _advance(form: Form) -> Call:
    offset = look("/clock")["offset_seconds"] + _number(form, "seconds", float)
    return Call("POST", "/clock", {"offset_seconds": offset})


def _to_next(_form: Form) -> Call:
    """Advance to the next thing due, and a second: instants are told in whole ones."""
    clock, due = look("/clock"), look("/drained")["next_due_at"]
    if due is None:
        return Call("GET", "/clock")
    ahead = datetime.fromisoformat(due) - datetime.fromisoformat(clock["now"])
    seconds = max(0.0, ahead.total_seconds()) + 1
    return Call("POST", "/clock", {"offset_seconds": clock["offset_seconds"] + seconds})


def _add_fault(form: Form) -> Call:
    body: dict[str, Any] = _some(form, "name", "operation", "mchid")
    if form.get("probability"):
        body["probability"] = _number(form, "probability", float)
    body |= _some(form, "reason")
    if form.get("days"):
        body["days"] = _number(form, "days", float)
    for name in ("count", "latency_ms"):
        if form.get(name):
            body[name] = _number(form, name, int)
    return Call("POST", "/faults", body)


def _remove_fault(form: Form) -> Call:
    return Call("DELETE", f"/faults/{_number(form, 'id', int)}")


ACTIONS: Mapping[str, Action] = {
    "pay": _pay,
    "fail": _fail,
    "end-refund": _end_refund,
    "move-transfer": _move_transfer,
    "pay-trade": _pay_trade,
    "fail-trade": _fail_trade,
    "end-alipay-transfer": _end_alipay_transfer,
    "resend": _resend,
    "set-balance": _set_balance,
    "top-up": _top_up,
    "set-rules": _set_rules,
    "advance": _advance,
    "to-next": _to_next,
    "add-fault": _add_fault,
    "remove-fault": _remove_fault,
    "remove-faults": lambda _form: Call("DELETE", "/faults"),
}
