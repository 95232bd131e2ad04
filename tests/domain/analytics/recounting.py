"""The figures once more, the naive way: every row is read, and Python loops over it.

Where there are two sources, this takes the other one: recorded moves for what a group became,
ledger entries for money, each visit by itself.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from math import ceil
from typing import Any

from sqlalchemy import text

from domain.database import reading

SHANGHAI = timezone(timedelta(hours=8))
MICROSECOND = timedelta(microseconds=1)
TABLES = (
    "groups",
    "orders",
    "grants",
    "shoppers",
    "shares",
    "visits",
    "state_moves",
    "ledger_accounts",
    "ledger_transactions",
    "ledger_entries",
)
Row = dict[str, Any]


def day(at: datetime) -> date:
    return at.astimezone(SHANGHAI).date()


@dataclass
class Rows:
    """All rows of a merchant, by table, and what they say."""

    merchant_id: int
    tables: dict[str, list[Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with reading() as session:
            for table in TABLES:
                found = session.execute(
                    text(f"SELECT * FROM {table} WHERE merchant_id = :m ORDER BY id"),  # noqa: S608
                    {"m": self.merchant_id},
                )
                self.tables[table] = [dict(row) for row in found.mappings()]
        self.orders = {row["id"]: row for row in self.tables["orders"]}
        self.grants = {row["id"]: row for row in self.tables["grants"]}
        self.campaign_of_group = {g["id"]: g["campaign_id"] for g in self.tables["groups"]}
        self.group = {row["id"]: row for row in self.tables["groups"]}
        self.share = {row["id"]: row for row in self.tables["shares"]}
        self.shopper = {row["id"]: row for row in self.tables["shoppers"]}
        self.became = [
            (m["to_state"], m["subject_id"], m["occurred_at"])
            for m in self.tables["state_moves"]
            if m["machine"] == "group"
        ]
        self.amount: dict[int, int] = defaultdict(int)
        for entry in self.tables["ledger_entries"]:
            self.amount[entry["transaction_id"]] += max(0, entry["amount_fen"])
        self.posted: dict[str, list[Row]] = defaultdict(list)
        for posting in self.tables["ledger_transactions"]:
            self.posted[posting["kind"]].append(posting)

    def campaign_of_share(self, share_id: int) -> int:
        return self.campaign_of_group[self.share[share_id]["group_id"]]  # type: ignore[no-any-return]


def over(part: int, whole: int, scale: int = 1) -> int | None:
    """Divide by hand, half up."""
    if whole == 0:
        return None
    quotient, rest = divmod(part * scale, whole)
    return quotient + (1 if 2 * rest >= whole else 0)


def percentile(values: list[int], share: float) -> int | None:
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def recount(
    rows: Rows,
    first: date,
    last: date,
    campaign_id: int | None,
    *,
    until: datetime | None = None,
) -> dict[str, int | None]:
    """Recount all figures of the days `first` to `last` (both included), or up to an instant."""

    def inside(at: datetime | None) -> bool:
        return at is not None and first <= day(at) <= last and (until is None or at < until)

    def here(campaign: int | None) -> bool:
        return campaign_id is None or campaign == campaign_id

    opened = [g for g in rows.tables["groups"] if inside(g["opened_at"]) and here(g["campaign_id"])]
    formed = {
        group_id
        for state, group_id, at in rows.became
        if state == "formed" and inside(at) and here(rows.campaign_of_group[group_id])
    }
    lost = {group_id for state, group_id, _ in rows.became if state == "failed"}
    failed = [
        g
        for g in rows.tables["groups"]
        if g["id"] in lost and here(g["campaign_id"]) and inside(_cut(g) - MICROSECOND)
    ]
    sold = [
        (rows.orders[p["ref_id"]], rows.amount[p["id"]])
        for p in rows.posted["order.sold"]
        if rows.orders[p["ref_id"]]["group_id"] in formed
    ]
    paid = [o for o in rows.orders.values() if inside(o["paid_at"]) and here(o["campaign_id"])]
    people = {o["shopper_id"] for o in paid}
    granted = [
        (rows.grants[p["ref_id"]], p["at"], rows.amount[p["id"]])
        for p in rows.posted["grant.issued"]
        if here(rows.grants[p["ref_id"]]["campaign_id"])
    ]
    issued = [one for one in granted if inside(one[1])]
    due = [
        amount
        for grant, _, amount in granted
        if inside(_cut(rows.group[grant["group_id"]]) - MICROSECOND)
    ]
    was_held = {
        m["subject_id"]
        for m in rows.tables["state_moves"]
        if m["machine"] == "grant" and m["to_state"] == "held"
    }
    clocks = [
        max(0, ceil((at - grant["deadline_at"]).total_seconds()))
        for grant, at, _ in issued
        if grant["id"] not in was_held
    ]
    spenders = {
        grant["shopper_id"]
        for grant, at, _ in issued
        if any(
            o["shopper_id"] == grant["shopper_id"]
            and o["wallet_fen"] > 0
            and o["paid_at"] is not None
            and o["paid_at"] > at
            for o in rows.orders.values()
        )
    }
    subsidised = {grant["shopper_id"] for grant, _, _ in issued}
    joined = [
        s
        for s in rows.shopper.values()
        if inside(s["created_at"])
        and (
            campaign_id is None
            or any(
                o["shopper_id"] == s["id"] and o["is_first_paid"] and here(o["campaign_id"])
                for o in rows.orders.values()
            )
        )
    ]
    registered = [
        s
        for s in rows.shopper.values()
        if s["came_by_share_id"] is not None
        and inside(s["created_at"])
        and here(rows.campaign_of_share(s["came_by_share_id"]))
    ]
    newcomers = {
        o["shopper_id"]
        for o in rows.orders.values()
        if inside(o["paid_at"])
        and o["is_first_paid"]
        and (share := rows.shopper[o["shopper_id"]]["came_by_share_id"]) is not None
        and here(rows.campaign_of_share(share))
    }
    visits = [
        v
        for v in rows.tables["visits"]
        if inside(v["occurred_at"]) and here(rows.campaign_of_share(v["share_id"]))
    ]
    invitations = {
        (v["share_id"], v["device"] or v["shopper_id"] or v["client_address"]) for v in visits
    }
    beginners, again = _repurchases(rows, inside, here)
    subsidies_fen = sum(due)
    credited_fen = sum(amount for _, _, amount in issued)
    paid_formed_fen = sum(amount for _, amount in sold)
    paid_all_fen = sum(o["price_fen"] for o in paid)
    discount_fen = sum(o["list_price_fen"] - amount for o, amount in sold)
    decided = Counter(grant["group_id"] for grant in rows.grants.values())
    solo = [g for g in failed if decided[g["id"]] == 1]
    return {
        "groups_opened": len(opened),
        "groups_formed": len(formed),
        "groups_failed": len(failed),
        "success_rate_bps": over(len(formed), len(formed) + len(failed), 10_000),
        "people_paid": len(people),
        "seats_formed": len(sold),
        "paid_formed_fen": paid_formed_fen,
        "paid_all_fen": paid_all_fen,
        "subsidies_issued": len(due),
        "subsidies_issued_fen": subsidies_fen,
        "subsidies_credited": len(issued),
        "subsidies_credited_fen": credited_fen,
        "subsidy_share_of_formed_bps": over(subsidies_fen, paid_formed_fen, 10_000),
        "credited_share_of_formed_bps": over(credited_fen, paid_formed_fen, 10_000),
        "subsidy_share_of_paid_bps": over(subsidies_fen, paid_all_fen, 10_000),
        "discount_fen": discount_fen,
        "total_incentive_fen": subsidies_fen + discount_fen,
        "shoppers_registered": len(joined),
        "new_shoppers_registered": len(registered),
        "new_shoppers_paid": len(newcomers),
        "viral_registered_milli": over(len(registered), len(opened), 1000),
        "viral_paid_milli": over(len(newcomers), len(opened), 1000),
        "share_visits": len(visits),
        "invitations": len(invitations),
        "k_factor_milli": over(len(newcomers), len(people), 1000) if invitations else None,
        "solo_failures": len(solo),
        "solo_failure_share_bps": over(len(solo), len(failed), 10_000),
        "cost_per_new_shopper_fen": over(subsidies_fen, len(newcomers)),
        "repurchase_shoppers": len(again),
        "repurchase_rate_bps": over(len(again), len(beginners), 10_000),
        "subsidy_spenders": len(spenders),
        "subsidy_use_rate_bps": over(len(spenders), len(subsidised), 10_000),
        "credit_seconds_p50": percentile(clocks, 0.5),
        "credit_seconds_p99": percentile(clocks, 0.99),
        "credit_seconds_max": max(clocks, default=None),
    }


def _cut(group: Row) -> datetime:
    return min(at for at in (group["deadline_at"], group["cut_at"]) if at is not None)


def _repurchases(rows: Rows, inside: Any, here: Any) -> tuple[set[int], set[int]]:
    """Return who had their first outcome in the period, and who of them paid again after it."""
    outcomes: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for posting in rows.posted["order.sold"]:
        order = rows.orders[posting["ref_id"]]
        if order["group_id"] is not None:
            outcomes[order["shopper_id"]].append((posting["at"], order["campaign_id"]))
    for grant in rows.grants.values():
        outcomes[grant["shopper_id"]].append((grant["decided_at"], grant["campaign_id"]))
    beginners, again = set(), set()
    for shopper_id, found in outcomes.items():
        at, campaign = min(found)
        if not inside(at) or not here(campaign):
            continue
        beginners.add(shopper_id)
        if any(
            o["shopper_id"] == shopper_id and o["paid_at"] is not None and o["paid_at"] > at
            for o in rows.orders.values()
        ):
            again.add(shopper_id)
    return beginners, again
