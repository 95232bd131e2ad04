"""The clocks of section 4: who was credited, and asked to be refunded, later than 10 minutes.

Lateness is not a broken book: nothing can mend it, and it is named for ever. So these checks are a
class of their own in the report. They never hide a breach, and a breach never hides them.
"""

from domain.auditing.checks import Check, probe

CREDITED = Check(
    "late.credits",
    16,
    "A subsidy was decided within 10 minutes of its group's deadline or cut (of our learning of its"
    " payment, if later), and credited by then, or within 10 minutes of its due date where the rule"
    " has a delay, if it was not held for a person.",
    is_clock=True,
)
ASKED_BACK = Check(
    "late.refund-requests",
    16,
    "A refund was requested within 10 minutes of its group's deadline or cut, of our learning of a"
    " payment that took no seat, of its member's leaving, or of the gateway's closing the one"
    " before.",
    is_clock=True,
)
UNDECIDED = Check(
    "late.decisions",
    16,
    "No member of a group has waited for its decision for more than 10 minutes since the deadline"
    " or the cut.",
    is_clock=True,
)
_CLOCK = "interval '10 minutes'"
_LEARNED = """
    SELECT merchant_id, subject_id, max(occurred_at) AS at FROM state_moves
    WHERE machine = 'order' AND to_state = 'paid' GROUP BY 1, 2
"""

PROBES = (
    probe(
        CREDITED,
        f"""
        WITH learned AS ({_LEARNED}), held AS (
            SELECT merchant_id, subject_id FROM state_moves
            WHERE machine = 'grant' AND to_state = 'held' GROUP BY 1, 2
        ), clocked AS (
            SELECT s.merchant_id, s.id, s.state, s.decided_at, s.issued_at, s.due_at,
                greatest(least(g.deadline_at, g.cut_at), l.at) AS from_at,
                greatest(least(g.deadline_at, g.cut_at), l.at, s.due_at) AS due_from,
                h.subject_id IS NOT NULL AS was_held
            FROM grants s
            JOIN groups g ON g.merchant_id = s.merchant_id AND g.id = s.group_id
            LEFT JOIN learned l ON l.merchant_id = s.merchant_id AND l.subject_id = s.order_id
            LEFT JOIN held h ON h.merchant_id = s.merchant_id AND h.subject_id = s.id
        )
        SELECT format('grant %s/%s is %s: from %s, decided at %s, due at %s, credited at %s',
            merchant_id, id, state, from_at, decided_at, due_at, issued_at) AS key
        FROM clocked
        WHERE decided_at > from_at + {_CLOCK}
            OR (NOT was_held AND issued_at > due_from + {_CLOCK})
            OR (state = 'scheduled' AND CAST(:at AS timestamptz) > due_from + {_CLOCK})
        """,  # noqa: S608 - constants only
    ),
    probe(
        ASKED_BACK,
        f"""
        WITH learned AS ({_LEARNED}), released AS (
            SELECT merchant_id, subject_id, max(occurred_at) AS at FROM state_moves
            WHERE machine = 'order' AND to_state = 'refunding' GROUP BY 1, 2
        ), closed AS (
            SELECT merchant_id, subject_id, max(occurred_at) AS at FROM state_moves
            WHERE machine = 'refund' AND to_state = 'closed' GROUP BY 1, 2
        ), numbered AS (
            SELECT r.*, lag(r.id) OVER (
                PARTITION BY r.merchant_id, r.payment_id, r.purpose ORDER BY r.id) AS before_id
            FROM refunds r
        ), clocked AS (
            SELECT r.merchant_id, r.id, r.purpose, r.requested_at, CASE
                WHEN r.before_id IS NOT NULL THEN c.at
                WHEN r.purpose = 'failed'
                    THEN greatest(least(g.deadline_at, g.cut_at), l.at)
                WHEN p.outcome = 'seated' THEN b.at
                ELSE p.learned_at END AS from_at
            FROM numbered r
            JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
            JOIN orders o ON o.merchant_id = r.merchant_id AND o.id = r.order_id
            LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
            LEFT JOIN learned l ON l.merchant_id = o.merchant_id AND l.subject_id = o.id
            LEFT JOIN released b ON b.merchant_id = o.merchant_id AND b.subject_id = o.id
            LEFT JOIN closed c ON c.merchant_id = r.merchant_id AND c.subject_id = r.before_id
        )
        SELECT format('refund %s/%s (%s): from %s, requested at %s', merchant_id, id, purpose,
            from_at, requested_at) AS key
        FROM clocked WHERE requested_at > from_at + {_CLOCK}
        """,  # noqa: S608 - constants only
    ),
    probe(
        UNDECIDED,
        f"""
        SELECT format('order %s/%s, group %s is %s: deadline %s, cut %s', o.merchant_id, o.id, g.id,
            g.state, g.deadline_at, g.cut_at) AS key
        FROM groups g
        JOIN orders o ON o.merchant_id = g.merchant_id AND o.group_id = g.id AND o.state = 'paid'
        WHERE g.state IN ('open', 'frozen', 'closing')
            AND CAST(:at AS timestamptz) > least(g.deadline_at, g.cut_at) + {_CLOCK}
        """,  # noqa: S608 - constants only
    ),
)
