"""Invariant 16, of copies: what a row repeats of another is what that other says."""

from domain.auditing.checks import Check, Probe, listed, probe
from domain.states import FINAL_WITHDRAWAL_STATES

GIFTS = Check(
    "gifts.of-their-pushes",
    16,
    "A gift of a coupon push is by its staff, for its reason, and of its time.",
)
WITHDRAWN = Check(
    "withdrawals.to-their-shoppers",
    16,
    "A withdrawal goes to its shopper's own account at its own mini-program; it awaited its"
    " shopper, and ended, when it moved there.",
)
DIRECTORY = Check(
    "directory.repeats-its-rows",
    11,
    "The directory's tokens and addresses are those of the shares and gateway accounts they name,"
    " each once.",
)
TOLD_WORK = Check(
    "work.settles-in-time",
    10,
    "The work that settles an open group, or issues a scheduled subsidy, is due no later than its"
    " deadline or its due date, while that is to come.",
)
COMPARED = Check(
    "reconciliations.recounted",
    16,
    "A compared day of a gateway account has as many lines as were kept of its bill, of which no"
    " more matched.",
)
NOTICES = Check(
    "notices.to-their-shoppers",
    16,
    "A notice about an order is for a shopper who is its own, or its sharer.",
)
FIRSTS = Check(
    "orders.firsts-recounted",
    16,
    "An order is a shopper's first paid one exactly if no other order of its was paid before it.",
)
NEWCOMERS = Check(
    "orders.newcomers-recounted",
    16,
    "An order was left exactly if its member moved it out of its group; it was a new shopper's when"
    " paid exactly if nothing was paid before it but what had been left.",
)
RISKS = Check(
    "orders.risks-recounted",
    16,
    "An order is under review exactly if it was judged so when it was placed or paid.",
)

