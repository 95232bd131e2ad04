"""Invariant 5: one decision per member of a failed group; who paid in time gets one of both."""

from typing import Any

from sqlalchemy import Row

from domain.auditing.checks import Check, Probe, probe
from domain.money import point_fen
from domain.subsidies.drawing import draw
from domain.terms import SubsidyRule

ONE_PER_MEMBER = Check(
    "grants.one-per-member",
    5,
    "An order that was taken when its group failed, or became taken later, has exactly one subsidy"
    " decision; no other order has one.",
)
PRODUCT_OR_DECISION = Check(
    "orders.end-with-product-or-decision",
    5,
    "An order paid in time whose seat was neither left nor freed ends with its product or a"
    " decision, as its group did.",
)
EXPLAINED = Check(
    "grants.explained",
    5,
    "A decision is on its order's own quote and its rule's kind, and the sum of its parts: the"
    " base, what a new shopper and its invites add, less what levers take; never above the quote,"
    " and below it for a reason that is so; denied nothing, and by its last part.",
)
DATED = Check(
    "grants.dated-by-the-rules",
    16,
    "A subsidy keeps its group's deadline, is due the rule's delay after it, was decided when it"
    " first moved, and issued when it moved there.",
)
EXTRA_ONCE = Check(
    "grants.extra-once",
    5,
    "The extra for new shoppers is decided for a shopper once in its life at a merchant.",
)
DRAWN = Check(
    "grants.drawn",
    5,
    "A random base is what the keyed hash of its order gives, between the rule's bounds.",
)

