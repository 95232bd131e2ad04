"""Invariant 10, and that nothing is forgotten: what is not over has a work row that looks at it."""

from domain.auditing.checks import Check, probe, rows_of
from domain.outbox import CONSUMERS

DELIVERED = Check(
    "facts.delivered-once",
    10,
    "A fact has exactly one work row for each of its consumers, and no other.",
)
EMITTED = Check(
    "facts.emitted",
    10,
    "A group that formed or failed or has got another leader, and an order that was refunded, was"
    " not paid in time, or was bought alone, is a fact exactly once.",
)
TOLD = Check(
    "facts.acted-on-once",
    10,
    "A fact that its consumers are done with has had its effect: one notice for each order"
    " or value it concerns.",
)
GROUPS_WATCHED = Check(
    "work.settles-groups", 10, "A group that is open, frozen or closing has work that settles it."
)
PAYMENTS_WATCHED = Check(
    "work.drives-payments",
    10,
    "A payment that may still succeed or must be closed has work that asks its gateway.",
)
REFUNDS_WATCHED = Check(
    "work.drives-refunds",
    10,
    "A refund that has neither arrived nor waits for a person has work that sends it or asks.",
)
GRANTS_WATCHED = Check("work.issues-grants", 10, "A scheduled grant has work that issues it.")
POINTS_WATCHED = Check(
    "work.delivers-points",
    10,
    "Points that wait for their brand's server have work that tells it of them.",
)
REWARDS_WATCHED = Check(
    "work.rewards-groups",
    10,
    "A group that is over, whose rules reward referrers, was looked at for them, or has work that"
    " does.",
)
WITHDRAWALS_WATCHED = Check(
    "work.drives-withdrawals",
    10,
    "A withdrawal that is not over has work that sends it or asks after it.",
)

_CONSUMERS = rows_of((kind, consumer) for kind, names in CONSUMERS.items() for consumer in names)


def _unwatched(table: str, work: str, states: str) -> str:
    return f"""
        SELECT format('{table} %s/%s is %s', s.merchant_id, s.id, s.state) AS key
        FROM {table} s
        WHERE s.state IN ({states}) AND NOT EXISTS (
            SELECT 1 FROM work_rows w
            WHERE w.merchant_id = s.merchant_id AND w.kind = '{work}' AND w.subject_id = s.id
                AND w.state <> 'done')
        """  # noqa: S608 - constants only


