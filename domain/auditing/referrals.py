"""Invariant 12: who brought a shopper, once and truly; one reward for it, to the direct inviter."""

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
)
