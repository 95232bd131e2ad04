"""Invariant 12: who brought a shopper, once and truly; one reward for it, to the direct inviter.

A share that was opened less than a minute before an order may count or not: the two raced.
"""

from domain.auditing.checks import Check, Probe, probe

BOUND = Check(
    "referrals.bound-truly",
    12,
    "A shopper is bound once, by an order of its own that formed or failed, to the sharer of a"
    " share it came by in the seven days before; never to itself, and never in a circle.",
)
REWARDED = Check(
    "rewards.one-per-referral",
    12,
    "A referral has at most one reward, to its referrer, for the order that bound it and of what"
    " the rules of that order's group give; it has none where the order is under review, and else"
    " only where they give nothing or one of the two is, or was, flagged.",
)
BOUND_BY_FIRST = Check(
    "referrals.bound-by-the-first",
    12,
    "The order that bound a shopper was its first by payment of all that had formed, failed or been"
    " bought alone by then; it was bound, and rewarded, when its group was looked at for rewards.",
)
CAME_BY = Check(
    "orders.came-by-their-share",
    12,
    "A seat came by the share of somebody else that its join named, or by the last share of its"
    " group that its shopper opened or registered by; by none only where there is none.",
)
INVITES = Check(
    "grants.count-invites",
    12,
    "A subsidy counts the seats of its group that were paid through its member's share when it was"
    " decided, up to the rules' most: as many as its orders say, not one less.",
)

