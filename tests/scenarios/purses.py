"""What shoppers hold beside money, filled and looked at; and the books that must agree with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.database import transaction
from domain.terms import SubsidyKind
from tests.factories.instruments import make_coupon, make_gift
from tests.scenarios.stage import Stage

Shopper = tuple[int, int]


@dataclass(frozen=True)
class Mix:
    """What a shopper pays with, and how much of 1,990 fen each means pays.

    `split` is (coupon or pass, points, wallet, payable).
    """

    split: tuple[int, int, int, int]
    coupon_fen: int = 0
    pass_fen: int = 0
    points_fen: int = 0
    wallet_fen: int = 0

    @property
    def is_prepaid(self) -> bool:
        return self.split[3] == 0


MIXES = {
    "gateway": Mix((0, 0, 0, 1990)),
    "coupon": Mix((500, 0, 0, 1490), coupon_fen=500),
    "coupon worth more": Mix((1990, 0, 0, 0), coupon_fen=3000),
    "points": Mix((0, 300, 0, 1690), points_fen=300),
    "enough points": Mix((0, 1990, 0, 0), points_fen=5000),
    "wallet": Mix((0, 0, 800, 1190), wallet_fen=800),
    "enough in the wallet": Mix((0, 0, 1990, 0), wallet_fen=5000),
    "coupon and points": Mix((500, 300, 0, 1190), coupon_fen=500, points_fen=300),
    "coupon and wallet": Mix((500, 0, 800, 690), coupon_fen=500, wallet_fen=800),
    "points and wallet": Mix((0, 300, 800, 890), points_fen=300, wallet_fen=800),
    "all four": Mix((500, 300, 800, 390), coupon_fen=500, points_fen=300, wallet_fen=800),
    "all but the gateway": Mix(
        (500, 300, 1190, 0), coupon_fen=500, points_fen=300, wallet_fen=5000
    ),
    "coupon before points and wallet": Mix(
        (1990, 0, 0, 0), coupon_fen=1990, points_fen=300, wallet_fen=800
    ),
    "coupon and enough points before the wallet": Mix(
        (500, 1490, 0, 0), coupon_fen=500, points_fen=5000, wallet_fen=800
    ),
    "pass": Mix((1990, 0, 0, 0), pass_fen=1990),
    "pass worth more": Mix((1990, 0, 0, 0), pass_fen=2500),
}
UNPAID = {name: mix for name, mix in MIXES.items() if not mix.is_prepaid}


def fill(stage: Stage, shopper: Shopper, mix: Mix, at: datetime, **coupon: Any) -> dict[str, Any]:
    """Give a shopper what a mix needs; returns how an order says so."""
    using: dict[str, Any] = {}
    with transaction() as session:
        if mix.coupon_fen:
            using["coupon_id"] = make_coupon(session, shopper, mix.coupon_fen, at=at, **coupon)
        if mix.pass_fen:
            kind = SubsidyKind.PASS
            using["pass_id"] = make_coupon(
                session, shopper, mix.pass_fen, at=at, kind=kind, **coupon
            )
        if mix.points_fen:
            make_gift(session, shopper, SubsidyKind.POINTS, mix.points_fen, at=at)
            using["use_points"] = True
        if mix.wallet_fen:
            make_gift(session, shopper, SubsidyKind.CASH, mix.wallet_fen, at=at)
            using["use_wallet"] = True
    return using


def holds(stage: Stage, shopper: Shopper) -> dict[str, Any]:
    """Say what a shopper holds: coupons and passes with their states, points and wallet in fen."""
    return {
        "instruments": stage.rows(
            "SELECT kind, value_fen, state FROM instruments WHERE shopper_id = :v ORDER BY id",
            shopper[1],
        ),
        "points": stage.one(
            "SELECT coalesce(sum(left_fen), 0)::bigint FROM point_lots WHERE shopper_id = :v",
            shopper[1],
        ),
        "wallet": stage.wallet(shopper[1]),
    }


def returns(stage: Stage, order: dict[str, Any]) -> list[tuple[Any, ...]]:
    """List what the ledger gave back of an order's means: (kind, fen, from, to)."""
    return stage.rows(
        """
        SELECT t.kind, max(e.amount_fen), max(a.kind) FILTER (WHERE e.amount_fen < 0),
            max(a.kind) FILTER (WHERE e.amount_fen > 0)
        FROM ledger_transactions t
        JOIN orders o ON o.merchant_id = t.merchant_id AND o.id = t.ref_id
        JOIN ledger_entries e ON e.merchant_id = t.merchant_id AND e.transaction_id = t.id
        JOIN ledger_accounts a ON a.merchant_id = e.merchant_id AND a.id = e.account_id
        WHERE o.public_id = :v AND t.kind LIKE '%returned'
        GROUP BY t.id, t.kind ORDER BY t.kind
        """,
        order["id"],
    )


def assert_books(stage: Stage) -> None:
    """Check that what the merchant owes on its books is what its shoppers hold."""
    booked = dict(
        stage.rows(
            """
            SELECT a.kind, coalesce(sum(e.amount_fen), 0)::bigint FROM ledger_accounts a
            LEFT JOIN ledger_entries e ON e.merchant_id = a.merchant_id AND e.account_id = a.id
            WHERE a.merchant_id = :v GROUP BY a.kind
            """,
            stage.merchant_id,
        )
    )
    held = dict(
        stage.rows(
            """
            SELECT 'coupons_payable', coalesce(sum(value_fen), 0)::bigint FROM instruments
            WHERE merchant_id = :v AND kind = 'coupon' AND state = 'issued'
            UNION ALL
            SELECT 'passes_payable', coalesce(sum(value_fen), 0)::bigint FROM instruments
            WHERE merchant_id = :v AND kind = 'pass' AND state = 'issued'
            UNION ALL
            SELECT 'points_payable', coalesce(sum(left_fen), 0)::bigint FROM point_lots
            WHERE merchant_id = :v
            UNION ALL
            SELECT 'wallet', coalesce(sum(balance_fen), 0)::bigint FROM ledger_accounts
            WHERE merchant_id = :v AND kind = 'wallet'
            UNION ALL
            SELECT 'order_deposits', coalesce(sum(
                CASE state WHEN 'placed' THEN price_fen - payable_fen ELSE price_fen END
            ), 0)::bigint FROM orders WHERE merchant_id = :v AND state IN ('placed', 'paid')
            """,
            stage.merchant_id,
        )
    )
    assert {kind: booked[kind] for kind in held} == held
    assert sum(booked.values()) == 0
