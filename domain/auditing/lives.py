"""Invariant 16, of values: when coupons, passes and points were issued, and how long they live."""

from domain.auditing.checks import Check, probe
from domain.instruments.rules import LEAST_LIFE_AFTER_FAILURE
from domain.settlement import failing

INSTRUMENTS = Check(
    "instruments.lives-recounted",
    16,
    "A coupon or pass was issued when what issued it was, with its threshold; it lives as long as"
    " the frozen rule, push or gift says from then on, and 7 days at least from each time that it"
    " came back because a group failed.",
)
POINTS = Check(
    "points.lives-recounted",
    16,
    "Points were issued when what issued them was, and live as many days as the merchant's points"
    " did at that time, or 7 days from when they came back because a group failed; what an order"
    " took and gave back has the instants of its moves.",
)
WARNED = Check(
    "values.warned-once",
    16,
    "A coupon, pass or lot that says when its holder was warned of its end is such a fact, of that"
    " instant.",
)
EXTERNAL = Check(
    "external-points.recounted",
    16,
    "Points of an outside brand are of their grant's programme, issued when it was, and as many as"
    " its value is worth there.",
)

_LIFE = f"interval '{LEAST_LIFE_AFTER_FAILURE.days} days'"
_RULED = """
    SELECT s.merchant_id, 'grant' AS source, s.id AS source_id, s.issued_at,
        coalesce((r.terms -> 'subsidy' ->> 'threshold_fen')::bigint, 0) AS threshold_fen,
        (r.terms -> 'subsidy' ->> 'valid_days')::bigint AS valid_days, r.terms
    FROM grants s
    JOIN groups g ON g.merchant_id = s.merchant_id AND g.id = s.group_id
    JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
    WHERE s.kind <> 'cash' AND s.issued_at IS NOT NULL
    UNION ALL
    SELECT w.merchant_id, 'reward', w.id, w.issued_at,
        coalesce((r.terms -> 'reward' ->> 'threshold_fen')::bigint, 0),
        (r.terms -> 'reward' ->> 'valid_days')::bigint, NULL
    FROM rewards w
    JOIN groups g ON g.merchant_id = w.merchant_id AND g.id = w.group_id
    JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
    UNION ALL
    SELECT f.merchant_id, 'gift', f.id, f.issued_at,
        coalesce(p.threshold_fen, (l.after ->> 'threshold_fen')::bigint),
        coalesce(p.valid_days, (l.after ->> 'valid_days')::bigint), NULL
    FROM gifts f
    LEFT JOIN coupon_pushes p ON p.merchant_id = f.merchant_id AND p.id = f.push_id
    LEFT JOIN audit_log l ON l.merchant_id = f.merchant_id AND l.action = 'gift.given'
        AND l.subject_id = f.id
"""
"""When each grant, reward and gift was issued, and what it says of the value that it gave.

A gift by hand says so in the audit log, since it says so at all.
"""

