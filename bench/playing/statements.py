"""What each shopper is told of their money, beside what the gateway moved: they must agree.

Reading is over REST; finding faults is pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.shoppers.calling import Caller, Request
from bench.shoppers.phone import Phone

LIVE = frozenset({"paid", "fulfilling", "fulfilled", "aftersale"})
OVER = frozenset({"refunded", "expired", "cancelled"})
CREDIT_LIMIT_SECONDS = 600.0
PAGE = "1000"


@dataclass(frozen=True, slots=True)
class Statement:
    """One shopper's orders, subsidies and wallet, as the API tells them."""

    openid: str
    orders: list[dict[str, Any]]
    subsidies: list[dict[str, Any]]
    balance_fen: int

    @property
    def waits(self) -> bool:
        """Return whether money is still on its way, or an order not at its end."""
        return any(order["state"] not in LIVE | OVER for order in self.orders)

    @property
    def has_product(self) -> bool:
        """Return whether a group of this shopper formed."""
        return any(o["kind"] == "group" and o["state"] in LIVE for o in self.orders)

    @property
    def has_bought_again(self) -> bool:
        """Return whether the shopper has bought alone."""
        return any(o["kind"] == "alone" and o["state"] in LIVE for o in self.orders)


@dataclass(slots=True)
class GatewayMoney:
    """What the gateway received from each payer and gave back, fen."""

    received_fen: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    refunded_fen: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unfinished_refunds: int = 0


def read_statement(phone: Phone) -> Statement:
    """Read what a shopper is told."""
    orders = phone.read_orders()
    has_group = any(order["kind"] == "group" for order in orders)
    subsidies = phone.read_subsidies() if has_group else []
    return Statement(phone.openid, orders, subsidies, phone.read_balance())


def read_gateway(gateway: Caller, openids: set[str]) -> GatewayMoney:
    """Read from the gateway's record what these payers paid and got back."""
    money = GatewayMoney()
    payer_of: dict[tuple[str, str], str] = {}
    for order in _pages(gateway, "/control/orders"):
        payer = order["payer_openid"] or order["openid"]
        if payer in openids and order["paid_fen"]:
            payer_of[order["mchid"], order["out_trade_no"]] = payer
            money.received_fen[payer] += order["paid_fen"]
    for refund in _pages(gateway, "/control/refunds"):
        payer = payer_of.get((refund["mchid"], refund["out_trade_no"]))
        if payer is None:
            continue
        if refund["status"] == "SUCCESS":
            money.refunded_fen[payer] += refund["refund_fen"]
        else:
            money.unfinished_refunds += 1
    return money


def _pages(gateway: Caller, path: str) -> Iterable[dict[str, Any]]:
    after: str | None = "0"
    while after is not None:
        page = gateway.need(
            Request("gateway_record", "GET", path, parameters={"after": after, "limit": PAGE})
        )
        yield from page["items"]
        after = page["next"]


def find_faults(
    statements: Iterable[Statement],
    received_fen: Mapping[str, int],
    refunded_fen: Mapping[str, int],
    *,
    subsidy_fen: int,
) -> list[str]:
    """Find missing or doubled money, missing subsidies, and late ones."""
    faults: list[str] = []
    for statement in statements:
        kept = received_fen.get(statement.openid, 0) - refunded_fen.get(statement.openid, 0)
        faults += [f"{statement.openid}: {fault}" for fault in _faults_of(statement, kept)]
        for subsidy in statement.subsidies:
            faults += [
                f"{statement.openid}: {fault}" for fault in _late_or_wrong(subsidy, subsidy_fen)
            ]
    return faults


def _faults_of(statement: Statement, kept_fen: int) -> list[str]:
    faults = []
    live = [order for order in statement.orders if order["state"] in LIVE]
    owed = sum(order["payable_fen"] for order in live)
    if kept_fen != owed:
        faults.append(f"the gateway keeps {kept_fen} fen, live orders come to {owed} fen")
    issued = sum(s["amount_fen"] for s in statement.subsidies if s["state"] == "issued")
    spent = sum(order["wallet_fen"] for order in live)
    if statement.balance_fen != issued - spent:
        faults.append(
            f"the wallet holds {statement.balance_fen} fen, {issued} were issued, {spent} spent"
        )
    faults += [
        f"order {order['id']} is still {order['state']}"
        for order in statement.orders
        if order["state"] not in LIVE | OVER
    ]
    return faults


def _late_or_wrong(subsidy: dict[str, Any], subsidy_fen: int) -> list[str]:
    if subsidy["state"] != "issued":
        return [f"subsidy {subsidy['id']} is {subsidy['state']}"]
    if subsidy["amount_fen"] != subsidy_fen:
        return [f"subsidy {subsidy['id']} is {subsidy['amount_fen']} fen, not {subsidy_fen}"]
    seconds = _instant(subsidy["issued_at"]) - _instant(subsidy["deadline_at"])
    if seconds > CREDIT_LIMIT_SECONDS:
        return [f"subsidy {subsidy['id']} was credited {seconds:.0f} s after its deadline"]
    return []


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
