"""Weighing a seed's money: each thing that can be wrong is seen, with its number."""

from typing import Any

import pytest

from bench.soak.weighing import (
    kept_fen,
    weigh_balance,
    weigh_orders,
    weigh_payments,
    weigh_subsidies,
    weigh_withdrawals,
)

PAID = {"out_trade_no": "P1", "paid_fen": 1500}
UNPAID = {"out_trade_no": "P2", "paid_fen": None}
BACK = {"out_trade_no": "P1", "refund_fen": 1500, "status": "SUCCESS"}
BOUGHT = {"id": "O1", "state": "fulfilling", "payable_fen": 1500, "wallet_fen": 490}
REFUNDED = {**BOUGHT, "state": "refunded"}
SUBSIDY = {"id": "G1", "order_id": "O1", "state": "issued", "amount_fen": 500}
WITHDRAWN = {"id": "W1", "state": "succeeded", "gross_fen": 300, "net_fen": 290}
ARRIVED = {"out_bill_no": "W1", "transfer_fen": 290, "state": "SUCCESS"}


def entry(kind: str, amount_fen: int, **about: str) -> dict[str, Any]:
    nothing = {"order_id": None, "grant_id": None, "withdrawal_id": None}
    return {**nothing, "kind": kind, "amount_fen": amount_fen, **about}


SPENT = entry("wallet.spent", -490, order_id="O1")
RETURNED = entry("wallet.returned", 490, order_id="O1")
ISSUED = entry("grant.issued", 500, grant_id="G1", order_id="O1")
ASKED = entry("withdrawal.requested", -300, withdrawal_id="W1")
GIVEN_BACK = entry("withdrawal.returned", 300, withdrawal_id="W1")


@pytest.mark.parametrize("refunds", [[], [BACK], [{**BACK, "status": "CLOSED"}, BACK]])
def test_payment_is_kept_or_comes_back_whole(refunds: list[dict[str, Any]]) -> None:
    assert weigh_payments([PAID, UNPAID], refunds) == []


@pytest.mark.parametrize(
    "refunds", [[BACK, BACK], [{**BACK, "refund_fen": 1499}], [{**BACK, "out_trade_no": "P2"}]]
)
def test_payment_that_comes_back_twice_in_part_or_unpaid_is_told(
    refunds: list[dict[str, Any]],
) -> None:
    assert len(weigh_payments([PAID, UNPAID], refunds)) == 1


def test_refund_of_no_payment_is_told() -> None:
    [told] = weigh_payments([], [BACK])

    assert "P1" in told


def test_what_is_kept_is_what_was_paid_less_what_arrived_back() -> None:
    assert kept_fen([PAID, UNPAID], []) == {"P1": 1500, "P2": 0}
    assert kept_fen([PAID], [BACK, {**BACK, "status": "ABNORMAL"}]) == {"P1": 0}


@pytest.mark.parametrize(
    ("order", "kept", "entries"),
    [
        (BOUGHT, {"P1": 1500}, [SPENT]),
        (REFUNDED, {"P1": 0}, [SPENT, RETURNED, ISSUED]),
        ({**REFUNDED, "state": "expired"}, {}, []),
    ],
)
def test_order_is_paid_for_exactly_or_not_at_all(
    order: dict[str, Any], kept: dict[str, int], entries: list[dict[str, Any]]
) -> None:
    assert weigh_orders([order], kept, {"P1": "O1"}, entries) == []


