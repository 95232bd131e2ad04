"""Writing notices from facts: set-based, each notice once by its key, its message put as work."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.arrays import array

Key = tuple[int, int]

_WRITE = text(
    """
    WITH told AS (
        SELECT f.merchant_id, f.kind, f.subject_id, f.payload
        FROM facts f
        JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
            ON f.merchant_id = t.m AND f.id = t.i
    ), of_groups AS (
        SELECT o.merchant_id, o.shopper_id, o.id AS order_id, told.kind AS key,
            jsonb_build_object('group', g.public_id, 'title', c.title, 'order', o.public_id,
                'refund_fen', CASE told.kind WHEN 'group.failed' THEN o.price_fen END,
                'subsidy_fen', s.amount_fen, 'subsidy_state', s.state, 'subsidy_kind', s.kind)
                AS parameters
        FROM told
        JOIN groups g ON g.merchant_id = told.merchant_id AND g.id = told.subject_id
        JOIN campaigns c ON c.merchant_id = g.merchant_id AND c.id = g.campaign_id
        JOIN orders o ON o.merchant_id = g.merchant_id AND o.group_id = g.id
        LEFT JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
        WHERE (told.kind = 'group.formed' AND o.state IN ('fulfilling', 'fulfilled', 'aftersale'))
            OR (told.kind = 'group.failed' AND s.id IS NOT NULL)
    ), of_orders AS (
        SELECT o.merchant_id, o.shopper_id, o.id AS order_id,
            CASE told.kind WHEN 'order.settled_late' THEN 'group.failed' ELSE told.kind END AS key,
            jsonb_build_object('order', o.public_id, 'title', coalesce(c.title, p.title),
                'group', g.public_id, 'refund_fen', o.price_fen,
                'subsidy_fen', s.amount_fen, 'subsidy_state', s.state, 'subsidy_kind', s.kind)
                AS parameters
        FROM told
        JOIN orders o ON o.merchant_id = told.merchant_id AND o.id = told.subject_id
        JOIN variants v ON v.merchant_id = o.merchant_id AND v.id = o.variant_id
        JOIN products p ON p.merchant_id = v.merchant_id AND p.id = v.product_id
        LEFT JOIN campaigns c ON c.merchant_id = o.merchant_id AND c.id = o.campaign_id
        LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
        LEFT JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
        WHERE told.kind IN (
            'order.settled_late', 'order.refunded', 'grant.released', 'grant.denied',
            'grant.matured')
    ), of_payments AS (
        SELECT o.merchant_id, o.shopper_id, o.id AS order_id,
            'payment.returned.' || told.subject_id AS key,
            told.payload || jsonb_build_object('order', o.public_id) AS parameters
        FROM told
        JOIN orders o
            ON o.merchant_id = told.merchant_id AND o.id = (told.payload ->> 'order_id')::bigint
        WHERE told.kind = 'payment.returned'
    ), of_withdrawals AS (
        SELECT w.merchant_id, w.shopper_id, CAST(NULL AS bigint) AS order_id,
            told.kind || '.' || told.subject_id AS key,
            told.payload || jsonb_build_object('withdrawal', w.public_id,
                'amount_fen', CASE told.kind WHEN 'withdrawal.returned'
                    THEN w.gross_fen ELSE w.net_fen END) AS parameters
        FROM told
        JOIN withdrawals w ON w.merchant_id = told.merchant_id AND w.id = told.subject_id
        WHERE told.kind LIKE 'withdrawal.%'
    ), of_rewards AS (
        SELECT r.merchant_id, r.referrer_id AS shopper_id, CAST(NULL AS bigint) AS order_id,
            told.kind || '.' || told.subject_id AS key,
            jsonb_build_object('amount_fen', r.amount_fen) AS parameters
        FROM told
        JOIN rewards r ON r.merchant_id = told.merchant_id AND r.id = told.subject_id
        WHERE told.kind = 'reward.issued'
        UNION ALL
        SELECT g.merchant_id, g.shopper_id, NULL, told.kind || '.' || told.subject_id,
            jsonb_build_object('amount_fen', g.amount_fen)
        FROM told JOIN gifts g ON g.merchant_id = told.merchant_id AND g.id = told.subject_id
        WHERE told.kind = 'gift.issued'
    ), of_expiring AS (
        SELECT n.merchant_id, n.shopper_id, CAST(NULL AS bigint) AS order_id,
            told.kind || '.' || told.subject_id AS key,
            jsonb_build_object('instrument', n.public_id, 'amount_fen', n.value_fen,
                'expires_at', to_char(n.expires_at AT TIME ZONE 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS"Z"')) AS parameters
        FROM told
        JOIN instruments n ON n.merchant_id = told.merchant_id AND n.id = told.subject_id
        WHERE told.kind IN ('coupon.expiring', 'pass.expiring')
        UNION ALL
        SELECT l.merchant_id, l.shopper_id, NULL, told.kind || '.' || told.subject_id,
            jsonb_build_object('amount_fen', l.left_fen,
                'expires_at', to_char(l.expires_at AT TIME ZONE 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
        FROM told
        JOIN point_lots l ON l.merchant_id = told.merchant_id AND l.id = told.subject_id
        WHERE told.kind = 'points.expiring' AND l.left_fen > 0
    ), written AS (
        INSERT INTO notices (merchant_id, shopper_id, order_id, key, parameters, created_at)
        SELECT merchant_id, shopper_id, order_id, key, parameters, :at
        FROM (
            TABLE of_groups UNION ALL TABLE of_orders UNION ALL TABLE of_payments
            UNION ALL TABLE of_withdrawals UNION ALL TABLE of_rewards
            UNION ALL TABLE of_expiring
        ) n
        ORDER BY merchant_id, order_id
        ON CONFLICT DO NOTHING
        RETURNING merchant_id, id, shopper_id, key
    )
    INSERT INTO work_rows (merchant_id, kind, subject_id, due_at)
    SELECT n.merchant_id, 'send_message', n.id, :at
    FROM written n
    JOIN shoppers s ON s.merchant_id = n.merchant_id AND s.id = n.shopper_id
    JOIN merchant_apps a ON a.merchant_id = n.merchant_id AND a.app_id = s.app_id
    WHERE a.message_templates <> '{}'
        AND jsonb_exists(a.message_templates, regexp_replace(n.key, '[.][0-9]+$', ''))
    """
)


def write_notices(session: Session, facts: Sequence[Key], *, at: datetime) -> None:
    """Write the notices of facts to everybody they concern; repeating writes nothing."""
    if facts:
        session.execute(
            _WRITE,
            {
                "merchants": array(m for m, _ in facts),
                "ids": array(i for _, i in facts),
                "at": at,
            },
        )