PROBES = (
    probe(
        INSTRUMENTS,
        f"""
        WITH ruled AS ({_RULED}), back AS (
            SELECT merchant_id, subject_id, max(occurred_at) AS at FROM state_moves
            WHERE machine = 'instrument' AND to_state = 'issued' AND actor = '{failing.ACTOR}'
            GROUP BY 1, 2
        )
        SELECT format('%s %s/%s, issued at %s (by %s %s at %s), from %s fen on (%s), until %s (%s'
            ' days, back at %s)', n.kind, n.merchant_id, n.id, n.issued_at, n.source, n.source_id,
            r.issued_at, n.threshold_fen, r.threshold_fen, n.expires_at, r.valid_days, b.at) AS key
        FROM instruments n
        LEFT JOIN ruled r ON r.merchant_id = n.merchant_id AND r.source = n.source
            AND r.source_id = n.source_id
        LEFT JOIN back b ON b.merchant_id = n.merchant_id AND b.subject_id = n.id
        WHERE (n.issued_at = r.issued_at
            AND n.threshold_fen = coalesce(r.threshold_fen, n.threshold_fen)
            AND (r.valid_days IS NULL OR n.expires_at = greatest(
                n.issued_at + make_interval(days => r.valid_days::int), b.at + {_LIFE}))
        ) IS NOT TRUE
        """,  # noqa: S608 - constants only
    ),
    probe(
        POINTS,
        f"""
        WITH ruled AS ({_RULED}), lives AS (
            SELECT merchant_id, points_valid_days AS days FROM merchant_settings
            UNION
            SELECT merchant_id, (before ->> 'points_valid_days')::bigint FROM audit_log
            WHERE before ? 'points_valid_days'
        ), known AS (
            SELECT merchant_id, array_agg(days) AS days FROM lives GROUP BY 1
        ), returned AS (
            SELECT merchant_id, subject_id, min(occurred_at) AS at FROM state_moves
            WHERE machine = 'order' AND to_state IN ('refunding', 'expired', 'cancelled')
            GROUP BY 1, 2
        ), uses AS (
            SELECT u.merchant_id, u.id, u.lot_id, u.used_at, u.returned_at, o.placed_at, b.at,
                s.id IS NOT NULL AS has_failed
            FROM point_uses u
            LEFT JOIN orders o ON o.merchant_id = u.merchant_id AND o.id = u.order_id
            LEFT JOIN grants s ON s.merchant_id = u.merchant_id AND s.order_id = u.order_id
            LEFT JOIN returned b ON b.merchant_id = u.merchant_id AND b.subject_id = u.order_id
        ), back AS (
            SELECT merchant_id, lot_id, array_agg(returned_at + {_LIFE}) AS ends FROM uses
            WHERE has_failed AND returned_at IS NOT NULL GROUP BY 1, 2
        )
        SELECT format('lot %s/%s, issued at %s (by %s %s at %s), until %s', l.merchant_id, l.id,
            l.issued_at, l.source, l.source_id, r.issued_at, l.expires_at) AS key
        FROM point_lots l
        LEFT JOIN ruled r ON r.merchant_id = l.merchant_id AND r.source = l.source
            AND r.source_id = l.source_id
        LEFT JOIN known k ON k.merchant_id = l.merchant_id
        LEFT JOIN back b ON b.merchant_id = l.merchant_id AND b.lot_id = l.id
        WHERE (l.issued_at = r.issued_at AND (
            l.expires_at = l.issued_at + interval '365 days' OR l.expires_at = ANY (b.ends)
            OR EXISTS (SELECT 1 FROM unnest(k.days) AS d (days)
                WHERE l.expires_at = l.issued_at + make_interval(days => d.days::int)))
        ) IS NOT TRUE
        UNION ALL
        SELECT format('use %s/%s of lot %s: used at %s (%s), back at %s (%s)', merchant_id, id,
            lot_id, used_at, placed_at, returned_at, at)
        FROM uses
        WHERE used_at IS DISTINCT FROM placed_at OR returned_at IS DISTINCT FROM at
        """,  # noqa: S608 - constants only
    ),
    probe(
        WARNED,
        """
        WITH warned AS (
            SELECT merchant_id, id, kind, warned_at FROM instruments WHERE warned_at IS NOT NULL
            UNION ALL
            SELECT merchant_id, id, 'points', warned_at FROM point_lots WHERE warned_at IS NOT NULL
        ), told AS (
            SELECT merchant_id, subject_id, kind, array_agg(at) AS instants FROM facts
            WHERE kind LIKE '%.expiring' GROUP BY 1, 2, 3
        )
        SELECT format('%s %s/%s, warned at %s', w.kind, w.merchant_id, w.id, w.warned_at) AS key
        FROM warned w
        LEFT JOIN told t ON t.merchant_id = w.merchant_id AND t.subject_id = w.id
            AND t.kind = w.kind || '.expiring'
        WHERE (w.warned_at = ANY (t.instants)) IS NOT TRUE
        """,
    ),
    probe(
        EXTERNAL,
        f"""
        WITH ruled AS ({_RULED})
        SELECT format('points %s/%s of grant %s: %s for %s fen in programme %s', x.merchant_id,
            x.id, x.grant_id, x.points, x.amount_fen, x.programme_id) AS key
        FROM external_issues x
        LEFT JOIN ruled r ON r.merchant_id = x.merchant_id AND r.source = 'grant'
            AND r.source_id = x.grant_id
        LEFT JOIN external_programmes p ON p.merchant_id = x.merchant_id AND p.id = x.programme_id
        WHERE (x.programme_id = (r.terms -> 'subsidy' ->> 'programme_id')::bigint
            AND x.points = x.amount_fen * p.points_per_yuan / 100
            AND x.created_at = r.issued_at
            AND (x.delivered_at IS NOT NULL) = (x.state = 'delivered')
            AND coalesce(x.delivered_at >= x.created_at, true)) IS NOT TRUE
        """,  # noqa: S608 - constants only
    ),
)
