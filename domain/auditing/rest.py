"""Invariant 14: at rest nothing stays in a state that is not final, but waits for whom it names.

At rest means: gateways answer, and no work is due at `:at`. What may stay waits for a date (a
deadline, a hold, work that is due later) or for a person (the payer, staff, the shopper's parcel).
"""

from domain.auditing.checks import Check, Probe, probe

WORK_DONE = Check("rest.work-is-done", 14, "No work is due or leased.")
MOVEMENTS_FOLDED = Check("rest.movements-are-folded", 14, "All movements of campaigns are folded.")
GROUPS = Check(
    "rest.groups", 14, "A group is final, waits for its leader's payment, or for its deadline."
)
ORDERS = Check(
    "rest.orders",
    14,
    "An order is final, waits for its payer, its group, its fulfilment, or a refund that waits.",
)
PAYMENTS = Check(
    "rest.payments", 14, "A payment is final, or its time-out has not come and its order waits."
)
REFUNDS = Check(
    "rest.refunds",
    14,
    "A refund has arrived, waits for a person, or is on its way and asked after at a later date.",
)
WITHDRAWALS = Check(
    "rest.withdrawals",
    14,
    "A withdrawal is over, waits for its shopper or a top-up, or is asked after at a later date.",
)
GRANTS = Check("rest.grants", 14, "A grant is final, held for a person, or scheduled for a date.")
VALUES = Check(
    "rest.values", 14, "A coupon, pass or point that can still be spent has not expired."
)

PROBES: tuple[Probe, ...] = (
    probe(
        WORK_DONE,
        """
        SELECT format('%s %s/%s is %s', kind, merchant_id, subject_id, state) AS key
        FROM work_rows WHERE state = 'leased' OR (state = 'due' AND due_at <= :at)
        """,
        needs_rest=True,
    ),
    probe(
        MOVEMENTS_FOLDED,
        """
        SELECT format('group %s/%s %s', merchant_id, group_id, reason) AS key
        FROM campaign_movements WHERE folded_at IS NULL
        """,
        needs_rest=True,
    ),
    probe(
        GROUPS,
        """
        SELECT format('group %s/%s is %s, deadline %s', g.merchant_id, g.id, g.state,
            g.deadline_at) AS key
        FROM groups g
        WHERE g.state = 'frozen'
            OR (g.state = 'open' AND g.deadline_at <= :at)
            OR (g.state IN ('pending', 'closing') AND NOT EXISTS (
                SELECT 1 FROM orders o
                WHERE o.merchant_id = g.merchant_id AND o.group_id = g.id AND o.state = 'placed'))
        """,
        needs_rest=True,
    ),
    probe(
        ORDERS,
        """
        SELECT format('order %s/%s is %s, its seat %s', o.merchant_id, o.id, o.state, o.seat_state)
            AS key
        FROM orders o
        LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
        WHERE o.state IN ('placed', 'paid', 'refunding') AND NOT CASE o.state
            WHEN 'placed' THEN CASE
                WHEN o.releasing_at IS NULL THEN o.hold_expires_at > :at
                ELSE EXISTS (
                    SELECT 1 FROM payments p
                    WHERE p.merchant_id = o.merchant_id AND p.order_id = o.id
                        AND p.state = 'closing' AND p.expires_at > :at) END
            WHEN 'paid' THEN coalesce(g.state IN ('open', 'closing'), false)
            ELSE EXISTS (
                SELECT 1 FROM refunds r
                WHERE r.merchant_id = o.merchant_id AND r.order_id = o.id
                    AND r.state IN ('requested', 'accepted', 'needs_funds', 'rejected', 'abnormal'))
            END
        """,
        needs_rest=True,
    ),
    probe(
        PAYMENTS,
        """
        SELECT format('payment %s/%s is %s', p.merchant_id, p.id, p.state) AS key
        FROM payments p
        LEFT JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
        WHERE p.state IN ('created', 'pending', 'unknown', 'closing') AND NOT (
            p.expires_at > :at AND CASE p.state
                WHEN 'closing' THEN true
                ELSE coalesce(o.state = 'placed' AND o.releasing_at IS NULL, false) END)
        """,
        needs_rest=True,
    ),
    probe(
        REFUNDS,
        """
        SELECT format('refund %s/%s is %s', r.merchant_id, r.id, r.state) AS key
        FROM refunds r
        WHERE r.state IN ('sending', 'unknown')
            OR (r.state IN ('requested', 'accepted')
                AND coalesce(r.elsewhere_no, '') NOT LIKE 'presumed:%' AND NOT EXISTS (
                SELECT 1 FROM work_rows w
                WHERE w.merchant_id = r.merchant_id AND w.kind = 'drive_refund'
                    AND w.subject_id = r.id AND w.state = 'due' AND w.due_at > :at))
        """,
        needs_rest=True,
    ),
    probe(
        WITHDRAWALS,
        """
        SELECT format('withdrawal %s/%s is %s', d.merchant_id, d.id, d.state) AS key
        FROM withdrawals d
        WHERE d.state IN ('requested', 'unknown')
            OR (d.ended_at IS NULL AND NOT EXISTS (
                SELECT 1 FROM work_rows w
                WHERE w.merchant_id = d.merchant_id AND w.kind = 'drive_withdrawal'
                    AND w.subject_id = d.id AND w.state = 'due' AND w.due_at > :at))
        """,
        needs_rest=True,
    ),
    probe(
        GRANTS,
        """
        SELECT format('grant %s/%s is %s', merchant_id, id, state) AS key
        FROM grants WHERE state = 'decided' OR (state = 'scheduled' AND due_at <= :at)
        """,
        needs_rest=True,
    ),
    probe(
        VALUES,
        """
        SELECT format('%s %s/%s expired %s', kind, merchant_id, id, expires_at) AS key
        FROM instruments WHERE state = 'issued' AND expires_at <= :at
        UNION ALL
        SELECT format('lot %s/%s expired %s', merchant_id, id, expires_at)
        FROM point_lots WHERE left_fen > 0 AND expires_at <= :at
        """,
        needs_rest=True,
    ),
)
