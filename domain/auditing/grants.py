"""Invariant 5: one decision per member of a failed group; who paid in time gets one of both."""

from domain.auditing.checks import Check, Probe, probe

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
    "A decision is on its order's own quote, with the quote's parts: issued or held the whole of"
    " it, denied nothing and by its last part, zero only where the quote is zero.",
)

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
    probe(
        EXPLAINED,
        """
        WITH promised AS (
            SELECT s.merchant_id, s.id, s.state, s.quote_fen, s.amount_fen, s.parts,
                o.quote_parts AS whole, o.quote_parts || '[{"kind": "held"}]' AS held,
                o.quote_fen = s.quote_fen AND o.group_id = s.group_id
                    AND o.shopper_id = s.shopper_id AND o.campaign_id = s.campaign_id AS is_own
            FROM grants s
            LEFT JOIN orders o ON o.merchant_id = s.merchant_id AND o.id = s.order_id
        )
        SELECT format('grant %s/%s is %s: %s of %s fen', merchant_id, id, state, amount_fen,
            quote_fen) AS key
        FROM promised
        WHERE (is_own AND CASE state
            WHEN 'zero' THEN quote_fen = 0 AND amount_fen = 0 AND parts = whole
            WHEN 'held' THEN quote_fen > 0 AND amount_fen = quote_fen AND parts = held
            WHEN 'denied' THEN quote_fen > 0 AND amount_fen = 0 AND parts = held
                || jsonb_build_object('kind', 'denied', 'amount_fen', -quote_fen)
            ELSE quote_fen > 0 AND amount_fen = quote_fen AND parts IN (whole, held) END
        ) IS NOT TRUE
        """,
    ),
)
