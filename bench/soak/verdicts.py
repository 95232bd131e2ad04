"""What must be true at the end of a seed, told by the sandbox's own record and over REST.

(a) Every paid fen is fulfilled or refunded, exactly once. (b) Each subsidy is paid once at most,
and a withdrawal's money is either with its shopper or back in the wallet. (c) The gateway's own
record equals ours, line by line, and its bills differ in nothing but what was learnt late. (d)
Every invariant holds at rest.
"""

from collections import Counter, defaultdict
from typing import Any

from sqlalchemy import text

from bench.soak.house import Guest, House
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
KEPT = ("fulfilling", "fulfilled", "aftersale")
NOT_BOUGHT = ("expired", "cancelled", "refunded")


def judge(house: House) -> list[str]:
    """Return what is wrong with a seed's money; nothing is as it should be."""
    return [
        *_judge_payments(house),
        *(wrong for guest in house.guests for wrong in _judge_wallet(house, guest)),
        *_judge_bills(house),
    ]


def judge_all(theatre: Theatre) -> list[str]:
    """Return which invariants are broken, over everything that was played."""
    record = read_sandbox_record(theatre.control_url)
    report = audit(at=read_clock(), at_rest=True, gateway_record=record)
    return [] if report.is_ok else [report.to_text()]


def _judge_payments(house: House) -> list[str]:
    """Check (a): the sandbox says what was paid and refunded, REST what became of the orders."""
    states = {
        order["id"]: order["state"] for guest in house.guests for order in guest.phone.read_orders()
    }
    order_of = _orders_of_payments(house)
    refunded: Counter[str] = Counter()
    for refund in house.record("/refunds"):
        if refund["status"] == "SUCCESS":
            refunded[refund["out_trade_no"]] += refund["refund_fen"]
    kept: dict[str, list[str]] = defaultdict(list)
    wrong = []
    for paid in house.record("/orders"):
        number, paid_fen = paid["out_trade_no"], paid["paid_fen"] or 0
        back_fen = refunded[number]
        if back_fen not in (0, paid_fen):
            wrong.append(f"payment {number}: {paid_fen} fen paid, {back_fen} fen came back")
        if paid_fen and not back_fen:
            kept[order_of[number]].append(number)
    for order_id, state in states.items():
        payments = kept.pop(order_id, [])
        if state in NOT_BOUGHT and payments:
            wrong.append(f"order {order_id} is {state}, and {payments} were not refunded")
        elif state in KEPT and len(payments) > 1:
            wrong.append(f"order {order_id} is {state}, and was paid by {payments}")
        elif state not in (*KEPT, *NOT_BOUGHT):
            wrong.append(f"order {order_id} is {state} at the end")
    return wrong + [f"payments {p} are of no order" for p in kept.values()]


def _orders_of_payments(house: House) -> dict[str, str]:
    """Return the order of each payment; a client whose answer was lost does not know it."""
    with reading() as session:
        rows = session.execute(_PAYMENTS, {"m": house.merchant_id})
        return {row.payment: row.order for row in rows}


def _judge_wallet(house: House, guest: Guest) -> list[str]:
    """Check (b): what came into a wallet, once for each cause, and what went out."""
    entries = guest.phone.read_wallet_entries()
    balance_fen = guest.phone.read_balance()
    wrong = []
    if sum(entry["amount_fen"] for entry in entries) != balance_fen:
        wrong.append(f"{guest.phone.openid}: the entries are not the balance of {balance_fen} fen")
    causes = Counter(
        (entry["kind"], entry["grant_id"] or entry["withdrawal_id"] or entry["order_id"])
        for entry in entries
    )
    wrong += [f"{guest.phone.openid}: {cause} {n} times" for cause, n in causes.items() if n > 1]
    return wrong + _judge_withdrawals(house, guest, causes)


def _judge_withdrawals(house: House, guest: Guest, causes: Counter[tuple[str, Any]]) -> list[str]:
    arrived = {
        transfer["out_bill_no"]: transfer["transfer_fen"]
        for transfer in house.record("/transfers")
        if transfer["state"] == "SUCCESS"
    }
    wrong = []
    for withdrawal_id in guest.withdrawals:
        found = guest.phone.read_withdrawal(withdrawal_id)
        is_back = bool(causes["withdrawal.returned", withdrawal_id])
        is_there = arrived.get(withdrawal_id) == found["net_fen"]
        if is_back == is_there or (withdrawal_id in arrived) != is_there:
            wrong.append(
                f"withdrawal {withdrawal_id} is {found['state']}: {arrived.get(withdrawal_id)} fen"
                f" arrived of {found['net_fen']}, and it {'is' if is_back else 'is not'} back"
            )
    return wrong


def _judge_bills(house: House) -> list[str]:
    """Check (c): the bills of the seed's days."""
    with reading() as session:
        tasks = list_tasks(session, house.merchant_id)
    return [
        f"bill of {task.on_date}: {task.kind} {task.subject} {task.number},"
        f" ours {task.our_fen}, theirs {task.their_fen}"
        for task in tasks
        if task.kind != "late"
    ]
