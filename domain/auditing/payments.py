"""Invariant 3: every successful payment ends as exactly one of seat taken and refunded."""

from datetime import timedelta

from domain.auditing.checks import Check, Probe, listed, probe
from domain.orders.rules import OPENING_MARGIN
from domain.states import LIVE_ORDER_STATES

_LIVE = listed(LIVE_ORDER_STATES)
_MARGIN = f"interval '{OPENING_MARGIN // timedelta(seconds=1)} seconds'"

SEATED_OR_REFUNDED = Check(
    "payments.seated-or-refunded",
    3,
    "A successful payment has either paid an order that is live, or its refunds that are not closed"
    " (one of ours at most, and those made elsewhere) are all that was received.",
)
OUTCOME_TRUE = Check(
    "payments.outcome-is-true",
    3,
    "What a payment was judged to be is so: the right amount, a seat that was its own, or the"
    " reason why it went back.",
)
PAID_IN_FULL = Check(
    "orders.paid-in-full",
    3,
    "An order counts as paid exactly if one payment of its payable part was seated, or nothing was"
    " payable.",
)
PAID_IN_TIME = Check(
    "orders.paid-in-time",
    2,
    "Every member of a group paid before the cut: the deadline, or the instant of fail-now or"
    " cancel.",
)
KEEP_RULES = Check(
    "orders.keep-their-rules",
    3,
    "An order's price and promised subsidy are those of its group's rule version; the promise is"
    " the rule's largest amount with its extras, only cut to what is paid in money or by a cap or"
    " lever that there is, and says so; coupons and passes are whole or zero.",
)

KNOWN_CUTS = (
    "paid",
    "paid_late",
    *(
        f"{of}_{name}"
        for of in ("merchant", "campaign")
        for name in (
            "daily_subsidy_cap",
            "monthly_subsidy_cap",
            "daily_failures",
            "monthly_failures",
            "failures",
        )
    ),
)
"""What may cut a promise: see `subsidies.rules.quote_subsidy`."""

