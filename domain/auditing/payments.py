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
    "A successful payment has either paid an order that is live, or exactly one refund that is not"
    " closed, of all that was received.",
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
    " only cut to what was paid or where promises reach the merchant's daily cap, and says so.",
)

PROBES: tuple[Probe, ...] = (
    Probe(
        (SEATED_OR_REFUNDED, OUTCOME_TRUE),
        f"""
        WITH returned AS (
            SELECT merchant_id, payment_id, count(*) AS refunds, max(amount_fen) AS amount
            FROM refunds WHERE state <> 'closed' GROUP BY 1, 2
        ), rules AS (
            SELECT merchant_id, id, (terms ->> 'ends_at')::timestamptz - {_MARGIN} AS opens_until
            FROM rule_versions
        ), judged AS (
            SELECT p.merchant_id, p.id, p.outcome, p.received_fen, p.succeeded_at,
                p.order_id, o.state AS order_state, r.refunds, r.amount,
                CASE WHEN p.outcome = 'seated' AND o.state IN ({_LIVE}) THEN r.refunds IS NULL
                    ELSE coalesce(r.refunds = 1 AND r.amount = p.received_fen, false) END
                    AS is_settled,
                coalesce((p.received_fen <> p.amount_fen) = (p.outcome = 'wrong_amount')
                    AND CASE p.outcome
                    WHEN 'seated' THEN true
                    WHEN 'wrong_amount' THEN true
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
    probe(
        KEEP_RULES,
        """
        WITH rules AS (
            SELECT r.merchant_id, r.id, (price ->> 'variant_id')::bigint AS variant_id,
                (price ->> 'group_price_fen')::bigint AS price_fen,
                (r.terms -> 'subsidy' ->> 'amount_fen')::bigint AS base_fen,
                jsonb_build_array(jsonb_build_object(
                    'kind', 'base', 'amount_fen', r.terms -> 'subsidy' -> 'amount_fen')) AS base
            FROM rule_versions r CROSS JOIN LATERAL jsonb_array_elements(r.terms -> 'prices') price
        ), promised AS (
            SELECT o.merchant_id, o.id, o.shopper_id, o.cap_on, o.price_fen, o.quote_fen,
                o.quote_parts, r.base_fen, r.base, least(r.base_fen, r.price_fen) AS uncapped_fen,
                coalesce(r.price_fen = o.price_fen AND o.campaign_id = g.campaign_id, false)
                    AS is_priced
            FROM orders o
            JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
            LEFT JOIN rules r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
                AND r.variant_id = o.variant_id
        ), unusual AS MATERIALIZED (
            SELECT * FROM promised
            WHERE NOT is_priced OR (quote_fen = base_fen AND quote_parts = base) IS NOT TRUE
                OR base_fen > price_fen
        ), before AS (
            SELECT u.merchant_id, u.id, sum(o.quote_fen) AS promised_fen
            FROM unusual u
            JOIN orders o ON o.merchant_id = u.merchant_id AND o.shopper_id = u.shopper_id
                AND o.cap_on = u.cap_on AND o.id < u.id
            GROUP BY 1, 2
        ), caps AS (
            SELECT merchant_id, min(cap) AS lowest_fen
            FROM (
                SELECT merchant_id, daily_subsidy_cap_fen AS cap FROM merchant_settings
                UNION ALL
                SELECT merchant_id, (before ->> 'daily_subsidy_cap_fen')::bigint FROM audit_log
                WHERE before ? 'daily_subsidy_cap_fen'
            ) AS known GROUP BY 1
        )
        SELECT format('order %s/%s: price %s fen, quote %s fen: %s', u.merchant_id, u.id,
            u.price_fen, u.quote_fen, u.quote_parts) AS key
        FROM unusual u
        LEFT JOIN before b ON b.merchant_id = u.merchant_id AND b.id = u.id
        LEFT JOIN caps c ON c.merchant_id = u.merchant_id
        WHERE (u.is_priced
            AND u.quote_fen BETWEEN 0 AND u.uncapped_fen
            AND (u.quote_fen = u.uncapped_fen
                OR u.quote_fen + coalesce(b.promised_fen, 0) >= c.lowest_fen)
            AND u.quote_parts = u.base
                || CASE WHEN u.uncapped_fen = u.base_fen THEN '[]' ELSE jsonb_build_array(
                    jsonb_build_object('kind', 'cut', 'by', 'paid',
                        'amount_fen', u.uncapped_fen - u.base_fen)) END
                || CASE WHEN u.quote_fen = u.uncapped_fen THEN '[]' ELSE jsonb_build_array(
                    jsonb_build_object('kind', 'cut', 'by', 'merchant_daily_subsidy_cap',
                        'amount_fen', u.quote_fen - u.uncapped_fen)) END
        ) IS NOT TRUE
        """,
    ),
)
