"""Invariant 7, of shoppers: what a day's limits and caps were promised is what they hold."""

from domain.auditing.checks import Check, Probe

PARTICIPATIONS = Check(
    "days.participations-recounted",
    7,
    "A shopper's participations of a day are its seats ordered that day, its expired holds those"
    " seats and products bought alone that expired unpaid; only an unpaid expiry gives one back.",
)
CASH = Check(
    "days.cash-recounted",
    7,
    "The cash reserved for a cap day is the quotes of its undecided orders and held grants, the"
    " cash used its issued grants.",
)
WITHIN_CAP = Check(
    "days.within-cap",
    7,
    "Cash reserved and used for a cap day is within the merchant's daily cap, as it stood while the"
    " day's orders were placed.",
)
WITHIN_LIMIT = Check(
    "days.within-limit",
    7,
    "A shopper takes part no more often a day than the campaigns it took part in allow.",
)

PROBES = (
    Probe(
        (PARTICIPATIONS, CASH, WITHIN_CAP, WITHIN_LIMIT),
        f"""
        WITH promised AS (
            SELECT o.merchant_id, o.shopper_id, o.cap_on, o.placed_at,
                CASE WHEN o.state IN ('placed', 'paid')
                    OR s.state IN ('decided', 'scheduled', 'held') THEN o.quote_fen ELSE 0 END
                    AS reserved,
                CASE WHEN s.state IN ('issued', 'clawed_back') THEN s.amount_fen ELSE 0 END AS used
            FROM orders o
            LEFT JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
            WHERE o.cap_on IS NOT NULL AND (o.state IN ('placed', 'paid') OR s.id IS NOT NULL)
        ), recount AS (
            SELECT merchant_id, shopper_id, on_day, sum(participations) AS participations,
                sum(expired) AS expired, sum(reserved) AS reserved, sum(used) AS used,
                min(promised_at) AS promised_at
            FROM (
                SELECT merchant_id, shopper_id, placed_on AS on_day,
                    CASE WHEN state = 'expired' OR group_id IS NULL THEN 0 ELSE 1 END
                        AS participations,
                    CASE state WHEN 'expired' THEN 1 ELSE 0 END AS expired,
                    0 AS reserved, 0 AS used, CAST(NULL AS timestamptz) AS promised_at
                FROM orders WHERE group_id IS NOT NULL OR state = 'expired'
                UNION ALL
                SELECT merchant_id, shopper_id, cap_on, 0, 0, reserved, used, placed_at
                FROM promised WHERE reserved > 0 OR used > 0
            ) AS parts GROUP BY 1, 2, 3
        ), days AS (
            SELECT coalesce(d.merchant_id, r.merchant_id) AS merchant_id,
                coalesce(d.shopper_id, r.shopper_id) AS shopper_id,
                coalesce(d.on_day, r.on_day) AS on_day, d.participations AS said_participations,
                d.expired_holds AS said_expired, d.cash_reserved_fen AS said_reserved,
                d.cash_used_fen AS said_used, coalesce(r.participations, 0) AS participations,
                coalesce(r.expired, 0) AS expired, coalesce(r.reserved, 0) AS reserved,
                coalesce(r.used, 0) AS used, r.promised_at
            FROM shopper_days d
            FULL JOIN recount r ON r.merchant_id = d.merchant_id AND r.shopper_id = d.shopper_id
                AND r.on_day = d.on_day
        ), changes AS (
            SELECT merchant_id, at, (before ->> 'daily_cash_cap_fen')::bigint AS cap
            FROM audit_log WHERE before ? 'daily_cash_cap_fen'
        ), rules AS (
            SELECT merchant_id, id,
                (terms -> 'limits' ->> 'participations_per_day')::bigint AS allowed
            FROM rule_versions
        ), judged AS (
            SELECT d.*, m.daily_cash_cap_fen AS cap,
                coalesce(d.said_participations = d.participations
                    AND d.said_expired = d.expired, false) AS is_counted,
                coalesce(d.said_reserved = d.reserved AND d.said_used = d.used, false)
                    AS is_recounted,
                m.daily_cash_cap_fen IS NULL OR d.reserved + d.used <= m.daily_cash_cap_fen
                    OR EXISTS (
                        SELECT 1 FROM changes c
                        WHERE c.merchant_id = d.merchant_id
                            AND c.at >= d.promised_at - interval '1 minute'
                            AND (c.cap IS NULL OR d.reserved + d.used <= c.cap)) AS is_within_cap,
                d.participations <= (SELECT min(allowed) FROM rules) OR d.participations <= (
                    SELECT max(r.allowed) FROM orders o
                    JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
                    JOIN rules r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
                    WHERE o.merchant_id = d.merchant_id AND o.shopper_id = d.shopper_id
                        AND o.placed_on = d.on_day) AS is_within_limit
            FROM days d LEFT JOIN merchant_settings m ON m.merchant_id = d.merchant_id
        ), wrong AS (
            SELECT * FROM judged
            WHERE NOT (is_counted AND is_recounted AND is_within_cap AND is_within_limit)
        )
        SELECT v.name, format('shopper %s/%s on %s: %s', merchant_id, shopper_id, on_day, v.why)
            AS key
        FROM wrong CROSS JOIN LATERAL (VALUES
            ('{PARTICIPATIONS.name}', is_counted,
                format('participations %s, recounted %s; expired holds %s, recounted %s',
                    said_participations, participations, said_expired, expired)),
            ('{CASH.name}', is_recounted,
                format('reserved %s fen, recounted %s; used %s, recounted %s', said_reserved,
                    reserved, said_used, used)),
            ('{WITHIN_CAP.name}', is_within_cap,
                format('reserved %s and used %s of %s fen', reserved, used, cap)),
            ('{WITHIN_LIMIT.name}', is_within_limit, format('%s times', participations))
        ) AS v (name, is_so, why)
        WHERE NOT v.is_so
        """,  # noqa: S608 - constants only
    ),
)
