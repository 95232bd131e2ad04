"""Invariant 7, of shoppers: what a day's limits and caps were promised is what they hold."""

from domain.auditing.checks import Check, Probe, probe

PARTICIPATIONS = Check(
    "days.participations-recounted",
    7,
    "A shopper's participations of a day are its seats ordered that day, its expired holds those"
    " seats and products bought alone that expired unpaid; only an unpaid expiry gives one back.",
)
CAPPED = Check(
    "caps.recounted",
    7,
    "What an order counts against the caps of its cap day is its quote while its group may still"
    " fail, then what was granted; nothing once it is over without a grant.",
)
WITHIN_CAP = Check(
    "days.within-cap",
    7,
    "Subsidies reserved and granted for a cap day are within the merchant's daily cap, as it stood"
    " while the day's orders were placed.",
)
WITHIN_CAMPAIGN_CAPS = Check(
    "caps.within-campaigns",
    7,
    "What a shopper's orders count against the caps of a campaign, by day, month and in all, in fen"
    " and in failures, is within the caps of the rules that its groups were opened under.",
)
WITHIN_MERCHANT_CAPS = Check(
    "caps.within-merchants",
    7,
    "What a shopper's orders count by month, and their subsidised failures by day and month, are"
    " within the merchant's caps, as they stood while the orders were placed.",
)
WITHIN_LIMIT = Check(
    "days.within-limit",
    7,
    "A shopper takes part no more often a day than the campaigns it took part in allow.",
)

_COUNTED = """
    SELECT o.merchant_id, o.id, o.shopper_id, o.campaign_id, o.cap_on, o.placed_at,
        CASE WHEN o.state IN ('placed', 'paid') THEN o.quote_fen ELSE s.amount_fen END AS fen
    FROM orders o
    LEFT JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
    WHERE o.cap_on IS NOT NULL AND (o.state IN ('placed', 'paid') OR s.id IS NOT NULL)
"""

_WITHIN_CAMPAIGN_CAPS = f"""
    WITH counted AS ({_COUNTED}), promised AS (
        SELECT c.merchant_id, c.shopper_id, c.campaign_id, c.cap_on,
            date_trunc('month', c.cap_on)::date AS month_on, c.fen,
            r.terms -> 'caps' AS caps
        FROM counted c
        JOIN orders o ON o.merchant_id = c.merchant_id AND o.id = c.id
        JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
        JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
        WHERE c.fen > 0
    ), spans AS (
        SELECT p.merchant_id, p.shopper_id, p.campaign_id, v.span, v.begins_on, sum(p.fen) AS fen,
            count(*) AS failures, max(v.cap_fen) AS cap_fen, max(v.cap_failures) AS cap_failures,
            bool_or(v.cap_fen IS NULL) AS is_any_fen, bool_or(v.cap_failures IS NULL) AS is_any
        FROM promised p
        CROSS JOIN LATERAL (VALUES
            ('day', p.cap_on, (p.caps ->> 'day_fen')::bigint,
                (p.caps ->> 'day_failures')::bigint),
            ('month', p.month_on, (p.caps ->> 'month_fen')::bigint,
                (p.caps ->> 'month_failures')::bigint),
            ('campaign', NULL, NULL, (p.caps ->> 'failures')::bigint)
        ) AS v (span, begins_on, cap_fen, cap_failures)
        GROUP BY 1, 2, 3, 4, 5
    )
    SELECT format('shopper %s/%s in campaign %s, %s %s: %s fen of %s, %s failures of %s',
        merchant_id, shopper_id, campaign_id, span, begins_on, fen, cap_fen, failures,
        cap_failures) AS key
    FROM spans
    WHERE (NOT is_any_fen AND fen > cap_fen) OR (NOT is_any AND failures > cap_failures)
"""  # noqa: S608 - constants only
_WITHIN_MERCHANT_CAPS = f"""
    WITH counted AS ({_COUNTED}), spans AS (
        SELECT c.merchant_id, c.shopper_id, v.cap, v.begins_on, min(c.placed_at) AS promised_at,
            CASE WHEN v.cap LIKE '%failures%' THEN count(*) ELSE sum(c.fen) END AS used
        FROM counted c
        CROSS JOIN LATERAL (VALUES
            ('daily_failures_cap', c.cap_on),
            ('monthly_failures_cap', date_trunc('month', c.cap_on)::date),
            ('monthly_subsidy_cap_fen', date_trunc('month', c.cap_on)::date)
        ) AS v (cap, begins_on)
        WHERE c.fen > 0 GROUP BY 1, 2, 3, 4
    ), allowed AS (
        SELECT s.*, (to_jsonb(m) ->> s.cap)::bigint AS most
        FROM spans s LEFT JOIN merchant_settings m ON m.merchant_id = s.merchant_id
    )
    SELECT format('shopper %s/%s from %s: %s of %s, %s', merchant_id, shopper_id, begins_on, used,
        most, cap) AS key
    FROM allowed a
    WHERE used > most AND NOT EXISTS (
        SELECT 1 FROM audit_log l
        WHERE l.merchant_id = a.merchant_id AND l.before ? a.cap
            AND l.at >= a.promised_at - interval '1 minute'
            AND (l.before ->> a.cap IS NULL OR used <= (l.before ->> a.cap)::bigint))
"""  # noqa: S608 - constants only

