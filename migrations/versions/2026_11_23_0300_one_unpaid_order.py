"""Count a product bought alone among a shopper's holds: one unpaid at a time.

Of several unpaid ones of a shopper the last stays; the others become releasing: a payment in time
still buys them, else they are freed when their own hold would have run out. The previous release
counts none of those that it lets expire after this.

Revision ID: f4a7c02d9b58
Revises: e83b20c6f114
"""

from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "f4a7c02d9b58"
down_revision = "e83b20c6f114"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_COLUMNS = ["merchant_id", "shopper_id"]
_RELEASE_ALL_BUT_ONE = """
    UPDATE orders o SET releasing_at = o.placed_at, release_reason = 'expired'
    WHERE o.group_id IS NULL AND o.state = 'placed' AND o.releasing_at IS NULL AND EXISTS (
        SELECT 1 FROM orders other
        WHERE other.merchant_id = o.merchant_id AND other.shopper_id = o.shopper_id
            AND other.state = 'placed' AND other.releasing_at IS NULL
            AND (other.group_id IS NOT NULL OR other.id > o.id))
"""
_ALONE = """
    SELECT merchant_id, shopper_id, placed_on, count(*) FILTER (WHERE state = 'expired') AS expired
    FROM orders WHERE group_id IS NULL AND state IN ('placed', 'expired') GROUP BY 1, 2, 3
"""
_COUNT = f"""
    INSERT INTO shopper_days AS d (merchant_id, shopper_id, on_day, expired_holds) {_ALONE}
    ON CONFLICT (merchant_id, shopper_id, on_day)
        DO UPDATE SET expired_holds = d.expired_holds + excluded.expired_holds
"""
_DISCOUNT = f"""
    UPDATE shopper_days d SET expired_holds = d.expired_holds - alone.expired
    FROM ({_ALONE}) AS alone
    WHERE d.merchant_id = alone.merchant_id AND d.shopper_id = alone.shopper_id
        AND d.on_day = alone.placed_on
"""  # noqa: S608 - constants only


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_index("uq_orders_one_hold", "orders")
    op.execute(_RELEASE_ALL_BUT_ONE)
    op.create_index(
        "uq_orders_one_hold",
        "orders",
        _COLUMNS,
        unique=True,
        postgresql_where=text("state = 'placed' AND releasing_at IS NULL"),
    )
    op.execute(_COUNT)
    op.execute((_SQL / "lock_shopper_days_2.sql").read_text())


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_index("uq_orders_one_hold", "orders")
    op.create_index(
        "uq_orders_one_hold",
        "orders",
        _COLUMNS,
        unique=True,
        postgresql_where=text("seat_state = 'held'"),
    )
    op.execute(_DISCOUNT)
    first = (_SQL / "joining_1.sql").read_text()
    begins = first.index("FUNCTION lock_shopper_days")
    op.execute("CREATE OR REPLACE " + first[begins : first.index("END $$;", begins)] + "END $$;")
