from typing import Any

from bench.playing.statements import Statement, find_faults


def order(state: str, *, kind: str = "group", payable: int = 1990, wallet: int = 0) -> Any:
    return {
        "id": "order",
        "kind": kind,
        "state": state,
        "payable_fen": payable,
        "wallet_fen": wallet,
    }


def subsidy(*, state: str = "issued", issued_at: str = "2026-11-23T16:00:04Z") -> Any:
    return {
        "id": "subsidy",
        "state": state,
        "amount_fen": 1000,
        "deadline_at": "2026-11-23T16:00:00Z",
        "issued_at": issued_at,
    }


def faults_of(statement: Statement, *, received: int, refunded: int = 0) -> list[str]:
    return find_faults([statement], {"o": received}, {"o": refunded}, subsidy_fen=1000)


def test_money_that_agrees_has_no_fault() -> None:
    winner = Statement("o", [order("fulfilling")], [], 0)
    loser = Statement("o", [order("refunded")], [subsidy()], 1000)
    spender = Statement(
        "o",
        [order("refunded"), order("fulfilling", kind="alone", payable=1500, wallet=1000)],
        [subsidy()],
        0,
    )

    assert faults_of(winner, received=1990) == []
    assert faults_of(loser, received=1990, refunded=1990) == []
    assert faults_of(spender, received=3490, refunded=1990) == []


def test_money_that_the_gateway_keeps_without_an_order_is_missing() -> None:
    expired = Statement("o", [order("expired")], [], 0)

    assert faults_of(expired, received=1990) == [
        "o: the gateway keeps 1990 fen, live orders come to 0 fen"
    ]


def test_an_order_without_money_is_a_fault() -> None:
    assert faults_of(Statement("o", [order("paid")], [], 0), received=0) == [
        "o: the gateway keeps 0 fen, live orders come to 1990 fen"
    ]


def test_a_wallet_that_does_not_add_up_is_a_fault() -> None:
    doubled = Statement("o", [order("refunded")], [subsidy()], 2000)

    assert faults_of(doubled, received=1990, refunded=1990) == [
        "o: the wallet holds 2000 fen, 1000 were issued, 0 spent"
    ]


def test_a_late_subsidy_is_a_fault() -> None:
    late = Statement("o", [order("refunded")], [subsidy(issued_at="2026-11-23T16:10:01Z")], 1000)

    assert faults_of(late, received=1990, refunded=1990) == [
        "o: subsidy subsidy was credited 601 s after its deadline"
    ]


def test_a_subsidy_that_is_not_issued_is_a_fault() -> None:
    held = Statement("o", [order("refunded")], [subsidy(state="held")], 0)

    assert faults_of(held, received=1990, refunded=1990) == ["o: subsidy subsidy is held"]


def test_a_refund_under_way_makes_a_statement_wait() -> None:
    waiting = Statement("o", [order("refunding")], [subsidy()], 1000)

    assert waiting.waits
    assert "o: order order is still refunding" in faults_of(waiting, received=1990, refunded=1990)