PROBES = (
    probe(WITHIN_CAMPAIGN_CAPS, _WITHIN_CAMPAIGN_CAPS),
    probe(WITHIN_MERCHANT_CAPS, _WITHIN_MERCHANT_CAPS),
    probe(
        CAPPED,
        f"""
        WITH counted AS ({_COUNTED})
        SELECT format('order %s/%s is %s: %s fen, recounted %s', o.merchant_id, o.id, o.state,
            o.cap_fen, c.fen) AS key
        FROM orders o
        LEFT JOIN counted c ON c.merchant_id = o.merchant_id AND c.id = o.id
        WHERE o.cap_fen <> coalesce(c.fen, 0)
        """,  # noqa: S608 - constants only
    ),
    Probe(
        (PARTICIPATIONS, WITHIN_CAP, WITHIN_LIMIT),
        f"""
        WITH counted AS ({_COUNTED}), recount AS (
            SELECT merchant_id, shopper_id, on_day, sum(participations) AS participations,
                sum(expired) AS expired, sum(fen) AS fen, min(promised_at) AS promised_at
            FROM (
                SELECT merchant_id, shopper_id, placed_on AS on_day,
                    CASE WHEN state = 'expired' OR group_id IS NULL THEN 0 ELSE 1 END
                        AS participations,
                    CASE state WHEN 'expired' THEN 1 ELSE 0 END AS expired,
                    0 AS fen, CAST(NULL AS timestamptz) AS promised_at
                FROM orders WHERE group_id IS NOT NULL OR state = 'expired'
                UNION ALL
                SELECT merchant_id, shopper_id, cap_on, 0, 0, fen, placed_at
                FROM counted WHERE fen > 0
            ) AS parts GROUP BY 1, 2, 3
        ), days AS (
            SELECT coalesce(d.merchant_id, r.merchant_id) AS merchant_id,
                coalesce(d.shopper_id, r.shopper_id) AS shopper_id,
                coalesce(d.on_day, r.on_day) AS on_day,
                coalesce(d.participations, 0) AS said_participations,
                coalesce(d.expired_holds, 0) AS said_expired,
                coalesce(r.participations, 0) AS participations,
                coalesce(r.expired, 0) AS expired, coalesce(r.fen, 0) AS fen, r.promised_at
            FROM shopper_days d
            FULL JOIN recount r ON r.merchant_id = d.merchant_id AND r.shopper_id = d.shopper_id
                AND r.on_day = d.on_day
        ), changes AS (
            SELECT merchant_id, at, (before ->> 'daily_subsidy_cap_fen')::bigint AS cap
            FROM audit_log WHERE before ? 'daily_subsidy_cap_fen'
        ), rules AS (
            SELECT merchant_id, id,
                (terms -> 'limits' ->> 'participations_per_day')::bigint AS allowed
            FROM rule_versions
        ), judged AS (
            SELECT d.*, m.daily_subsidy_cap_fen AS cap,
                d.said_participations = d.participations AND d.said_expired = d.expired
                    AS is_counted,
                m.daily_subsidy_cap_fen IS NULL OR d.fen <= m.daily_subsidy_cap_fen
                    OR EXISTS (
                        SELECT 1 FROM changes c
                        WHERE c.merchant_id = d.merchant_id
                            AND c.at >= d.promised_at - interval '1 minute'
                            AND (c.cap IS NULL OR d.fen <= c.cap)) AS is_within_cap,
                d.participations <= (SELECT min(allowed) FROM rules) OR d.participations <= (
                    SELECT max(r.allowed) FROM orders o
                    JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
                    JOIN rules r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
                    WHERE o.merchant_id = d.merchant_id AND o.shopper_id = d.shopper_id
                        AND o.placed_on = d.on_day) AS is_within_limit
            FROM days d LEFT JOIN merchant_settings m ON m.merchant_id = d.merchant_id
        ), wrong AS (
            SELECT * FROM judged
            WHERE NOT (is_counted AND is_within_cap AND is_within_limit)
        )
        SELECT v.name, format('shopper %s/%s on %s: %s', merchant_id, shopper_id, on_day, v.why)
            AS key
        FROM wrong CROSS JOIN LATERAL (VALUES
            ('{PARTICIPATIONS.name}', is_counted,
                format('participations %s, recounted %s; expired holds %s, recounted %s',
                    said_participations, participations, said_expired, expired)),
            ('{WITHIN_CAP.name}', is_within_cap, format('%s of %s fen', fen, cap)),
            ('{WITHIN_LIMIT.name}', is_within_limit, format('%s times', participations))
        ) AS v (name, is_so, why)
        WHERE NOT v.is_so
        """,  # noqa: S608 - constants only
    ),
)