# What ended less than a minute before a binding may have been committed after it.
_BOUND_BY_FIRST = """
    WITH ended AS (
        SELECT o.merchant_id, o.id, o.shopper_id, o.paid_at,
            coalesce(s.decided_at, g.ended_at, m.occurred_at) AS ended_at
        FROM orders o
        LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
        LEFT JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
        LEFT JOIN state_moves m ON m.merchant_id = o.merchant_id AND m.machine = 'order'
            AND m.subject_id = o.id AND m.to_state = 'paid' AND o.group_id IS NULL
        WHERE o.paid_at IS NOT NULL AND (o.group_id IS NULL OR s.id IS NOT NULL
            OR (g.state IN ('formed', 'formed_short') AND o.seat_state = 'taken'))
    ), bound AS (
        SELECT r.merchant_id, r.id, r.shopper_id, r.order_id, r.bound_at, o.paid_at, w.issued_at,
            m.at AS rewarded_at
        FROM referrals r
        LEFT JOIN orders o ON o.merchant_id = r.merchant_id AND o.id = r.order_id
        LEFT JOIN rewards w ON w.merchant_id = r.merchant_id AND w.referral_id = r.id
        LEFT JOIN campaign_movements m ON m.merchant_id = o.merchant_id
            AND m.group_id = o.group_id AND m.reason = 'rewarded'
    )
    SELECT format('referral %s/%s by order %s, paid at %s, bound at %s; order %s was paid at %s and'
        ' ended at %s', b.merchant_id, b.id, b.order_id, b.paid_at, b.bound_at, e.id, e.paid_at,
        e.ended_at) AS key
    FROM bound b
    JOIN ended e ON e.merchant_id = b.merchant_id AND e.shopper_id = b.shopper_id
        AND (e.paid_at, e.id) < (b.paid_at, b.order_id)
        AND e.ended_at < b.bound_at - interval '1 minute'
    UNION ALL
    SELECT format('referral %s/%s: bound at %s, its group looked at at %s, rewarded at %s',
        merchant_id, id, bound_at, rewarded_at, issued_at)
    FROM bound
    WHERE (bound_at = rewarded_at AND coalesce(issued_at = bound_at, true)) IS NOT TRUE
"""
_CAME_BY = """
    WITH joined AS (
        SELECT o.merchant_id, o.id, o.shopper_id, o.group_id, o.placed_at, o.share_id,
            coalesce(o.share_source, 'token') AS source, h.shopper_id AS sharer_id,
            coalesce(h.group_id = o.group_id, false) AS is_of_group
        FROM orders o
        LEFT JOIN shares h ON h.merchant_id = o.merchant_id AND h.id = o.share_id
        WHERE o.group_id IS NOT NULL
    ), opened AS (
        SELECT j.merchant_id, j.id, v.share_id, 'visit' AS source, v.occurred_at AS at
        FROM joined j
        JOIN visits v ON v.merchant_id = j.merchant_id AND v.shopper_id = j.shopper_id
        JOIN shares h ON h.merchant_id = v.merchant_id AND h.id = v.share_id
            AND h.group_id = j.group_id AND h.shopper_id <> j.shopper_id
        UNION ALL
        SELECT j.merchant_id, j.id, h.id, 'registration', s.created_at
        FROM joined j
        JOIN shoppers s ON s.merchant_id = j.merchant_id AND s.id = j.shopper_id
        JOIN shares h ON h.merchant_id = s.merchant_id AND h.id = s.came_by_share_id
            AND h.group_id = j.group_id AND h.shopper_id <> j.shopper_id
    ), found AS (
        SELECT j.merchant_id, j.id, max(p.at) AS at FROM joined j
        JOIN opened p ON p.merchant_id = j.merchant_id AND p.id = j.id
            AND p.share_id = j.share_id AND p.source = j.source
            AND p.at <= j.placed_at + interval '1 minute'
        GROUP BY 1, 2
    ), missed AS (
        SELECT j.merchant_id, j.id FROM joined j
        JOIN opened p ON p.merchant_id = j.merchant_id AND p.id = j.id
            AND p.at < j.placed_at - interval '1 minute'
        LEFT JOIN found f ON f.merchant_id = j.merchant_id AND f.id = j.id
        WHERE NOT (j.is_of_group AND j.source = 'token')
            AND (NOT j.is_of_group OR p.at > f.at)
        GROUP BY 1, 2
    )
    SELECT format('order %s/%s of shopper %s: share %s by %s', j.merchant_id, j.id, j.shopper_id,
        j.share_id, j.source) AS key
    FROM joined j
    LEFT JOIN found f ON f.merchant_id = j.merchant_id AND f.id = j.id
    LEFT JOIN missed m ON m.merchant_id = j.merchant_id AND m.id = j.id
    WHERE m.id IS NOT NULL OR (j.share_id IS NOT NULL AND (
        j.sharer_id IS NULL OR j.sharer_id = j.shopper_id
        OR (j.source <> 'token' AND (NOT j.is_of_group OR f.id IS NULL))))
"""
# Whoever paid in time and was heard late is decided after the others, who do not count that seat.
_INVITES = """
    WITH late AS (
        SELECT merchant_id, order_id FROM campaign_movements WHERE reason = 'joined_late'
    ), decided AS (
        SELECT s.merchant_id, s.id, s.group_id, s.shopper_id, s.decided_at,
            l.order_id IS NOT NULL AS is_late, (r.terms -> 'subsidy' ->> 'invite_fen')::bigint > 0
                AS pays_invites, (r.terms -> 'subsidy' ->> 'invites_most')::bigint AS most,
            (SELECT coalesce(sum((part ->> 'count')::bigint), 0)
                FROM jsonb_array_elements(s.parts) AS part
                WHERE part ->> 'kind' = 'invites') AS counted
        FROM grants s
        JOIN groups g ON g.merchant_id = s.merchant_id AND g.id = s.group_id
        JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
        LEFT JOIN late l ON l.merchant_id = s.merchant_id AND l.order_id = s.order_id
    ), brought AS (
        SELECT d.merchant_id, d.id, count(*) AS seats
        FROM decided d
        JOIN shares h ON h.merchant_id = d.merchant_id AND h.group_id = d.group_id
            AND h.shopper_id = d.shopper_id
        JOIN orders o ON o.merchant_id = h.merchant_id AND o.share_id = h.id
            AND o.group_id = h.group_id AND o.shopper_id <> h.shopper_id
            AND o.risk_outcome = 'allow'
        JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
        LEFT JOIN late l ON l.merchant_id = s.merchant_id AND l.order_id = s.order_id
        WHERE d.is_late OR l.order_id IS NULL
        GROUP BY 1, 2
    )
    SELECT format('grant %s/%s counts %s invites of %s', d.merchant_id, d.id, d.counted,
        coalesce(b.seats, 0)) AS key
    FROM decided d
    LEFT JOIN brought b ON b.merchant_id = d.merchant_id AND b.id = d.id
    WHERE d.counted > CASE WHEN d.pays_invites THEN least(d.most, coalesce(b.seats, 0)) ELSE 0 END
        OR (NOT d.is_late AND d.pays_invites AND d.counted < least(d.most, coalesce(b.seats, 0)))
"""