_EXPLAINED = """
    WITH decided AS (
        SELECT s.merchant_id, s.id, s.state, s.quote_fen, s.amount_fen, s.parts, s.kind, s.group_id,
            s.shopper_id, s.decided_at, o.placed_at,
            coalesce(o.is_new_paid, o.is_first_paid, false) AS is_new, g.deadline_at,
            r.terms -> 'subsidy' AS rule, coalesce(r.terms -> 'levers', '{}') AS levers,
            o.quote_fen = s.quote_fen AND o.group_id = s.group_id AND o.shopper_id = s.shopper_id
                AND o.campaign_id = s.campaign_id
                AND s.kind = r.terms -> 'subsidy' ->> 'kind' AS is_own,
            (SELECT count(*) FROM jsonb_array_elements(o.quote_parts) q
                WHERE q ->> 'kind' = 'new_shopper') AS promised_new,
            (SELECT count(*) FROM jsonb_array_elements(o.quote_parts) q
                WHERE q ->> 'kind' = 'cut') AS promised_cuts
        FROM grants s
        LEFT JOIN orders o ON o.merchant_id = s.merchant_id AND o.id = s.order_id
        LEFT JOIN groups g ON g.merchant_id = s.merchant_id AND g.id = s.group_id
        LEFT JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
    ), invited AS (
        SELECT h.merchant_id, h.group_id, h.shopper_id, count(*) AS invites
        FROM orders o
        JOIN shares h ON h.merchant_id = o.merchant_id AND h.id = o.share_id
            AND h.group_id = o.group_id AND h.shopper_id <> o.shopper_id
        JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
        WHERE o.risk_outcome = 'allow'
        GROUP BY 1, 2, 3
    ), ranked AS (
        SELECT merchant_id, id, count(*) OVER (
            PARTITION BY merchant_id, group_id ORDER BY decided_at) AS seats
        FROM grants
    ), summed AS (
        SELECT d.merchant_id, d.id,
            sum((part ->> 'amount_fen')::bigint) AS total_fen,
            count(*) FILTER (WHERE part ->> 'kind' = 'base') AS bases,
            count(*) FILTER (WHERE part ->> 'kind' = 'new_shopper') AS news,
            count(*) FILTER (WHERE part ->> 'by' = 'few_paid_seats') AS fews,
            count(*) FILTER (WHERE part ->> 'by' = 'paid_late') AS lates,
            count(*) FILTER (WHERE part ->> 'by' = 'not_first') AS not_firsts,
            count(*) FILTER (WHERE part ->> 'kind' = 'held') AS helds,
            count(*) FILTER (WHERE part ->> 'kind' = 'denied') AS denials,
            count(*) FILTER (WHERE part ->> 'kind' = 'cut' AND part ->> 'by'
                NOT IN ('few_paid_seats', 'paid_late', 'not_first')) AS quote_cuts,
            bool_and(coalesce(CASE part ->> 'kind'
                WHEN 'base' THEN (part ->> 'amount_fen')::bigint BETWEEN
                    coalesce((d.rule ->> 'least_fen')::bigint, (d.rule ->> 'amount_fen')::bigint)
                    AND (d.rule ->> 'amount_fen')::bigint
                WHEN 'new_shopper' THEN (part ->> 'amount_fen')::bigint
                    = (d.rule ->> 'new_shopper_fen')::bigint
                WHEN 'invites' THEN (part ->> 'amount_fen')::bigint
                        = (part ->> 'count')::bigint * (d.rule ->> 'invite_fen')::bigint
                    AND (part ->> 'count')::bigint BETWEEN 1 AND least(
                        (d.rule ->> 'invites_most')::bigint, coalesce(i.invites, 0))
                WHEN 'cut' THEN (part ->> 'amount_fen')::bigint < 0
                WHEN 'held' THEN true
                WHEN 'denied' THEN (part ->> 'amount_fen')::bigint < 0
                ELSE false END, false)) AS are_true
        FROM decided d
        LEFT JOIN invited i ON i.merchant_id = d.merchant_id AND i.group_id = d.group_id
            AND i.shopper_id = d.shopper_id
        CROSS JOIN LATERAL jsonb_array_elements(d.parts) AS part
        GROUP BY 1, 2
    )
    SELECT format('grant %s/%s is %s: %s of %s fen: %s', d.merchant_id, d.id, d.state, d.amount_fen,
        d.quote_fen, d.parts) AS key
    FROM decided d
    LEFT JOIN summed p ON p.merchant_id = d.merchant_id AND p.id = d.id
    LEFT JOIN ranked k ON k.merchant_id = d.merchant_id AND k.id = d.id
    WHERE (d.is_own AND p.are_true AND p.total_fen = d.amount_fen AND p.bases = 1
        AND d.amount_fen BETWEEN 0 AND d.quote_fen
        AND p.news = d.promised_new
        AND (p.not_firsts = 0 OR p.not_firsts = 1 AND p.news > 0 AND NOT d.is_new)
        AND (p.news = 0 OR p.not_firsts = 1 OR d.is_new OR EXISTS (
            SELECT FROM orders e
            WHERE e.merchant_id = d.merchant_id AND e.shopper_id = d.shopper_id
                AND e.left_at IS NOT NULL))
        AND (p.lates = 0 OR extract(epoch FROM d.deadline_at - d.placed_at)
            < (d.levers ->> 'least_paid_seconds')::bigint)
        AND (p.fews = 0 OR k.seats < (d.levers ->> 'full_from_seats')::bigint)
        AND (p.lates + p.fews > 0 OR (k.seats
                >= coalesce((d.levers ->> 'full_from_seats')::bigint, 1)
            AND extract(epoch FROM d.deadline_at - d.placed_at)
                >= coalesce((d.levers ->> 'least_paid_seconds')::bigint, 0))
            OR d.amount_fen <= coalesce((d.levers ->> 'consolation_fen')::bigint, 0))
        AND (p.quote_cuts = 0 OR (p.quote_cuts = 1 AND d.promised_cuts > 0 AND CASE d.state
            WHEN 'denied' THEN true ELSE d.amount_fen = d.quote_fen END))
        AND CASE d.state
            WHEN 'denied' THEN d.amount_fen = 0 AND p.helds = 1 AND p.denials = 1
                AND d.parts -> -1 ->> 'kind' = 'denied' AND d.parts -> -2 ->> 'kind' = 'held'
                AND -(d.parts -> -1 ->> 'amount_fen')::bigint BETWEEN 1 AND d.quote_fen
            WHEN 'zero' THEN d.amount_fen = 0 AND p.helds = 0 AND p.denials = 0
            WHEN 'held' THEN d.amount_fen > 0 AND p.denials = 0
                AND d.parts -> -1 ->> 'kind' = 'held'
            ELSE d.amount_fen > 0 AND p.denials = 0 END
    ) IS NOT TRUE
"""


def _is_drawn(row: Row[Any]) -> bool:
    """Say whether a grant's base is what its order draws."""
    step = SubsidyRule.from_json(row.rule).unit_fen(point_fen(row.points_per_yuan))
    drawn = draw(row.order_no, least=row.least_fen, most=row.most_fen, step=step)
    return bool(drawn == row.base_fen)