PROBES: tuple[Probe, ...] = (
    probe(
        GIFTS,
        """
        SELECT format('gift %s/%s of push %s, by staff %s', f.merchant_id, f.id, f.push_id,
            f.staff_id) AS key
        FROM gifts f
        LEFT JOIN coupon_pushes p ON p.merchant_id = f.merchant_id AND p.id = f.push_id
        WHERE f.push_id IS NOT NULL AND (f.staff_id = p.staff_id AND f.reason = p.reason
            AND f.issued_at BETWEEN p.created_at AND coalesce(p.done_at, f.issued_at)) IS NOT TRUE
        """,
    ),
    probe(
        WITHDRAWN,
        f"""
        WITH moves AS (
            SELECT merchant_id, subject_id,
                min(occurred_at) FILTER (WHERE to_state = 'awaiting_shopper') AS awaiting_at,
                max(occurred_at) FILTER (WHERE to_state IN ({listed(FINAL_WITHDRAWAL_STATES)}))
                    AS ended_at
            FROM state_moves WHERE machine = 'withdrawal' GROUP BY 1, 2
        )
        SELECT format('withdrawal %s/%s of shopper %s to %s at %s, awaited from %s (%s), ended at'
            ' %s (%s)', w.merchant_id, w.id, w.shopper_id, w.payee_id, w.app_id, w.awaiting_at,
            m.awaiting_at, w.ended_at, m.ended_at) AS key
        FROM withdrawals w
        LEFT JOIN shoppers s ON s.merchant_id = w.merchant_id AND s.id = w.shopper_id
        LEFT JOIN moves m ON m.merchant_id = w.merchant_id AND m.subject_id = w.id
        WHERE (w.app_id = s.app_id AND w.payee_id = s.openid
            AND w.awaiting_at IS NOT DISTINCT FROM m.awaiting_at
            AND w.ended_at IS NOT DISTINCT FROM m.ended_at) IS NOT TRUE
        """,  # noqa: S608 - constants only
    ),
    probe(
        DIRECTORY,
        """
        SELECT format('share %s/%s has the token %s', coalesce(h.merchant_id, t.merchant_id),
            coalesce(h.id, t.share_id), t.token) AS key
        FROM shares h
        FULL JOIN share_tokens t ON t.merchant_id = h.merchant_id AND t.share_id = h.id
        WHERE h.token IS DISTINCT FROM t.token
        UNION ALL
        SELECT format('gateway account %s/%s has the address %s',
            coalesce(a.merchant_id, d.merchant_id), coalesce(a.id, d.gateway_account_id),
            d.public_id)
        FROM gateway_accounts a
        FULL JOIN gateway_addresses d ON d.merchant_id = a.merchant_id
            AND d.gateway_account_id = a.id
        WHERE a.public_id IS DISTINCT FROM d.public_id
        """,
    ),
    probe(
        TOLD_WORK,
        """
        SELECT format('%s of %s/%s is due at %s, not %s', w.kind, w.merchant_id, w.subject_id,
            w.due_at, coalesce(s.due_at, least(g.deadline_at, g.cut_at))) AS key
        FROM work_rows w
        LEFT JOIN groups g ON g.merchant_id = w.merchant_id AND g.id = w.subject_id
            AND w.kind = 'settle_group' AND g.state = 'open'
        LEFT JOIN grants s ON s.merchant_id = w.merchant_id AND s.id = w.subject_id
            AND w.kind = 'issue_grant' AND s.state = 'scheduled'
        WHERE w.kind IN ('settle_group', 'issue_grant') AND w.state = 'due'
            AND coalesce(s.due_at, least(g.deadline_at, g.cut_at)) > CAST(:at AS timestamptz)
            AND w.due_at > coalesce(s.due_at, least(g.deadline_at, g.cut_at))
        """,
    ),
    probe(
        COMPARED,
        """
        WITH kept AS (
            SELECT merchant_id, reconciliation_id, count(*) AS lines FROM bill_lines GROUP BY 1, 2
        )
        SELECT format('reconciliation %s/%s: %s lines of %s, %s matched', r.merchant_id, r.id,
            r.lines, coalesce(k.lines, 0), r.matched) AS key
        FROM reconciliations r
        LEFT JOIN kept k ON k.merchant_id = r.merchant_id AND k.reconciliation_id = r.id
        WHERE r.compared_at IS NOT NULL
            AND (r.lines = coalesce(k.lines, 0) AND r.matched BETWEEN 0 AND r.lines) IS NOT TRUE
        """,
    ),
    probe(
        NOTICES,
        """
        SELECT format('notice %s/%s (%s) of order %s for shopper %s', n.merchant_id, n.id, n.key,
            n.order_id, n.shopper_id) AS key
        FROM notices n
        JOIN orders o ON o.merchant_id = n.merchant_id AND o.id = n.order_id
        LEFT JOIN shares h ON h.merchant_id = o.merchant_id AND h.id = o.share_id
        WHERE n.shopper_id NOT IN (o.shopper_id, coalesce(h.shopper_id, o.shopper_id))
        """,
    ),
    probe(
        FIRSTS,
        """
        WITH paid AS (
            SELECT o.merchant_id, o.id, o.is_first_paid, m.id = min(m.id) OVER (
                PARTITION BY o.merchant_id, o.shopper_id) AS was_first
            FROM orders o
            JOIN state_moves m ON m.merchant_id = o.merchant_id AND m.machine = 'order'
                AND m.subject_id = o.id AND m.to_state = 'paid'
        )
        SELECT format('order %s/%s says %s', merchant_id, id, is_first_paid) AS key
        FROM paid WHERE is_first_paid IS DISTINCT FROM was_first
        UNION ALL
        SELECT format('order %s/%s says %s unpaid', merchant_id, id, is_first_paid)
        FROM orders WHERE paid_at IS NULL AND is_first_paid IS NOT NULL
        """,
    ),
    # Leaving takes no lock of the shopper: within a minute of a payment either may have been first.
    probe(
        NEWCOMERS,
        """
        WITH paid AS (
            SELECT o.merchant_id, o.id, o.is_new_paid, m.occurred_at,
                count(*) FILTER (WHERE o.left_at IS NULL) OVER earlier AS kept,
                max(o.left_at) OVER earlier AS left_at
            FROM orders o
            JOIN state_moves m ON m.merchant_id = o.merchant_id AND m.machine = 'order'
                AND m.subject_id = o.id AND m.to_state = 'paid'
            WINDOW earlier AS (
                PARTITION BY o.merchant_id, o.shopper_id ORDER BY m.id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        )
        SELECT format('order %s/%s: new %s, %s kept before it', merchant_id, id, is_new_paid, kept)
            AS key
        FROM paid
        WHERE CASE WHEN is_new_paid
            THEN kept > 0 OR left_at > occurred_at + interval '1 minute'
            ELSE is_new_paid IS NOT NULL AND kept = 0
                AND (left_at IS NULL OR left_at < occurred_at - interval '1 minute') END
        UNION ALL
        SELECT format('order %s/%s: left at %s (%s)', o.merchant_id, o.id, o.left_at, m.occurred_at)
        FROM orders o
        LEFT JOIN state_moves m ON m.merchant_id = o.merchant_id AND m.machine = 'order'
            AND m.subject_id = o.id AND m.from_state = 'paid' AND m.to_state = 'refunding'
            AND (m.actor LIKE 'shopper:%' OR m.actor LIKE 'gateway:%') AND o.group_id IS NOT NULL
        WHERE o.left_at IS DISTINCT FROM m.occurred_at
        """,
    ),
    probe(
        RISKS,
        """
        SELECT format('order %s/%s: %s', o.merchant_id, o.id, o.risk_outcome) AS key
        FROM orders o
        JOIN (
            SELECT merchant_id, order_id, bool_or(outcome <> 'allow') AS is_reviewed
            FROM risk_decisions WHERE point IN ('join', 'pay') AND order_id IS NOT NULL
            GROUP BY 1, 2
        ) j ON j.merchant_id = o.merchant_id AND j.order_id = o.id
        WHERE o.risk_outcome <> CASE WHEN j.is_reviewed THEN 'review' ELSE 'allow' END
        """,
    ),
)