PROBES: tuple[Probe, ...] = (
    probe(
        BOUND,
        """
        WITH RECURSIVE above AS (
            SELECT merchant_id, shopper_id, referrer_id FROM referrals
            UNION
            SELECT a.merchant_id, a.shopper_id, r.referrer_id
            FROM above a
            JOIN referrals r ON r.merchant_id = a.merchant_id AND r.shopper_id = a.referrer_id
            WHERE a.referrer_id <> a.shopper_id
        ), seen AS (
            SELECT r.merchant_id, r.id FROM referrals r
            JOIN orders o ON o.merchant_id = r.merchant_id AND o.id = r.order_id
            LEFT JOIN visits v ON v.merchant_id = r.merchant_id AND v.share_id = r.share_id
                AND v.shopper_id = r.shopper_id
            LEFT JOIN shoppers s ON s.merchant_id = r.merchant_id AND s.id = r.shopper_id
            WHERE o.share_id = r.share_id
                OR v.occurred_at BETWEEN o.placed_at - interval '7 days' AND o.placed_at
                OR (s.came_by_share_id = r.share_id
                    AND s.created_at >= o.placed_at - interval '7 days')
            GROUP BY 1, 2
        ), ended AS (
            SELECT o.merchant_id, o.id, o.shopper_id FROM orders o
            JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
            WHERE g.state IN ('formed', 'formed_short') AND o.paid_at IS NOT NULL
            UNION ALL
            SELECT merchant_id, order_id, shopper_id FROM grants
        )
        SELECT format('referral %s/%s of shopper %s to %s by order %s', r.merchant_id, r.id,
            r.shopper_id, r.referrer_id, r.order_id) AS key
        FROM (
            SELECT *, count(*) OVER (PARTITION BY merchant_id, shopper_id) AS times FROM referrals
        ) r
        LEFT JOIN shares h ON h.merchant_id = r.merchant_id AND h.id = r.share_id
        LEFT JOIN seen n ON n.merchant_id = r.merchant_id AND n.id = r.id
        LEFT JOIN ended e ON e.merchant_id = r.merchant_id AND e.id = r.order_id
        LEFT JOIN above c ON c.merchant_id = r.merchant_id AND c.shopper_id = r.shopper_id
            AND c.referrer_id = r.shopper_id
        WHERE r.times > 1 OR h.shopper_id IS DISTINCT FROM r.referrer_id OR n.id IS NULL
            OR e.shopper_id IS DISTINCT FROM r.shopper_id OR c.shopper_id IS NOT NULL
        """,
    ),
    probe(
        REWARDED,
        """
        WITH given AS (
            SELECT r.merchant_id, r.id, r.referrer_id, r.shopper_id, r.order_id,
                g.id AS group_id, g.campaign_id, o.risk_outcome <> 'allow' AS is_reviewed,
                CASE WHEN g.state = 'failed' THEN 'failed' ELSE 'formed' END AS outcome,
                (v.terms -> 'reward' ->> CASE WHEN g.state = 'failed' THEN 'failed_fen'
                    ELSE 'formed_fen' END)::bigint AS amount_fen
            FROM referrals r
            JOIN orders o ON o.merchant_id = r.merchant_id AND o.id = r.order_id
            JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
            JOIN rule_versions v ON v.merchant_id = g.merchant_id AND v.id = g.rule_version_id
        ), rewarded AS (
            SELECT *, count(*) OVER (PARTITION BY merchant_id, referral_id) AS times FROM rewards
        ), flagged AS (
            SELECT merchant_id, id FROM shoppers WHERE flag IS NOT NULL
            UNION
            SELECT merchant_id, subject_id FROM audit_log WHERE subject_kind = 'shopper'
        )
        SELECT format('referral %s/%s, rewarded %s times with %s instead of %s',
            coalesce(n.merchant_id, w.merchant_id), coalesce(n.id, w.referral_id),
            coalesce(w.times, 0), w.amount_fen, n.amount_fen) AS key
        FROM given n
        FULL JOIN rewarded w ON w.merchant_id = n.merchant_id AND w.referral_id = n.id
        LEFT JOIN flagged f ON f.merchant_id = n.merchant_id AND f.id = n.referrer_id
        LEFT JOIN flagged b ON b.merchant_id = n.merchant_id AND b.id = n.shopper_id
        WHERE CASE WHEN w.id IS NULL THEN coalesce(n.amount_fen, 0) > 0 AND NOT n.is_reviewed
                AND f.id IS NULL AND b.id IS NULL
            ELSE w.times > 1 OR n.is_reviewed
                OR (w.referrer_id, w.order_id, w.group_id, w.campaign_id, w.outcome, w.amount_fen)
                    IS DISTINCT FROM (n.referrer_id, n.order_id, n.group_id, n.campaign_id,
                        n.outcome, n.amount_fen) END
        """,
    ),
    probe(BOUND_BY_FIRST, _BOUND_BY_FIRST),
    probe(CAME_BY, _CAME_BY),
    probe(INVITES, _INVITES),
)