_KEEP_RULES = f"""
    WITH rules AS (
        SELECT r.merchant_id, r.id, (price ->> 'variant_id')::bigint AS variant_id,
            (price ->> 'group_price_fen')::bigint AS price_fen, s.kind, s.amount_fen AS base_fen,
            coalesce(s.new_shopper_fen, 0) AS new_fen,
            coalesce(s.invite_fen * s.invites_most, 0) AS invites_fen, s.invites_most,
            jsonb_build_object('kind', 'base', 'amount_fen', s.amount_fen) || CASE
                WHEN s.least_fen < s.amount_fen THEN jsonb_build_object('least_fen', s.least_fen)
                ELSE '{{}}' END AS base,
            coalesce(r.terms -> 'caps', '{{}}') AS caps,
            coalesce((r.terms -> 'levers' ->> 'least_paid_seconds')::bigint, 0) AS ahead_seconds
        FROM rule_versions r
        CROSS JOIN LATERAL jsonb_array_elements(r.terms -> 'prices') price
        CROSS JOIN LATERAL jsonb_to_record(r.terms -> 'subsidy') AS s (
            kind text, amount_fen bigint, least_fen bigint, new_shopper_fen bigint,
            invite_fen bigint, invites_most bigint)
    ), promised AS (
        SELECT o.merchant_id, o.id, o.shopper_id, o.group_id, o.cap_on, o.placed_at, o.price_fen,
            o.price_fen - o.instrument_fen - o.points_fen AS money_fen, o.quote_fen, o.quote_parts,
            r.kind, r.base_fen, r.new_fen, r.invites_fen, r.invites_most, r.base, r.caps,
            r.ahead_seconds,
            coalesce(r.price_fen = o.price_fen AND o.campaign_id = g.campaign_id, false)
                AS is_priced
        FROM orders o
        JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
        LEFT JOIN rules r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
            AND r.variant_id = o.variant_id
    ), unusual AS MATERIALIZED (
        SELECT * FROM promised
        WHERE NOT is_priced OR new_fen > 0 OR invites_fen > 0 OR base_fen > money_fen
            OR (quote_fen = base_fen AND quote_parts = jsonb_build_array(base)) IS NOT TRUE
    ), before AS (
        SELECT u.merchant_id, u.id, sum(o.quote_fen) FILTER (WHERE o.cap_on = u.cap_on)
                AS promised_fen,
            count(*) FILTER (WHERE told.occurred_at < u.placed_at
                AND (o.left_at IS NULL OR o.left_at > u.placed_at)) AS paid_before,
            count(*) FILTER (WHERE told.occurred_at <= u.placed_at) AS paid_by_then
        FROM unusual u
        JOIN orders o ON o.merchant_id = u.merchant_id AND o.shopper_id = u.shopper_id
            AND o.id < u.id
        LEFT JOIN state_moves told ON told.merchant_id = o.merchant_id AND told.machine = 'order'
            AND told.subject_id = o.id AND told.to_state = 'paid'
        GROUP BY 1, 2
    ), caps AS (
        SELECT merchant_id, min(cap) AS lowest_fen
        FROM (
            SELECT merchant_id, daily_subsidy_cap_fen AS cap FROM merchant_settings
            UNION ALL
            SELECT merchant_id, (before ->> 'daily_subsidy_cap_fen')::bigint FROM audit_log
            WHERE before ? 'daily_subsidy_cap_fen'
        ) AS known GROUP BY 1
    ), parts AS (
        SELECT u.merchant_id, u.id, sum((part ->> 'amount_fen')::bigint) AS total_fen,
            sum((part ->> 'amount_fen')::bigint) FILTER (WHERE part ->> 'kind' <> 'cut')
                AS whole_fen,
            bool_or(part ->> 'kind' = 'new_shopper') AS is_new,
            bool_and(coalesce(CASE part ->> 'kind'
                WHEN 'base' THEN part = u.base
                WHEN 'new_shopper' THEN (part ->> 'amount_fen')::bigint = u.new_fen
                    AND u.new_fen > 0
                WHEN 'invites' THEN (part ->> 'amount_fen')::bigint = u.invites_fen
                    AND (part ->> 'count')::bigint = u.invites_most
                WHEN 'cut' THEN (part ->> 'amount_fen')::bigint < 0
                    AND part ->> 'by' IN ({listed(KNOWN_CUTS)})
                    AND CASE part ->> 'by'
                        WHEN 'paid' THEN u.base_fen + u.new_fen + u.invites_fen > u.money_fen
                        WHEN 'paid_late' THEN u.ahead_seconds > 0
                        WHEN 'campaign_daily_subsidy_cap' THEN u.caps ->> 'day_fen' IS NOT NULL
                        WHEN 'campaign_monthly_subsidy_cap' THEN u.caps ->> 'month_fen' IS NOT NULL
                        WHEN 'campaign_daily_failures'
                            THEN u.caps ->> 'day_failures' IS NOT NULL
                        WHEN 'campaign_monthly_failures'
                            THEN u.caps ->> 'month_failures' IS NOT NULL
                        WHEN 'campaign_failures' THEN u.caps ->> 'failures' IS NOT NULL
                        WHEN 'merchant_daily_subsidy_cap' THEN left_fen
                            + coalesce(b.promised_fen, 0) >= c.lowest_fen
                            OR u.kind <> 'cash' AND c.lowest_fen IS NOT NULL
                        ELSE true END
                ELSE false END, false)) AS are_true,
            count(*) FILTER (WHERE part ->> 'kind' = 'base') AS bases,
            count(*) FILTER (WHERE part ->> 'kind' = 'invites') AS invites,
            bool_or(part ->> 'kind' = 'cut') AS is_cut
        FROM unusual u
        LEFT JOIN before b ON b.merchant_id = u.merchant_id AND b.id = u.id
        LEFT JOIN caps c ON c.merchant_id = u.merchant_id
        CROSS JOIN LATERAL (
            SELECT part, sum((part ->> 'amount_fen')::bigint) OVER (ORDER BY n) AS left_fen
            FROM jsonb_array_elements(u.quote_parts) WITH ORDINALITY AS listed (part, n)
        ) AS reached
        GROUP BY 1, 2
    )
    SELECT format('order %s/%s: price %s fen, quote %s fen: %s', u.merchant_id, u.id, u.price_fen,
        u.quote_fen, u.quote_parts) AS key
    FROM unusual u
    LEFT JOIN parts p ON p.merchant_id = u.merchant_id AND p.id = u.id
    LEFT JOIN before b ON b.merchant_id = u.merchant_id AND b.id = u.id
    WHERE (u.is_priced AND u.quote_fen BETWEEN 0 AND u.money_fen AND p.are_true
        AND p.total_fen = u.quote_fen AND p.bases = 1
        AND p.invites = CASE WHEN u.invites_fen > 0 THEN 1 ELSE 0 END
        AND (u.new_fen = 0 OR CASE WHEN p.is_new THEN coalesce(b.paid_before, 0) = 0
            ELSE b.paid_by_then > 0 END)
        AND (u.kind IN ('cash', 'points', 'external_points') OR u.quote_fen IN (0, p.whole_fen))
    ) IS NOT TRUE
"""  # noqa: S608 - constants only

