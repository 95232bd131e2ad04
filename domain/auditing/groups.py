"""Invariant 2: groups form with paid members only, in time; they keep the rules they opened by."""

from domain.auditing.checks import Check, Probe, probe

FORMED_FULL = Check(
    "groups.formed-full",
    2,
    "A formed group had exactly its size of paid members when it formed; one formed short had at"
    " least one, and was frozen by a named person.",
)
PAID_SEATS = Check(
    "groups.paid-seats-recounted",
    2,
    "The paid seats kept with a group that is over are its paid members, late ones included.",
)
NEVER_FORMED_AFTER_CUT = Check(
    "groups.never-formed-after-a-cut", 2, "No group formed after fail-now or cancel."
)
LED_BY_A_MEMBER = Check(
    "groups.led-by-a-paid-member",
    2,
    "An open group is led by a paid member; it has no leader only while nobody has paid.",
)
LED_BY_THE_EARLIEST = Check(
    "groups.led-by-the-earliest",
    2,
    "The leader of a group is the member who paid earliest of those who were heard of when it came"
    " to lead; a group that ended without members has none.",
)
KEEP_RULES = Check(
    "groups.keep-their-rules",
    2,
    "A group has the size and the largest subsidy of the rule version it was opened under.",
)

PROBES = (
    Probe(
        (FORMED_FULL, PAID_SEATS),
        f"""
        WITH formed AS (
            SELECT o.merchant_id, o.group_id, count(*) AS members
            FROM orders o
            JOIN state_moves m ON m.merchant_id = o.merchant_id AND m.machine = 'order'
                AND m.subject_id = o.id AND m.from_state = 'paid' AND m.to_state = 'fulfilling'
            WHERE o.group_id IS NOT NULL AND o.paid_at IS NOT NULL GROUP BY 1, 2
        ), decided AS (
            SELECT merchant_id, group_id, count(*) AS members FROM grants
            GROUP BY 1, 2
        ), judged AS (
            SELECT g.merchant_id, g.id, g.state, g.size, g.paid_seats,
                coalesce(f.members, 0) AS formed, coalesce(d.members, 0) AS decided,
                CASE g.state
                    WHEN 'formed' THEN coalesce(f.members, 0) = g.size
                    WHEN 'formed_short' THEN coalesce(f.members, 0) BETWEEN 1 AND g.size
                        AND EXISTS (
                            SELECT 1 FROM state_moves m
                            WHERE m.merchant_id = g.merchant_id AND m.machine = 'group'
                                AND m.subject_id = g.id AND m.to_state = 'frozen'
                                AND m.actor LIKE 'staff:%')
                    ELSE f.members IS NULL END AS is_full,
                coalesce(g.paid_seats, 0) = CASE
                    WHEN g.state IN ('formed', 'formed_short') THEN coalesce(f.members, 0)
                    WHEN g.state IN ('failed', 'cancelled') THEN coalesce(d.members, 0)
                    ELSE 0 END AS is_kept
            FROM groups g
            LEFT JOIN formed f ON f.merchant_id = g.merchant_id AND f.group_id = g.id
            LEFT JOIN decided d ON d.merchant_id = g.merchant_id AND d.group_id = g.id
        ), wrong AS (
            SELECT * FROM judged WHERE NOT (is_full AND is_kept)
        )
        SELECT v.name, format('group %s/%s is %s: size %s, paid seats %s, formed with %s, failed'
            ' with %s', merchant_id, id, state, size, paid_seats, formed, decided) AS key
        FROM wrong CROSS JOIN LATERAL (VALUES
            ('{FORMED_FULL.name}', is_full),
            ('{PAID_SEATS.name}', is_kept)
        ) AS v (name, is_so)
        WHERE NOT v.is_so
        """,  # noqa: S608 - constants only
    ),
    probe(
        NEVER_FORMED_AFTER_CUT,
        """
        SELECT format('group %s/%s, cut at %s, for %s', g.merchant_id, g.id, g.cut_at, g.end_reason)
            AS key
        FROM groups g
        JOIN state_moves m ON m.merchant_id = g.merchant_id AND m.machine = 'group'
            AND m.subject_id = g.id AND m.to_state = 'formed'
        WHERE (m.from_state = 'closing' AND g.end_reason IS DISTINCT FROM 'deadline')
            OR (m.from_state <> 'frozen' AND g.cut_at IS NOT NULL)
        """,
    ),
    probe(
        LED_BY_A_MEMBER,
        """
        SELECT format('group %s/%s, leader %s', g.merchant_id, g.id, g.leader_id) AS key
        FROM groups g
        LEFT JOIN (
            SELECT o.merchant_id, o.group_id, array_agg(o.shopper_id) AS shoppers
            FROM orders o JOIN groups r ON r.merchant_id = o.merchant_id AND r.id = o.group_id
            WHERE r.state = 'open' AND o.state = 'paid' GROUP BY 1, 2
        ) paid ON paid.merchant_id = g.merchant_id AND paid.group_id = g.id
        WHERE g.state = 'open' AND CASE
            WHEN g.leader_id IS NULL THEN paid.shoppers IS NOT NULL
            ELSE coalesce(g.leader_id <> ALL (paid.shoppers), true) END
        """,
    ),
    probe(
        LED_BY_THE_EARLIEST,
        """
        WITH members AS (
            SELECT o.merchant_id, o.group_id, o.shopper_id, o.paid_at, o.id, m.id AS heard
            FROM orders o
            JOIN state_moves m ON m.merchant_id = o.merchant_id AND m.machine = 'order'
                AND m.subject_id = o.id AND m.to_state = 'paid'
            LEFT JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
            WHERE o.group_id IS NOT NULL AND (o.seat_state = 'taken' OR s.id IS NOT NULL)
        ), led AS (
            SELECT g.merchant_id, g.id, g.state, g.leader_id, l.id AS order_id, l.paid_at, l.heard
            FROM groups g
            LEFT JOIN members l ON l.merchant_id = g.merchant_id AND l.group_id = g.id
                AND l.shopper_id = g.leader_id
        )
        SELECT format('group %s/%s is %s, led by %s, who paid at %s', l.merchant_id, l.id, l.state,
            l.leader_id, l.paid_at) AS key
        FROM led l
        LEFT JOIN (
            SELECT l.merchant_id, l.id FROM led l
            JOIN members e ON e.merchant_id = l.merchant_id AND e.group_id = l.id
                AND (e.paid_at, e.id) < (l.paid_at, l.order_id) AND e.heard < l.heard
            GROUP BY 1, 2
        ) before ON before.merchant_id = l.merchant_id AND before.id = l.id
        WHERE before.id IS NOT NULL OR CASE
            WHEN l.state IN ('formed', 'formed_short', 'failed', 'cancelled')
                THEN l.order_id IS NULL
            WHEN l.state IN ('pending', 'abandoned', 'closed') THEN l.leader_id IS NOT NULL
            ELSE false END
        """,
    ),
    probe(
        KEEP_RULES,
        """
        SELECT format('group %s/%s: size %s, largest subsidy %s fen', g.merchant_id, g.id, g.size,
            g.largest_subsidy_fen) AS key
        FROM groups g
        LEFT JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
        WHERE r.id IS NULL OR r.campaign_id <> g.campaign_id
            OR g.size <> (r.terms ->> 'group_size')::bigint
            OR g.largest_subsidy_fen <> (r.terms -> 'subsidy' ->> 'amount_fen')::bigint
                + coalesce((r.terms -> 'subsidy' ->> 'new_shopper_fen')::bigint, 0)
                + coalesce((r.terms -> 'subsidy' ->> 'invite_fen')::bigint
                    * (r.terms -> 'subsidy' ->> 'invites_most')::bigint, 0)
            OR g.largest_reward_fen <> coalesce(greatest(
                (r.terms -> 'reward' ->> 'formed_fen')::bigint,
                (r.terms -> 'reward' ->> 'failed_fen')::bigint), 0)
        """,
    ),
)