PROBES = (
    Probe(
        (ONE_PER_MEMBER, PRODUCT_OR_DECISION),
        f"""
        WITH left_orders AS (
            SELECT o.merchant_id, o.id FROM orders o
            JOIN state_moves m ON m.merchant_id = o.merchant_id AND m.machine = 'seat'
                AND m.subject_id = o.id AND m.from_state = 'taken' AND m.to_state = 'released'
                AND m.actor = 'shopper:' || o.shopper_id
            WHERE o.state IN ('refunding', 'refunded')
            UNION
            SELECT o.merchant_id, o.id FROM orders o
            JOIN state_moves m ON m.merchant_id = o.merchant_id AND m.machine = 'order'
                AND m.subject_id = o.id AND m.to_state = 'refunding' AND m.actor LIKE 'gateway:%'
            JOIN refunds r ON r.merchant_id = o.merchant_id AND r.order_id = o.id
                AND r.elsewhere_no IS NOT NULL
        ), decisions AS (
            SELECT merchant_id, order_id, count(*) AS decisions FROM grants GROUP BY 1, 2
        ), members AS (
            SELECT o.merchant_id, o.id, o.state, o.group_id, coalesce(g.state, 'none')
                AS group_state, coalesce(s.decisions, 0) AS decisions,
                o.paid_at IS NOT NULL AND l.id IS NULL AS is_member
            FROM orders o
            LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
            LEFT JOIN left_orders l ON l.merchant_id = o.merchant_id AND l.id = o.id
            LEFT JOIN decisions s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
        ), judged AS (
            SELECT m.*,
                decisions = CASE
                    WHEN is_member AND group_state IN ('failed', 'cancelled') THEN 1
                    ELSE 0 END AS is_decided,
                NOT is_member OR CASE
                    WHEN group_state IN ('failed', 'cancelled')
                        THEN state IN ('refunding', 'refunded')
                    WHEN group_state IN ('none', 'formed', 'formed_short')
                        THEN state IN ('fulfilling', 'fulfilled', 'aftersale')
                    WHEN group_state IN ('open', 'frozen', 'closing') THEN state = 'paid'
                    ELSE false END AS is_ending
            FROM members m
        ), wrong AS (
            SELECT * FROM judged WHERE NOT (is_decided AND is_ending)
        )
        SELECT v.name, format('order %s/%s is %s, group %s is %s: %s decisions', merchant_id, id,
            state, group_id, group_state, decisions) AS key
        FROM wrong CROSS JOIN LATERAL (VALUES
            ('{ONE_PER_MEMBER.name}', is_decided),
            ('{PRODUCT_OR_DECISION.name}', is_ending)
        ) AS v (name, is_so)
        WHERE NOT v.is_so
        """,  # noqa: S608 - constants only
    ),
    probe(EXPLAINED, _EXPLAINED),
    probe(
        DATED,
        """
        WITH moves AS (
            SELECT merchant_id, subject_id,
                min(occurred_at) FILTER (WHERE from_state = 'decided') AS decided_at,
                max(occurred_at) FILTER (WHERE to_state = 'issued') AS issued_at
            FROM state_moves WHERE machine = 'grant' GROUP BY 1, 2
        )
        SELECT format('grant %s/%s: deadline %s of %s, due at %s, decided at %s (%s), issued at %s'
            ' (%s)', s.merchant_id, s.id, s.deadline_at, g.deadline_at, s.due_at, s.decided_at,
            m.decided_at, s.issued_at, m.issued_at) AS key
        FROM grants s
        LEFT JOIN groups g ON g.merchant_id = s.merchant_id AND g.id = s.group_id
        LEFT JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
        LEFT JOIN moves m ON m.merchant_id = s.merchant_id AND m.subject_id = s.id
        WHERE (s.deadline_at = g.deadline_at AND s.decided_at = m.decided_at
            AND s.decided_at >= least(g.deadline_at, g.cut_at)
            AND s.due_at = s.deadline_at + make_interval(
                secs => coalesce((r.terms -> 'subsidy' ->> 'delay_seconds')::bigint, 0))
            AND s.issued_at IS NOT DISTINCT FROM m.issued_at) IS NOT TRUE
        """,
    ),
    probe(
        EXTRA_ONCE,
        """
        SELECT format('shopper %s/%s: %s extras', merchant_id, shopper_id, count(*)) AS key
        FROM grants
        WHERE parts @> '[{"kind": "new_shopper"}]' AND NOT parts @> '[{"by": "not_first"}]'
        GROUP BY merchant_id, shopper_id HAVING count(*) > 1
        """,
    ),
    Probe(
        (DRAWN,),
        """
        SELECT format('grant %s/%s: base %s fen', s.merchant_id, s.id, part ->> 'amount_fen')
                AS key,
            o.public_id AS order_no, r.terms -> 'subsidy' AS rule,
            (part ->> 'amount_fen')::bigint AS base_fen,
            (r.terms -> 'subsidy' ->> 'least_fen')::bigint AS least_fen,
            (r.terms -> 'subsidy' ->> 'amount_fen')::bigint AS most_fen,
            coalesce(m.points_per_yuan, 100) AS points_per_yuan
        FROM grants s
        JOIN orders o ON o.merchant_id = s.merchant_id AND o.id = s.order_id
        JOIN groups g ON g.merchant_id = s.merchant_id AND g.id = s.group_id
        JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
        LEFT JOIN merchant_settings m ON m.merchant_id = s.merchant_id
        CROSS JOIN LATERAL jsonb_array_elements(s.parts) AS part
        WHERE part ->> 'kind' = 'base'
            AND (r.terms -> 'subsidy' ->> 'least_fen')::bigint
                < (r.terms -> 'subsidy' ->> 'amount_fen')::bigint
        """,
        is_so=_is_drawn,
    ),
)