PROBES: tuple[Probe, ...] = (
    Probe(
        (SEATED_OR_REFUNDED, OUTCOME_TRUE),
        f"""
        WITH returned AS (
            SELECT merchant_id, payment_id, count(*) FILTER (WHERE elsewhere_no IS NULL) AS refunds,
                sum(amount_fen) AS amount, bool_or(elsewhere_no IS NOT NULL) AS is_beside,
                bool_or(elsewhere_no IS NULL AND state IN ('sending', 'unknown', 'needs_funds'))
                    AS is_under_way
            FROM refunds WHERE state <> 'closed' GROUP BY 1, 2
        ), rules AS (
            SELECT merchant_id, id, (terms ->> 'ends_at')::timestamptz - {_MARGIN} AS opens_until
            FROM rule_versions
        ), judged AS (
            SELECT p.merchant_id, p.id, p.outcome, p.received_fen, p.succeeded_at,
                p.order_id, o.state AS order_state, r.refunds, r.amount,
                CASE WHEN p.outcome = 'seated' AND o.state IN ({_LIVE})
                    THEN coalesce(r.refunds, 0) = 0
                    ELSE coalesce(r.refunds <= 1 AND (r.amount = p.received_fen
                        OR r.is_beside AND r.is_under_way AND r.amount > p.received_fen), false) END
                    AS is_settled,
                coalesce((p.received_fen <> p.amount_fen) = (p.outcome = 'wrong_amount')
                    AND CASE p.outcome
                    WHEN 'seated' THEN true
                    WHEN 'wrong_amount' THEN true
                    WHEN 'refunded_elsewhere' THEN EXISTS (
                        SELECT 1 FROM refunds e
                        WHERE e.merchant_id = p.merchant_id AND e.payment_id = p.id
                            AND e.elsewhere_no IS NOT NULL)
                    WHEN 'duplicate' THEN o.paid_at IS NOT NULL
                    WHEN 'closed_payment' THEN EXISTS (
                        SELECT 1 FROM state_moves m
                        WHERE m.merchant_id = p.merchant_id AND m.machine = 'payment'
                            AND m.subject_id = p.id AND m.from_state = 'closed')
                    WHEN 'late' THEN o.paid_at IS NULL AND (
                        p.succeeded_at >= least(g.deadline_at, g.cut_at)
                        OR (g.deadline_at IS NULL AND p.succeeded_at > v.opens_until)
                        OR EXISTS (
                            SELECT 1 FROM state_moves freed
                            JOIN state_moves told ON told.merchant_id = freed.merchant_id
                                AND told.machine = 'payment' AND told.subject_id = p.id
                                AND told.to_state = 'succeeded' AND told.id > freed.id
                            WHERE freed.merchant_id = o.merchant_id AND freed.machine = 'order'
                                AND freed.subject_id = o.id
                                AND freed.to_state IN ('expired', 'cancelled')))
                    END, false) AS is_true
            FROM payments p
            LEFT JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
            LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
            LEFT JOIN rules v ON v.merchant_id = g.merchant_id AND v.id = g.rule_version_id
            LEFT JOIN returned r ON r.merchant_id = p.merchant_id AND r.payment_id = p.id
            WHERE p.state = 'succeeded'
        ), wrong AS (
            SELECT * FROM judged WHERE NOT (is_settled AND is_true)
        )
        SELECT v.name, format('payment %s/%s: %s, received %s fen at %s, order %s is %s, %s refunds'
            ' of %s fen', merchant_id, id, outcome, received_fen, succeeded_at, order_id,
            order_state, coalesce(refunds, 0), coalesce(amount, 0)) AS key
        FROM wrong CROSS JOIN LATERAL (VALUES
            ('{SEATED_OR_REFUNDED.name}', is_settled),
            ('{OUTCOME_TRUE.name}', is_true)
        ) AS v (name, is_so)
        WHERE NOT v.is_so
        """,  # noqa: S608 - constants only
    ),
    probe(
        PAID_IN_FULL,
        """
        SELECT format('order %s/%s is %s: payable %s fen, paid at %s, %s seated payments of %s fen',
            o.merchant_id, o.id, o.state, o.payable_fen, o.paid_at, coalesce(p.payments, 0),
            coalesce(p.received, 0)) AS key
        FROM orders o
        LEFT JOIN (
            SELECT merchant_id, order_id, count(*) AS payments, max(received_fen) AS received
            FROM payments WHERE outcome = 'seated' GROUP BY 1, 2
        ) p ON p.merchant_id = o.merchant_id AND p.order_id = o.id
        WHERE (o.paid_at IS NULL) <> (o.state IN ('placed', 'expired', 'cancelled'))
            OR (o.paid_at IS NOT NULL) <> (o.payable_fen = 0 OR p.payments IS NOT NULL)
            OR p.payments > 1 OR p.received <> o.payable_fen
        """,
    ),
    probe(
        PAID_IN_TIME,
        """
        SELECT format('order %s/%s, group %s: paid at %s, deadline %s, cut %s', o.merchant_id, o.id,
            g.id, o.paid_at, g.deadline_at, g.cut_at) AS key
        FROM orders o JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
        WHERE o.paid_at IS NOT NULL
            AND (g.deadline_at IS NULL OR o.paid_at >= least(g.deadline_at, g.cut_at))
        """,
    ),
    probe(KEEP_RULES, _KEEP_RULES),
)
