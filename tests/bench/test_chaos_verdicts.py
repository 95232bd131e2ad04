from typing import Any

from bench.chaos.load import Heard, Paying, Placing
from bench.chaos.verdicts import resolve_payings, resolve_placings

Row = dict[str, Any]


def order(order_id: str, group_id: str = "g1") -> Row:
    return {"id": order_id, "group_id": group_id}


def test_ok_operation_has_its_order() -> None:
    placings = [Placing("a", None, Heard.OK, "o1"), Placing("a", "g2", Heard.FAIL, code="full")]

    resolved, wrong = resolve_placings(placings, {"a": [order("o1")]})

    assert wrong == []
    assert +resolved == {}


def test_ok_operation_without_its_order_is_wrong() -> None:
    _, wrong = resolve_placings([Placing("a", None, Heard.OK, "o1")], {"a": []})

    assert wrong == ["a was told of order o1 1 times, and has it 0 times"]


def test_two_operations_told_of_one_order_are_wrong() -> None:
    placings = [Placing("a", "g1", Heard.OK, "o1"), Placing("a", "g1", Heard.OK, "o1")]

    _, wrong = resolve_placings(placings, {"a": [order("o1")]})

    assert wrong == ["a was told of order o1 2 times, and has it 1 times"]


def test_unknown_operations_resolve_to_none_or_one() -> None:
    placings = [
        Placing("a", "g1", Heard.UNKNOWN),
        Placing("a", "g2", Heard.UNKNOWN),
        Placing("b", None, Heard.UNKNOWN),
    ]

    resolved, wrong = resolve_placings(placings, {"a": [order("o1", "g1")], "b": [order("o2")]})

    assert wrong == []
    assert resolved == {"done": 2, "not done": 1}


def test_unknown_operation_with_two_effects_is_wrong() -> None:
    placings = [Placing("a", "g1", Heard.UNKNOWN)]

    _, wrong = resolve_placings(placings, {"a": [order("o1"), order("o2")]})

    assert wrong == ["a has order o2, and no operation asked for it"]


def test_refused_operation_with_an_effect_is_wrong() -> None:
    placings = [Placing("a", "g1", Heard.FAIL, code="group_full")]

    _, wrong = resolve_placings(placings, {"a": [order("o1")]})

    assert wrong == ["a has order o1, and no operation asked for it"]


def test_order_of_somebody_who_asked_for_nothing_is_wrong() -> None:
    _, wrong = resolve_placings([], {"a": [order("o1")]})

    assert wrong == ["a has order o1, and no operation asked for it"]


def paid(number: str, state: str = "SUCCESS") -> Row:
    return {"out_trade_no": number, "state": state}


def test_payments_resolve_by_the_record() -> None:
    payings = [
        Paying("o1", Heard.OK, "p1", Heard.OK),
        Paying("o2", Heard.OK, "p2", Heard.UNKNOWN),
        Paying("o3", Heard.OK, "p3", Heard.UNKNOWN),
        Paying("o4", Heard.UNKNOWN),
    ]
    record = [paid("p1", "REFUND"), paid("p2"), paid("p3", "NOTPAY")]

    resolved, wrong = resolve_payings(payings, record, {"p1": "o1", "p2": "o2", "p3": "o3"})

    assert wrong == []
    assert resolved == {"paid": 1, "not paid": 1, "not prepared": 1}


def test_payment_told_to_be_paid_and_not_in_the_record_is_wrong() -> None:
    _, wrong = resolve_payings([Paying("o1", Heard.OK, "p1", Heard.OK)], [], {"p1": "o1"})

    assert wrong == ["payment p1 was told to be paid, and is not"]


def test_order_paid_twice_is_wrong() -> None:
    payings = [Paying("o1", Heard.OK, "p1", Heard.OK)]

    _, wrong = resolve_payings(payings, [paid("p1"), paid("p2")], {"p1": "o1", "p2": "o1"})

    assert wrong == ["order o1 was paid 2 times"]


def test_payment_that_we_do_not_know_is_wrong() -> None:
    _, wrong = resolve_payings([], [paid("p9")], {})

    assert wrong == ["the record's payment p9 is not ours"]
