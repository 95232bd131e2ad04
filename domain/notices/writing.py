"""Writing notices from facts: set-based, each notice once by its key, its message put as work.

What goes back to a shopper is told part by part, by the means it was paid with: money that a
gateway returns is no coupon.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.arrays import array

Key = tuple[int, int]

_ORDER_FACTS: Final = (
    "order.settled_late",
    "order.refunded",
    "order.expired",
    "order.bought",
    "order.led",
    "grant.released",
    "grant.denied",
    "grant.matured",
)


def _instant(value: str) -> str:
    return f"""to_char({value} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""


# What was paid by other means comes back with the order; what a gateway gives back has refunds:
# those of the payment that took the seat, whoever made them. Refunds of stray payments count only
# in the notice of an order that came to nothing.
_BACK: Final = """
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(r.amount_fen), 0)::bigint AS gateway_fen FROM refunds r
        JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        WHERE r.merchant_id = o.merchant_id AND r.order_id = o.id AND r.state <> 'closed'
            AND (p.outcome = 'seated' OR told.kind = 'order.expired')
    ) due
    LEFT JOIN instruments used ON used.merchant_id = o.merchant_id AND used.id = o.instrument_id
    LEFT JOIN merchant_settings m ON m.merchant_id = o.merchant_id
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'means', p.means, 'amount_fen', p.fen, 'points', CASE p.means WHEN 'points'
                    THEN p.fen * coalesce(m.points_per_yuan, 100) / 100 END)) ORDER BY p.place),
            '[]'::jsonb) AS parts,
            coalesce(sum(p.fen) FILTER (WHERE p.means IN ('gateway', 'wallet')), 0)::bigint AS money
        FROM (VALUES (1, 'gateway', due.gateway_fen), (2, 'wallet', o.wallet_fen),
            (3, 'points', o.points_fen), (4, used.kind, o.instrument_fen)) AS p (place, means, fen)
        WHERE p.fen > 0
    ) back
"""
_GRANTED: Final = """
    LEFT JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
    LEFT JOIN instruments n
        ON n.merchant_id = s.merchant_id AND n.source = 'grant' AND n.source_id = s.id
    LEFT JOIN point_lots l
        ON l.merchant_id = s.merchant_id AND l.source = 'grant' AND l.source_id = s.id
    LEFT JOIN external_issues x ON x.merchant_id = s.merchant_id AND x.grant_id = s.id
"""
_SUBSIDY: Final = f"""
    CASE WHEN s.id IS NULL THEN '{{}}'::jsonb ELSE jsonb_build_object(
        'subsidy_fen', s.amount_fen, 'subsidy_state', s.state, 'subsidy_kind', s.kind,
        'points', CASE s.kind WHEN 'external_points' THEN x.points
            WHEN 'points' THEN s.amount_fen * coalesce(m.points_per_yuan, 100) / 100 END,
        'threshold_fen', n.threshold_fen,
        'expires_at', {_instant("coalesce(n.expires_at, l.expires_at)")},
        'due_at', CASE s.state WHEN 'scheduled' THEN {_instant("s.due_at")} END,
        'cut_by', CASE s.state WHEN 'zero'
            THEN jsonb_path_query_array(s.parts, '$[*] ? (@.kind == "cut")') -> -1 ->> 'by' END,
        'is_withdrawable', coalesce(m.is_withdrawal_on, true)) END
"""
_OF_ORDER: Final = f"""jsonb_strip_nulls(jsonb_build_object('order', o.public_id,
        'group', g.public_id, 'title', coalesce(c.title, p.title),
        'back', CASE WHEN told.kind IN ('group.failed', 'order.settled_late', 'order.refunded',
            'order.expired') THEN back.parts END,
        'refund_fen', CASE WHEN told.kind IN ('group.failed', 'order.settled_late',
            'order.refunded', 'order.expired') THEN back.money END) || {_SUBSIDY})"""
_JOINS: Final = f"""
    JOIN variants v ON v.merchant_id = o.merchant_id AND v.id = o.variant_id
    JOIN products p ON p.merchant_id = v.merchant_id AND p.id = v.product_id
    LEFT JOIN campaigns c ON c.merchant_id = o.merchant_id AND c.id = o.campaign_id
    LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
    {_GRANTED} {_BACK}
"""


def _issued(table: str, source: str, holder: str, more: str) -> str:
    """Write the statement that tells of a reward or a gift: its kind, amount, condition and end."""
    return f"""
        SELECT w.merchant_id, w.{holder} AS shopper_id, CAST(NULL AS bigint) AS order_id,
            told.kind || '.' || told.subject_id AS key,
            jsonb_strip_nulls(jsonb_build_object('amount_fen', w.amount_fen, {more},
                'points', CASE WHEN l.id IS NOT NULL
                    THEN w.amount_fen * coalesce(m.points_per_yuan, 100) / 100 END,
                'threshold_fen', n.threshold_fen,
                'expires_at', {_instant("coalesce(n.expires_at, l.expires_at)")},
                'is_withdrawable', coalesce(m.is_withdrawal_on, true))) AS parameters
        FROM told
        JOIN {table} w ON w.merchant_id = told.merchant_id AND w.id = told.subject_id
        LEFT JOIN merchant_settings m ON m.merchant_id = w.merchant_id
        LEFT JOIN instruments n
            ON n.merchant_id = w.merchant_id AND n.source = '{source}' AND n.source_id = w.id
        LEFT JOIN point_lots l
            ON l.merchant_id = w.merchant_id AND l.source = '{source}' AND l.source_id = w.id
        WHERE told.kind = '{source}.issued'
    """  # noqa: S608 - constants only


# One statement writes the notices of all kinds of facts, so that each is written with its message.
_WRITE = text(
    f"""
    WITH told AS (
        SELECT f.merchant_id, f.kind, f.subject_id, f.payload
        FROM facts f
        JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
            ON f.merchant_id = t.m AND f.id = t.i
    ), of_groups AS (
        SELECT o.merchant_id, o.shopper_id, o.id AS order_id, told.kind AS key,
            {_OF_ORDER} AS parameters
        FROM told
        JOIN orders o ON o.merchant_id = told.merchant_id AND o.group_id = told.subject_id
        {_JOINS}
        WHERE (told.kind = 'group.formed' AND o.state IN ('fulfilling', 'fulfilled', 'aftersale'))
            OR (told.kind = 'group.failed' AND s.id IS NOT NULL)
    ), of_orders AS (
        SELECT o.merchant_id, o.shopper_id, o.id AS order_id,
            CASE told.kind WHEN 'order.settled_late' THEN 'group.failed' ELSE told.kind END AS key,
            {_OF_ORDER} AS parameters
        FROM told
        JOIN orders o ON o.merchant_id = told.merchant_id AND o.id = told.subject_id
        {_JOINS}
        WHERE told.kind IN ({", ".join(f"'{kind}'" for kind in _ORDER_FACTS)})
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
        {_issued("rewards", "reward", "referrer_id", "'kind', 'coupon', 'outcome', w.outcome")}
        UNION ALL
        {_issued("gifts", "gift", "shopper_id", "'kind', w.kind")}
    ), of_expiring AS (
        SELECT n.merchant_id, n.shopper_id, CAST(NULL AS bigint) AS order_id,
            told.kind || '.' || told.subject_id AS key,
            jsonb_build_object('instrument', n.public_id, 'amount_fen', n.value_fen,
                'threshold_fen', n.threshold_fen,
                'expires_at', {_instant("n.expires_at")}) AS parameters
        FROM told
        JOIN instruments n ON n.merchant_id = told.merchant_id AND n.id = told.subject_id
        WHERE told.kind IN ('coupon.expiring', 'pass.expiring')
        UNION ALL
        SELECT l.merchant_id, l.shopper_id, NULL, told.kind || '.' || told.subject_id,
            jsonb_build_object('amount_fen', l.left_fen,
                'points', l.left_fen * coalesce(m.points_per_yuan, 100) / 100,
                'expires_at', {_instant("l.expires_at")})
        FROM told
        JOIN point_lots l ON l.merchant_id = told.merchant_id AND l.id = told.subject_id
        LEFT JOIN merchant_settings m ON m.merchant_id = l.merchant_id
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
    WHERE a.message_templates <> '{{}}'
        AND jsonb_exists(a.message_templates, regexp_replace(n.key, '[.][0-9]+$', ''))
    """  # noqa: S608 - constants only
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
