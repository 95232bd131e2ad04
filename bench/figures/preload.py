"""What most figures need first: a merchant with a long past in a database of its own."""

import os
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from bench.history import Herd, Past, Place, build_past, build_running, build_shoppers
from bench.stage import mall
from bench.stage.ground import Database, Ground, say
from bench.stage.pgbench import Pgbench
from domain.clock import real_now
from domain.config import settings
from domain.database import dispose_engines

ORDERS_PER_SHOPPER = 5
PAST_DAYS = 90


@dataclass(frozen=True)
class Sizes:
    """How much is preloaded and measured; `quick` is for a look at whether all works."""

    orders: int
    pairs: int
    join_groups: int
    herd: int
    large_herd: int
    herd_100k: int
    refund_seconds: int
    callback_rounds: int
    budget_rush: int

    @classmethod
    def full(cls) -> "Sizes":
        """Return what the figures are defined with."""
        return cls(
            orders=1_000_000,
            pairs=5,
            join_groups=2_000,
            herd=5_000,
            large_herd=30_000,
            herd_100k=100_000,
            refund_seconds=20,
            callback_rounds=40,
            budget_rush=10_000,
        )

    @classmethod
    def quick(cls) -> "Sizes":
        """Return a hundredth or so of it."""
        return cls(
            orders=60_000,
            pairs=2,
            join_groups=160,
            herd=500,
            large_herd=3_000,
            herd_100k=5_000,
            refund_seconds=5,
            callback_rounds=4,
            budget_rush=500,
        )


class Scene:
    """A merchant with a past, and what is built for a measurement."""

    def __init__(self, ground: Ground, sizes: Sizes) -> None:
        self.ground = ground
        self.sizes = sizes
        self.database: Database = ground.migrated_database("pinbu_bench")
        os.environ.update(self.database.environment)
        settings.cache_clear()
        dispose_engines()
        self.pgbench = Pgbench.prepare(ground)
        self.mall = mall.open_mall()
        self.owner: psycopg.Connection = self.database.connect("owner")
        self._offers: dict[int, mall.Offer] = {}
        self._members = max(2_000, sizes.orders // ORDERS_PER_SHOPPER)
        self._first_member = self.new_shoppers(self._members, at=real_now() - mall.PAST)
        self._members_used = 0
        self._preload()

    def _preload(self) -> None:
        now = real_now()
        began = time.monotonic()
        past = Past(
            orders=self.sizes.orders,
            first_shopper=self._first_member,
            shoppers=self._members,
            begins_at=now - timedelta(days=PAST_DAYS),
            ends_at=now - timedelta(days=3),
        )
        say(f"preloading {past.orders:,} orders of {past.shoppers:,} shoppers")
        made = build_past(self.owner, self.place(3), past)
        self.owner.autocommit = True
        self.owner.execute("VACUUM (FREEZE, ANALYZE)")
        self.owner.execute("CHECKPOINT") if self._may_checkpoint() else None
        say(f"{made:,} orders preloaded in {time.monotonic() - began:.0f} s")

    def _may_checkpoint(self) -> bool:
        found = self.owner.execute("SELECT pg_has_role('pg_checkpoint', 'USAGE')").fetchone()
        return bool(found and found[0])

    def new_shoppers(self, count: int, *, at: datetime | None = None) -> int:
        """Register shoppers without a past; returns the first id."""
        return build_shoppers(
            self.owner, self.mall.merchant_id, mall.APP_ID, count=count, at=at or real_now()
        )

    def members(self, count: int) -> int:
        """Return the first id of shoppers with a past, none of which was given out before."""
        if self._members_used + count > self._members:
            raise ValueError("more members are needed than there are: preload more orders")
        first = self._first_member + self._members_used
        self._members_used += count
        return first

    def offer(self, size: int) -> mall.Offer:
        """Return the campaign of groups of a size; the same each time."""
        if size not in self._offers:
            self._offers[size] = mall.offer(self.mall, size=size, title=f"bench {size}")
        return self._offers[size]

    def place(self, size: int) -> Place:
        """Return where histories of groups of a size happen."""
        offer = self.offer(size)
        return Place(
            merchant_id=offer.merchant_id,
            account_id=self.mall.account_id,
            campaign_id=offer.campaign_id,
            rule_version_id=offer.rule_version_id,
            variant_id=offer.variant_id,
            size=size,
            title=offer.title,
            price_fen=mall.PRICE_FEN,
            list_price_fen=mall.LIST_PRICE_FEN,
            subsidy_fen=mall.SUBSIDY_FEN,
        )

    def open_groups(self, count: int, *, size: int, paid_seats: int = 1) -> tuple[int, int]:
        """Open groups an hour ago that can be joined; returns the first and the last id."""
        opened_at = real_now() - timedelta(hours=1)
        herd = Herd(
            groups=count,
            paid_seats=paid_seats,
            first_shopper=self.new_shoppers(count * paid_seats),
            opened_at=opened_at,
            deadline_at=opened_at + mall.LIFE,
        )
        return build_running(self.owner, self.place(size), herd)

    def due_groups(self, count: int, *, unpaid_every: int) -> tuple[int, int]:
        """Make groups of four with two paid seats whose deadline passed three minutes ago.

        Some hold a third seat, which is not the last: none waits for payments to be asked about.
        """
        deadline_at = real_now() - timedelta(minutes=3)
        unpaid = count // unpaid_every
        herd = Herd(
            groups=count,
            paid_seats=2,
            first_shopper=self.new_shoppers(count * 2 + unpaid),
            opened_at=deadline_at - mall.LIFE,
            deadline_at=deadline_at,
            unpaid_every=unpaid_every,
        )
        return build_running(self.owner, self.place(4), herd)

    def count(self, statement: str, *values: object) -> int:
        """Return the one number a statement asks for."""
        found = self.owner.execute(statement, values).fetchone()  # type: ignore[call-overload]
        return int(found[0]) if found else 0