PROBES = (
    probe(
        DELIVERED,
        f"""
        WITH consumers (kind, consumer) AS (VALUES {_CONSUMERS}), wanted AS (
            SELECT f.merchant_id, f.id, f.kind, c.consumer
            FROM facts f JOIN consumers c ON c.kind = f.kind
        ), deliveries AS (
            SELECT merchant_id, subject_id, kind AS consumer, count(*) AS deliveries
            FROM work_rows WHERE kind IN (SELECT consumer FROM consumers) GROUP BY 1, 2, 3
        )
        SELECT format('fact %s/%s (%s) for %s: %s work rows',
            coalesce(w.merchant_id, d.merchant_id), coalesce(w.id, d.subject_id), w.kind,
            coalesce(w.consumer, d.consumer), coalesce(d.deliveries, 0)) AS key
        FROM wanted w
        FULL JOIN deliveries d ON d.merchant_id = w.merchant_id AND d.subject_id = w.id
            AND d.consumer = w.consumer
        WHERE w.id IS NULL OR d.deliveries IS DISTINCT FROM 1
        """,  # noqa: S608 - constants only
    ),
    # Earlier releases told nothing of expiries, of what was bought alone, of leaders: those are
    # looked for from the first one told on.
    probe(
        EMITTED,
        """
        WITH since AS (
            SELECT kind, min(at) AS at FROM facts
            WHERE kind IN ('order.expired', 'order.bought', 'order.led') GROUP BY 1
        ), ended AS (
            SELECT merchant_id, id, 'group.' || state AS kind FROM groups
            WHERE state IN ('formed', 'failed')
            UNION ALL
            SELECT m.merchant_id, m.subject_id, 'order.refunded' FROM state_moves m
            JOIN refunds r ON r.merchant_id = m.merchant_id AND r.order_id = m.subject_id
                AND r.purpose = 'failed' AND r.state = 'arrived'
            WHERE m.machine = 'order' AND m.to_state = 'refunded'
            UNION ALL
            SELECT m.merchant_id, m.subject_id, 'order.expired' FROM state_moves m
            JOIN since s ON s.kind = 'order.expired' AND m.occurred_at >= s.at
            WHERE m.machine = 'order' AND m.to_state = 'expired'
            UNION ALL
            SELECT m.merchant_id, m.subject_id, 'order.bought' FROM state_moves m
            JOIN orders o ON o.merchant_id = m.merchant_id AND o.id = m.subject_id
                AND o.group_id IS NULL
            JOIN since s ON s.kind = 'order.bought' AND m.occurred_at >= s.at
            WHERE m.machine = 'order' AND m.to_state = 'paid'
            UNION ALL
            SELECT g.merchant_id, l.last_id, 'order.led' FROM groups g
            JOIN LATERAL (
                SELECT min(o.id) AS first_id,
                    max(o.id) FILTER (WHERE o.shopper_id = g.leader_id AND o.paid_at IS NOT NULL)
                        AS last_id
                FROM orders o WHERE o.merchant_id = g.merchant_id AND o.group_id = g.id
            ) l ON l.last_id <> l.first_id
            JOIN since s ON s.kind = 'order.led' AND g.created_at >= s.at
        ), told AS (
            SELECT merchant_id, subject_id, kind, count(*) AS times FROM facts
            WHERE kind IN ('group.formed', 'group.failed', 'order.refunded', 'order.expired',
                'order.bought', 'order.led') GROUP BY 1, 2, 3
        )
        SELECT format('%s of %s/%s: told %s times', e.kind, e.merchant_id, e.id,
            coalesce(t.times, 0)) AS key
        FROM ended e
        LEFT JOIN told t ON t.merchant_id = e.merchant_id AND t.subject_id = e.id
            AND t.kind = e.kind
        WHERE t.times IS DISTINCT FROM 1
        """,
    ),
    probe(
        TOLD,
        """
        WITH done AS (
            SELECT f.merchant_id, f.id, f.kind, f.subject_id, f.payload
            FROM facts f
            JOIN work_rows w ON w.merchant_id = f.merchant_id AND w.subject_id = f.id
                AND w.kind = 'notify' AND w.state = 'done'
        ), concerned AS (
            SELECT d.merchant_id, d.id, o.id AS order_id, d.kind AS notice
            FROM done d
            JOIN orders o ON o.merchant_id = d.merchant_id AND o.group_id = d.subject_id
            WHERE d.kind = 'group.formed' AND o.state IN ('fulfilling', 'fulfilled', 'aftersale')
            UNION ALL
            SELECT d.merchant_id, d.id, s.order_id, d.kind
            FROM done d
            JOIN grants s ON s.merchant_id = d.merchant_id AND s.group_id = d.subject_id
            WHERE d.kind = 'group.failed' AND NOT EXISTS (
                SELECT 1 FROM campaign_movements l
                WHERE l.merchant_id = s.merchant_id AND l.group_id = s.group_id
                    AND l.order_id = s.order_id AND l.reason = 'joined_late')
            UNION ALL
            SELECT merchant_id, id, subject_id,
                CASE kind WHEN 'order.settled_late' THEN 'group.failed' ELSE kind END
            FROM done WHERE kind IN ('order.settled_late', 'order.refunded', 'grant.matured',
                'order.expired', 'order.bought', 'order.led')
            UNION ALL
            SELECT merchant_id, id, (payload ->> 'order_id')::bigint,
                'payment.returned.' || subject_id
            FROM done WHERE kind = 'payment.returned'
        ), owned (merchant_id, id, shopper_id, kinds) AS (
            SELECT merchant_id, id, shopper_id, 'withdrawal.%' FROM withdrawals
            UNION ALL SELECT merchant_id, id, referrer_id, 'reward.issued' FROM rewards
            UNION ALL SELECT merchant_id, id, shopper_id, 'gift.issued' FROM gifts
            UNION ALL SELECT merchant_id, id, shopper_id, kind || '.expiring' FROM instruments
        )
        SELECT format('fact %s/%s: no notice %s of order %s', c.merchant_id, c.id, c.notice,
            c.order_id) AS key
        FROM concerned c
        WHERE NOT EXISTS (
            SELECT 1 FROM notices n
            WHERE n.merchant_id = c.merchant_id AND n.order_id = c.order_id AND n.key = c.notice)
        UNION ALL
        SELECT format('fact %s/%s: no notice %s', d.merchant_id, d.id, d.kind)
        FROM done d
        JOIN owned w ON w.merchant_id = d.merchant_id AND w.id = d.subject_id
            AND d.kind LIKE w.kinds
        WHERE NOT EXISTS (
            SELECT 1 FROM notices n
            WHERE n.merchant_id = w.merchant_id AND n.shopper_id = w.shopper_id
                AND n.order_id IS NULL AND n.key = d.kind || '.' || w.id)
        UNION ALL
        SELECT format('order %s/%s: %s notices %s', merchant_id, order_id, count(*), key)
        FROM notices GROUP BY merchant_id, order_id, key HAVING count(*) > 1
        """,
    ),
    probe(GROUPS_WATCHED, _unwatched("groups", "settle_group", "'open', 'frozen', 'closing'")),
    probe(
        PAYMENTS_WATCHED,
        _unwatched("payments", "drive_payment", "'created', 'pending', 'unknown', 'closing'"),
    ),
    probe(
        WITHDRAWALS_WATCHED,
        _unwatched(
            "withdrawals",
            "drive_withdrawal",
            "'requested', 'sending', 'awaiting_shopper', 'unknown', 'needs_funds'",
        ),
    ),
    probe(GRANTS_WATCHED, _unwatched("grants", "issue_grant", "'scheduled'")),
    probe(
        POINTS_WATCHED,
        """
        SELECT format('points %s/%s are pending', x.merchant_id, x.id) AS key
        FROM external_issues x
        JOIN external_programmes p ON p.merchant_id = x.merchant_id AND p.id = x.programme_id
            AND p.delivery = 'webhook'
        WHERE x.state = 'pending' AND NOT EXISTS (
            SELECT FROM work_rows w
            WHERE w.merchant_id = x.merchant_id AND w.kind = 'deliver_points'
                AND w.subject_id = x.id AND w.state <> 'done')
        """,
    ),
    probe(
        REWARDS_WATCHED,
        """
        SELECT format('group %s/%s is %s', g.merchant_id, g.id, g.state) AS key
        FROM groups g
        LEFT JOIN campaign_movements m ON m.merchant_id = g.merchant_id AND m.group_id = g.id
            AND m.reason = 'rewarded'
        WHERE g.largest_reward_fen > 0
            AND g.state IN ('formed', 'formed_short', 'failed', 'cancelled')
            AND m.id IS NULL AND NOT EXISTS (
                SELECT 1 FROM work_rows w
                WHERE w.merchant_id = g.merchant_id AND w.kind = 'reward_group'
                    AND w.subject_id = g.id AND w.state <> 'done')
        """,
    ),
    probe(
        REFUNDS_WATCHED,
        _unwatched(
            "refunds",
            "drive_refund",
            "'requested', 'sending', 'accepted', 'needs_funds', 'unknown'",
        ),
    ),
)