@pytest.mark.parametrize(
    ("order", "kept", "entries"),
    [
        (BOUGHT, {}, [SPENT]),
        (BOUGHT, {"P1": 1500}, []),
        (BOUGHT, {"P1": 1500, "P2": 1500}, [SPENT]),
        (BOUGHT, {"P1": 1500}, [SPENT, RETURNED]),
        (REFUNDED, {"P1": 1500}, [SPENT, RETURNED]),
        (REFUNDED, {"P1": 0}, [SPENT]),
        (REFUNDED, {"P1": 0}, [SPENT, RETURNED, RETURNED]),
        ({**BOUGHT, "state": "refunding"}, {"P1": 0}, []),
    ],
)
def test_order_that_is_not_paid_for_or_kept_money_of_is_told(
    order: dict[str, Any], kept: dict[str, int], entries: list[dict[str, Any]]
) -> None:
    [told] = weigh_orders([order], kept, {"P1": "O1", "P2": "O1"}, entries)

    assert "O1" in told


def test_money_kept_for_no_order_is_told() -> None:
    [told] = weigh_orders([], {"P9": 1}, {}, [])

    assert "P9" in told


def test_issued_subsidy_comes_once() -> None:
    assert weigh_subsidies([SUBSIDY], [REFUNDED], [ISSUED, SPENT]) == []
    assert weigh_subsidies([{**SUBSIDY, "state": "held"}], [REFUNDED], []) == []


@pytest.mark.parametrize(
    ("subsidies", "order", "entries"),
    [
        ([SUBSIDY], REFUNDED, []),
        ([SUBSIDY], REFUNDED, [ISSUED, ISSUED]),
        ([SUBSIDY], REFUNDED, [{**ISSUED, "amount_fen": 501}]),
        ([{**SUBSIDY, "state": "held"}], REFUNDED, [ISSUED]),
        ([], REFUNDED, [ISSUED]),
        ([SUBSIDY], BOUGHT, [ISSUED]),
        ([SUBSIDY, {**SUBSIDY, "id": "G2", "state": "zero"}], REFUNDED, [ISSUED]),
    ],
)
def test_subsidy_that_is_missing_doubled_or_undeserved_is_told(
    subsidies: list[dict[str, Any]], order: dict[str, Any], entries: list[dict[str, Any]]
) -> None:
    assert len(weigh_subsidies(subsidies, [order], entries)) == 1


def test_withdrawal_is_with_its_shopper_or_back() -> None:
    expired = {**WITHDRAWN, "state": "expired"}

    assert weigh_withdrawals([WITHDRAWN], [ARRIVED], [ASKED]) == []
    assert weigh_withdrawals([expired], [{**ARRIVED, "state": "FAIL"}], [ASKED, GIVEN_BACK]) == []


@pytest.mark.parametrize(
    ("state", "transfers", "entries"),
    [
        ("succeeded", [], [ASKED]),
        ("succeeded", [ARRIVED], [ASKED, GIVEN_BACK]),
        ("succeeded", [ARRIVED], []),
        ("succeeded", [{**ARRIVED, "transfer_fen": 300}], [ASKED]),
        ("expired", [ARRIVED], [ASKED, GIVEN_BACK]),
        ("expired", [], [ASKED]),
        ("expired", [], [ASKED, GIVEN_BACK, GIVEN_BACK]),
        ("succeeded", [ARRIVED, {**ARRIVED, "out_bill_no": "W9"}], [ASKED]),
    ],
)
def test_withdrawal_that_is_lost_or_doubled_is_told(
    state: str, transfers: list[dict[str, Any]], entries: list[dict[str, Any]]
) -> None:
    assert len(weigh_withdrawals([{**WITHDRAWN, "state": state}], transfers, entries)) == 1


def test_withdrawal_without_an_end_is_told() -> None:
    unknown = {**WITHDRAWN, "state": "unknown"}

    assert any("at the end" in told for told in weigh_withdrawals([unknown], [], [ASKED]))


@pytest.mark.parametrize(("balance_fen", "is_right"), [(10, True), (11, False)])
def test_wallet_holds_what_moved(balance_fen: int, is_right: bool) -> None:
    assert (weigh_balance(balance_fen, [ISSUED, SPENT]) == []) is is_right


def test_wallet_below_nothing_is_told() -> None:
    assert weigh_balance(-490, [SPENT]) != []
