"""Invariant 4: no payment goes back twice, and never more of it than came."""

from domain.auditing.checks import Check, probe

ONE_PER_PURPOSE = Check(
    "refunds.one-per-purpose", 4, "A payment has one refund that is not closed per purpose at most."
)
WITHIN_RECEIVED = Check(
    "refunds.within-received",
    4,
    "The refunds of a payment that are not closed never exceed what it received, and belong to its"
    " order.",
)
ORDER_FOLLOWS = Check(
    "orders.refunded-when-arrived",
    3,
    "An order is refunded once what paid its seat has arrived back, and not before; it is refunding"
    " only while a part of it has not.",
)

PROBES = (
    probe(
        ONE_PER_PURPOSE,
        """
        SELECT format('payment %s/%s, %s: %s refunds', merchant_id, payment_id, purpose, count(*))
            AS key
        FROM refunds WHERE state <> 'closed' AND elsewhere_no IS NULL
        GROUP BY merchant_id, payment_id, purpose HAVING count(*) > 1
        """,
    ),
    probe(
        WITHIN_RECEIVED,
        """
        SELECT format('payment %s/%s: received %s fen, refunds of %s fen', r.merchant_id,
            r.payment_id, p.received_fen, r.amount) AS key
        FROM (
            SELECT merchant_id, payment_id, sum(amount_fen) FILTER (WHERE state <> 'closed'
                    AND NOT (is_beside AND state IN ('sending', 'unknown', 'needs_funds')))
                AS amount, min(order_id) AS first_order, max(order_id) AS last_order
            FROM (
                SELECT *, bool_or(elsewhere_no IS NOT NULL)
                    OVER (PARTITION BY merchant_id, payment_id) AS is_beside
                FROM refunds
            ) all_refunds GROUP BY 1, 2
        ) r
        LEFT JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        WHERE coalesce(r.amount, 0) > coalesce(p.received_fen, 0)
            OR p.state IS DISTINCT FROM 'succeeded'
            OR r.first_order <> p.order_id OR r.last_order <> p.order_id
        """,
    ),
    probe(
        ORDER_FOLLOWS,
        """
        WITH returned AS (
            SELECT p.merchant_id, p.order_id,
                bool_and(coalesce(r.amount, 0) = p.received_fen) FILTER (WHERE p.outcome = 'seated')
                    AS is_seat_returned,
                bool_and(coalesce(r.amount, 0) = p.received_fen) AS is_all_returned
            FROM payments p
            LEFT JOIN (
                SELECT merchant_id, payment_id, sum(amount_fen) AS amount FROM refunds
                WHERE state IN ('arrived', 'settled_offline') GROUP BY 1, 2
            ) r ON r.merchant_id = p.merchant_id AND r.payment_id = p.id
            WHERE p.state = 'succeeded' GROUP BY 1, 2
        )
        SELECT format('order %s/%s is %s', o.merchant_id, o.id, o.state) AS key
        FROM orders o
        LEFT JOIN returned r ON r.merchant_id = o.merchant_id AND r.order_id = o.id
        WHERE (o.state = 'refunded' AND NOT coalesce(r.is_seat_returned, true))
            OR (o.state = 'refunding' AND coalesce(r.is_all_returned, true))
        """,
    ),
)
