"""Invariant 5: the least that was promised is what the rules say, and is kept."""

from domain.auditing.checks import Check, Probe, probe

LEAST = Check(
    "orders.promise-their-least",
    5,
    "The least subsidy an order promises is the smallest amount of its rules with a new shopper's"
    " extra, or the consolation where it may come to that, and never above the most; its decision"
    " is never below it, unless it was denied or another order of the shopper was paid first.",
)

PROBES: tuple[Probe, ...] = (
    probe(
        LEAST,
        """
        WITH promised AS (
            SELECT o.merchant_id, o.id, o.quote_fen, o.quote_least_fen, o.quote_parts,
                r.terms -> 'subsidy' AS rule, coalesce(r.terms -> 'levers', '{}') AS levers
            FROM orders o
            JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
            JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
            WHERE o.quote_least_fen IS NOT NULL
        ), recounted AS (
            SELECT p.*, least(p.quote_fen,
                coalesce((p.rule ->> 'least_fen')::bigint, (p.rule ->> 'amount_fen')::bigint)
                    + CASE WHEN p.quote_parts @> '[{"kind": "new_shopper"}]'
                        THEN (p.rule ->> 'new_shopper_fen')::bigint ELSE 0 END,
                CASE WHEN (p.levers ->> 'full_from_seats')::bigint > 1
                    THEN (p.levers ->> 'consolation_fen')::bigint END) AS least_fen
            FROM promised p
        )
        SELECT format('order %s/%s promises %s to %s fen instead of %s; decided %s', c.merchant_id,
            c.id, c.quote_least_fen, c.quote_fen, c.least_fen, s.amount_fen) AS key
        FROM recounted c
        LEFT JOIN grants s ON s.merchant_id = c.merchant_id AND s.order_id = c.id
        WHERE c.quote_least_fen <> c.least_fen
            OR (s.amount_fen < c.quote_least_fen AND s.state <> 'denied'
                AND NOT s.parts @> '[{"kind": "cut", "by": "not_first"}]')
        """,
    ),
)
