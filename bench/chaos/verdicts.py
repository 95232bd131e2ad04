"""What clients heard against what is so: an unknown is no effect or one, an ok is one. Pure.

Each function returns a sentence, with the numbers, for whatever is not as it should be.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.chaos.load import Heard, Paying, Placing

PAID_STATES = frozenset({"SUCCESS", "REFUND"})
Orders = Mapping[str, Sequence[Mapping[str, Any]]]


def resolve_placings(
    placings: Iterable[Placing], orders_of: Orders
) -> tuple[Counter[str], list[str]]:
    """Compare openings and joins with the orders that REST lists of each shopper.

    Returns how the unknown ones resolved, and what is wrong: an ok one without its order, or with
    two; an order that nobody asked for; more orders than unknown operations can explain.
    """
    by_shopper: dict[str, list[Placing]] = defaultdict(list)
    for placing in placings:
        by_shopper[placing.openid].append(placing)
    resolved: Counter[str] = Counter()
    wrong: list[str] = []
    for openid in by_shopper.keys() | orders_of.keys():
        wrong += _resolve_shopper(
            openid, by_shopper[openid], orders_of.get(openid, ()), resolved=resolved
        )
    return resolved, wrong


def _resolve_shopper(
    openid: str,
    placings: Sequence[Placing],
    orders: Sequence[Mapping[str, Any]],
    *,
    resolved: Counter[str],
) -> list[str]:
    listed = Counter(order["id"] for order in orders)
    known = Counter(p.order_id for p in placings if p.heard is Heard.OK)
    wrong = [
        f"{openid} was told of order {order_id} {count} times, and has it {listed[order_id]} times"
        for order_id, count in known.items()
        if count != 1 or listed[str(order_id)] != 1
    ]
    extra = [order for order in orders if order["id"] not in known]
    joined = Counter(p.group_id for p in placings if p.heard is Heard.UNKNOWN and p.group_id)
    opened = sum(p.heard is Heard.UNKNOWN and p.group_id is None for p in placings)
    unknown = opened + joined.total()
    for order in extra:
        if joined[order["group_id"]] > 0:
            joined[order["group_id"]] -= 1
        elif opened > 0:
            opened -= 1
        else:
            wrong.append(f"{openid} has order {order['id']}, and no operation asked for it")
    resolved["done"] += min(unknown, len(extra))
    resolved["not done"] += max(0, unknown - len(extra))
    return wrong


def resolve_payings(
    payings: Iterable[Paying],
    record: Iterable[Mapping[str, Any]],
    order_of: Mapping[str, str],
) -> tuple[Counter[str], list[str]]:
    """Compare payments with the gateway's record, by number.

    `order_of` tells the order of each of our payments. Returns how the unknown ones resolved, and
    what is wrong.
    """
    rows = list(record)
    numbers = Counter(row["out_trade_no"] for row in rows)
    paid = {row["out_trade_no"] for row in rows if row["state"] in PAID_STATES}
    of_order: Counter[str] = Counter(order_of.get(number, "") for number in numbers)
    paid_of_order: Counter[str] = Counter(order_of.get(number, "") for number in paid)
    resolved: Counter[str] = Counter()
    wrong = [f"payment {n} stands {count} times" for n, count in numbers.items() if count > 1]
    wrong += [f"the record's payment {number} is not ours" for number in numbers.keys() - order_of]
    for paying in payings:
        if paying.prepared is Heard.UNKNOWN:
            count = of_order[paying.order_id]
            resolved["prepared" if count else "not prepared"] += 1
            if count > 1:
                wrong.append(f"order {paying.order_id} has {count} payments at the gateway")
        if paying.paid is Heard.UNKNOWN:
            resolved["paid" if paying.payment_id in paid else "not paid"] += 1
        if paying.paid is Heard.OK and paying.payment_id not in paid:
            wrong.append(f"payment {paying.payment_id} was told to be paid, and is not")
        if paid_of_order[paying.order_id] > 1:
            wrong.append(f"order {paying.order_id} was paid {paid_of_order[paying.order_id]} times")
    return resolved, wrong
