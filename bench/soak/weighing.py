"""What money must come to at the end: the gateway's record and what REST tells, weighed. Pure.

Each function returns a sentence, with the numbers, for whatever is not as it should be.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

KEPT = ("fulfilling", "fulfilled", "aftersale")
NOT_BOUGHT = ("expired", "cancelled", "refunded")
_OVER = ("succeeded", "failed", "expired", "cancelled")
_FOR_ORDERS = ("wallet.spent", "wallet.returned")

Rows = Iterable[Mapping[str, Any]]


def weigh_payments(payments: Rows, refunds: Rows) -> list[str]:
    """Check that a payment came back whole and once, or not at all; by the gateway's record."""
    back: dict[str, list[int]] = defaultdict(list)
    for refund in refunds:
        if refund["status"] == "SUCCESS":
            back[refund["out_trade_no"]].append(refund["refund_fen"])
    wrong = []
    for payment in payments:
        number, paid_fen = payment["out_trade_no"], payment["paid_fen"] or 0
        returned = back.pop(number, [])
        if returned not in ([], [paid_fen]):
            wrong.append(f"payment {number}: {paid_fen} fen paid, {returned} fen came back")
    return wrong + [
        f"payment {number} is unknown: {fen} fen came back" for number, fen in back.items()
    ]


def kept_fen(payments: Rows, refunds: Rows) -> dict[str, int]:
    """Return what the merchant kept of each payment, in fen; by the gateway's record."""
    kept: Counter[str] = Counter()
    for payment in payments:
        kept[payment["out_trade_no"]] += payment["paid_fen"] or 0
    for refund in refunds:
        if refund["status"] == "SUCCESS":
            kept[refund["out_trade_no"]] -= refund["refund_fen"]
    return dict(kept)


def weigh_orders(
    orders: Rows, kept: Mapping[str, int], order_of: Mapping[str, str], entries: Rows
) -> list[str]:
    """Check that what is fulfilled was paid for exactly, and that nothing else was paid for.

    `kept` is what the gateway holds of each payment, `order_of` whose payment it is.
    """
    from_gateway: Counter[str] = Counter()
    for number, fen in kept.items():
        from_gateway[order_of.get(number, f"none, payment {number}")] += fen
    from_wallet: Counter[str] = Counter()
    for entry in entries:
        if entry["kind"] in _FOR_ORDERS:
            from_wallet[entry["order_id"]] -= entry["amount_fen"]
    wrong = []
    for order in orders:
        paid = (from_gateway.pop(order["id"], 0), from_wallet.pop(order["id"], 0))
        wrong += _weigh_order(order, paid)
    return wrong + [
        f"order {order_id} is nobody's, and {fen} fen are kept for it"
        for order_id, fen in (+from_gateway + +from_wallet).items()
    ]


def _weigh_order(order: Mapping[str, Any], paid: tuple[int, int]) -> list[str]:
    owed = (order["payable_fen"], order["wallet_fen"]) if order["state"] in KEPT else (0, 0)
    wrong = []
    if order["state"] not in (*KEPT, *NOT_BOUGHT):
        wrong.append(f"order {order['id']} is {order['state']} at the end")
    if paid != owed:
        wrong.append(
            f"order {order['id']} is {order['state']}: {paid[0]} fen of the gateway's and {paid[1]}"
            f" of the wallet's are kept, not {owed[0]} and {owed[1]}"
        )
    return wrong


def weigh_subsidies(
    subsidies: Rows, orders: Rows, entries: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Check that each issued subsidy came into the wallet once, and nothing without one did."""
    states = {order["id"]: order["state"] for order in orders}
    came: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        if entry["kind"] == "grant.issued":
            came[entry["grant_id"]].append(entry["amount_fen"])
    wrong, seen = [], Counter[str]()
    for subsidy in subsidies:
        seen[subsidy["order_id"]] += 1
        due = [subsidy["amount_fen"]] if subsidy["state"] == "issued" else []
        if (got := came.pop(subsidy["id"], [])) != due:
            wrong.append(
                f"subsidy {subsidy['id']} is {subsidy['state']}: {got} fen came, not {due}"
            )
        if due and states[subsidy["order_id"]] in KEPT:
            wrong.append(f"subsidy {subsidy['id']}: its order was not refunded but fulfilled")
    wrong += [f"subsidy {grant_id} is unknown: {fen} fen came" for grant_id, fen in came.items()]
    return wrong + [f"order {order_id}: {n} subsidies" for order_id, n in seen.items() if n > 1]


def weigh_withdrawals(withdrawals: Rows, transfers: Rows, entries: Rows) -> list[str]:
    """Check that a withdrawal's money is with its shopper, or back in the wallet: once.

    `transfers` are those of the gateway's record to anybody of these shoppers.
    """
    arrived: dict[str, list[int]] = defaultdict(list)
    for transfer in transfers:
        if transfer["state"] == "SUCCESS":
            arrived[transfer["out_bill_no"]].append(transfer["transfer_fen"])
    moved: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        if entry["withdrawal_id"] is not None:
            moved[entry["withdrawal_id"]].append(entry["amount_fen"])
    wrong = []
    for asked in withdrawals:
        there, here = arrived.pop(asked["id"], []), sorted(moved.pop(asked["id"], []))
        gross_fen, is_there = asked["gross_fen"], asked["state"] == "succeeded"
        if asked["state"] not in _OVER:
            wrong.append(f"withdrawal {asked['id']} is {asked['state']} at the end")
        if there != ([asked["net_fen"]] if is_there else []):
            wrong.append(
                f"withdrawal {asked['id']} is {asked['state']}: {there} fen arrived of"
                f" {asked['net_fen']}"
            )
        if here != ([-gross_fen] if is_there else [-gross_fen, gross_fen]):
            wrong.append(
                f"withdrawal {asked['id']} of {gross_fen} fen is {asked['state']}: the wallet's"
                f" movements are {here}"
            )
    return (
        wrong
        + [f"transfer {number} is nobody's: {fen} fen arrived" for number, fen in arrived.items()]
        + [f"withdrawal {number} is unknown: {fen} fen moved" for number, fen in moved.items()]
    )


def weigh_balance(balance_fen: int, entries: Rows) -> list[str]:
    """Check that a wallet holds what moved in and out of it, and nothing negative."""
    moved_fen = sum(entry["amount_fen"] for entry in entries)
    if balance_fen == moved_fen >= 0:
        return []
    return [f"a wallet holds {balance_fen} fen, and {moved_fen} fen moved"]
