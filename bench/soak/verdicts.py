"""What must be true at the end of a seed, told by the sandbox's own record and over REST.

(a) Every paid fen is fulfilled or refunded, exactly once. (b) Each subsidy is paid once at most,
and a withdrawal's money is either with its shopper or back in the wallet. (c) The gateway's own
record equals ours, line by line, and its bills differ in nothing but what was learnt late. (d)
Every invariant holds at rest.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from bench.soak import weighing
from bench.soak.house import House
from bench.soak.theatre import Theatre
from domain.auditing.gateway_record import read_sandbox_record
from domain.auditing.running import audit
from domain.database import read_clock, reading
from domain.reconciliation.reporting import list_tasks

_PAYMENTS = text(
    """
    SELECT p.public_id AS payment, o.public_id AS order FROM payments p
    JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
    WHERE p.merchant_id = :m
    """
)


def judge(house: House) -> list[str]:
    """Return what is wrong with a seed's money, led by which of the rules; nothing is all right."""
    payments, refunds = house.record("/orders"), house.record("/refunds")
    transfers = house.record("/transfers")
    orders = _everybodys(house, lambda guest: guest.phone.read_orders())
    entries = _everybodys(house, lambda guest: guest.phone.read_wallet_entries())
    subsidies = _everybodys(house, lambda guest: guest.phone.read_subsidies())
    withdrawals = _everybodys(house, lambda guest: guest.phone.read_withdrawals())
    kept = weighing.kept_fen(payments, refunds)
    return [
        *_led("a", weighing.weigh_payments(payments, refunds)),
        *_led("a", weighing.weigh_orders(orders, kept, _orders_of_payments(house), entries)),
        *_led("b", weighing.weigh_subsidies(subsidies, orders, entries)),
        *_led("b", weighing.weigh_withdrawals(withdrawals, transfers, entries)),
        *_led("b", _judge_balances(house)),
        *_led("c", _judge_bills(house)),
    ]


def judge_all(theatre: Theatre) -> list[str]:
    """Return which invariants are broken, over everything that was played."""
    record = read_sandbox_record(theatre.control_url)
    report = audit(at=read_clock(), at_rest=True, gateway_record=record)
    return [] if report.is_ok else [f"(d) {report.to_text()}"]


def _led(rule: str, wrong: list[str]) -> list[str]:
    return [f"({rule}) {sentence}" for sentence in wrong]


def _everybodys(house: House, read: Callable[[Any], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [row for guest in house.guests for row in read(guest)]


def _orders_of_payments(house: House) -> dict[str, str]:
    """Return the order of each payment; a client whose answer was lost does not know it."""
    with reading() as session:
        rows = session.execute(_PAYMENTS, {"m": house.merchant_id})
        return {row.payment: row.order for row in rows}


def _judge_balances(house: House) -> list[str]:
    return [
        f"{guest.phone.openid}: {wrong}"
        for guest in house.guests
        for wrong in weighing.weigh_balance(
            guest.phone.read_balance(), guest.phone.read_wallet_entries()
        )
    ]


def _judge_bills(house: House) -> list[str]:
    """Check the bills of the seed's days, what a false bill said meanwhile being resolved."""
    with reading() as session:
        tasks = list_tasks(session, house.merchant_id, is_open=True)
    return [
        f"bill of {task.on_date}: {task.kind} {task.subject} {task.number},"
        f" ours {task.our_fen}, theirs {task.their_fen}"
        for task in tasks
        if task.kind != "late"
    ]
