"""Invariant 7, of campaigns: no budget and no stock is overrun; no promise goes unpaid."""

from domain.auditing.checks import Check, Probe, probe

BUDGET_KEPT = Check(
    "budgets.kept", 7, "Committed and spent together never exceed a campaign's budget."
)
COMMITTED_COVERED = Check(
    "budgets.commitments-covered",
    7,
    "What a campaign's groups may still cost, recounted, is never more than its committed counter.",
)
BUDGET_RECOUNTED = Check(
    "budgets.recounted",
    7,
    "Committed and spent, with the movements to be folded, are what groups, seats, grants and"
    " rewards say.",
)
STOCK_KEPT = Check(
    "stock.kept",
    7,
    "Stock set aside and consumed never exceeds a campaign's stock; no stock is negative.",
)
STOCK_RECOUNTED = Check(
    "stock.recounted",
    7,
    "Stock set aside and consumed, with the movements to be folded, are what the groups say.",
)
TOTALS_RECOUNTED = Check(
    "campaigns.totals-recounted",
    7,
    "A campaign's groups opened, formed and failed, and people paid, are what its rows say.",
)

GOODWILL_KEPT = Check(
    "goodwill.recounted",
    7,
    "What is spent of a merchant's goodwill budget is what its gifts were worth, with what is set"
    " aside for pushes, and within it.",
)
PUSHES_KEPT = Check(
    "pushes.recounted",
    7,
    "A coupon push gives its own coupon to no more shoppers than were counted for it; once it is"
    " done, what it gave is what was set aside; until then it has work.",
)

PROBES = (
    probe(
        GOODWILL_KEPT,
        """
        SELECT format('merchant %s: spent %s of %s fen, recounted %s', m.merchant_id,
            m.goodwill_spent_fen, m.goodwill_budget_fen, coalesce(g.fen, 0)) AS key
        FROM merchant_settings m
        LEFT JOIN (
            SELECT merchant_id, sum(fen) AS fen
            FROM (
                SELECT merchant_id, amount_fen AS fen FROM gifts WHERE push_id IS NULL
                UNION ALL SELECT merchant_id, set_aside_fen FROM coupon_pushes
            ) s
            GROUP BY 1
        ) g ON g.merchant_id = m.merchant_id
        WHERE m.goodwill_spent_fen <> coalesce(g.fen, 0)
            OR m.goodwill_spent_fen > m.goodwill_budget_fen
        """,
    ),
    probe(
        PUSHES_KEPT,
        """
        SELECT format('push %s/%s: %s of %s coupons, %s fen set aside', p.merchant_id, p.id,
            coalesce(g.given, 0), p.shoppers, p.set_aside_fen) AS key
        FROM coupon_pushes p
        LEFT JOIN (
            SELECT g.merchant_id, g.push_id, count(*) AS given,
                bool_and(g.kind = 'coupon' AND g.amount_fen = q.value_fen) AS is_own
            FROM gifts g
            JOIN coupon_pushes q ON q.merchant_id = g.merchant_id AND q.id = g.push_id
            GROUP BY 1, 2
        ) g ON g.merchant_id = p.merchant_id AND g.push_id = p.id
        WHERE coalesce(g.given, 0) > p.shoppers OR NOT coalesce(g.is_own, true)
            OR p.set_aside_fen <> p.value_fen * CASE WHEN p.done_at IS NULL THEN p.shoppers
                ELSE coalesce(g.given, 0) END
            OR (p.done_at IS NULL AND NOT EXISTS (
                SELECT FROM work_rows w
                WHERE w.merchant_id = p.merchant_id AND w.kind = 'give_push'
                    AND w.subject_id = p.id AND w.state <> 'done'))
        """,
    ),
    Probe(
        (
            BUDGET_KEPT,
            COMMITTED_COVERED,
            BUDGET_RECOUNTED,
            STOCK_KEPT,
            STOCK_RECOUNTED,
            TOTALS_RECOUNTED,
        ),
        f"""
        WITH releasing AS (
            SELECT merchant_id, group_id, count(*) AS seats
            FROM orders WHERE seat_state = 'releasing' GROUP BY 1, 2
        ), of_groups AS (
            SELECT g.merchant_id, g.campaign_id,
                sum(CASE
                    WHEN g.state IN ('pending', 'open', 'frozen', 'closing')
                        THEN g.size * (g.largest_subsidy_fen + g.largest_reward_fen)
                    WHEN g.state IN ('failed', 'cancelled')
                        THEN coalesce(r.seats, 0) * g.largest_subsidy_fen
                    ELSE 0 END
                    + CASE WHEN g.state IN ('formed', 'formed_short', 'failed', 'cancelled')
                        AND w.group_id IS NULL THEN g.size * g.largest_reward_fen ELSE 0 END
                ) AS committed,
                sum(g.size) FILTER (WHERE g.state IN ('pending', 'open', 'frozen', 'closing'))
                    AS stock_committed,
                count(*) FILTER (WHERE g.opened_at IS NOT NULL) AS opened,
                count(*) FILTER (WHERE g.state = 'formed') AS formed,
                count(*) FILTER (WHERE g.state = 'failed') AS failed
            FROM groups g
            LEFT JOIN releasing r ON r.merchant_id = g.merchant_id AND r.group_id = g.id
            LEFT JOIN campaign_movements w ON w.merchant_id = g.merchant_id
                AND w.group_id = g.id AND w.reason = 'rewarded'
            GROUP BY 1, 2
        ), of_orders AS (
            SELECT o.merchant_id, o.campaign_id, count(*) AS sold FROM orders o
            WHERE o.campaign_id IS NOT NULL AND (
                o.state IN ('fulfilling', 'fulfilled', 'aftersale')
                OR o.state IN ('refunding', 'refunded') AND EXISTS (
                    SELECT 1 FROM state_moves m
                    WHERE m.merchant_id = o.merchant_id AND m.machine = 'order'
                        AND m.subject_id = o.id AND m.to_state = 'fulfilling'))
            GROUP BY 1, 2
        ), of_grants AS (
            SELECT merchant_id, campaign_id, count(*) AS members,
                sum(amount_fen) FILTER (WHERE state IN ('decided', 'scheduled', 'held')) AS held,
                sum(amount_fen) FILTER (WHERE state IN ('issued', 'clawed_back')) AS issued
            FROM grants GROUP BY 1, 2
        ), of_rewards AS (
            SELECT merchant_id, campaign_id, sum(amount_fen) AS issued FROM rewards GROUP BY 1, 2
        ), unfolded AS (
            SELECT merchant_id, campaign_id, sum(committed_fen) AS committed,
                sum(spent_fen) AS spent, sum(stock_committed) AS stock_committed,
                sum(stock_consumed) AS stock_consumed, sum(groups_opened) AS opened,
                sum(groups_formed) AS formed, sum(groups_failed) AS failed,
                sum(people_paid) AS people
            FROM campaign_movements WHERE folded_at IS NULL GROUP BY 1, 2
        ), sums AS (
            SELECT c.merchant_id, c.id, c.budget_fen, c.committed_fen, c.spent_fen, c.stock_units,
                c.stock_committed, c.stock_consumed,
                c.committed_fen + coalesce(u.committed, 0) AS said_committed,
                c.spent_fen + coalesce(u.spent, 0) AS said_spent,
                c.stock_committed + coalesce(u.stock_committed, 0) AS said_stock_committed,
                c.stock_consumed + coalesce(u.stock_consumed, 0) AS said_stock_consumed,
                coalesce(g.committed, 0) + coalesce(s.held, 0) AS committed,
                coalesce(s.issued, 0) + coalesce(w.issued, 0) AS spent,
                coalesce(g.stock_committed, 0) AS stock_reserved,
                coalesce(o.sold, 0) AS sold,
                ARRAY[c.groups_opened + coalesce(u.opened, 0),
                    c.groups_formed + coalesce(u.formed, 0),
                    c.groups_failed + coalesce(u.failed, 0),
                    c.people_paid + coalesce(u.people, 0)]::numeric[] AS said_totals,
                ARRAY[coalesce(g.opened, 0), coalesce(g.formed, 0), coalesce(g.failed, 0),
                    coalesce(o.sold, 0) + coalesce(s.members, 0)]::numeric[] AS totals
            FROM campaigns c
            LEFT JOIN of_groups g ON g.merchant_id = c.merchant_id AND g.campaign_id = c.id
            LEFT JOIN of_orders o ON o.merchant_id = c.merchant_id AND o.campaign_id = c.id
            LEFT JOIN of_grants s ON s.merchant_id = c.merchant_id AND s.campaign_id = c.id
            LEFT JOIN of_rewards w ON w.merchant_id = c.merchant_id AND w.campaign_id = c.id
            LEFT JOIN unfolded u ON u.merchant_id = c.merchant_id AND u.campaign_id = c.id
        )
        SELECT v.name, format('campaign %s/%s: %s', merchant_id, id, v.why) AS key
        FROM sums CROSS JOIN LATERAL (VALUES
            ('{BUDGET_KEPT.name}',
                committed_fen >= 0 AND spent_fen >= 0 AND committed_fen + spent_fen <= budget_fen
                    AND committed + spent <= budget_fen,
                format('committed %s (recounted %s) and spent %s (%s) of %s fen', committed_fen,
                    committed, spent_fen, spent, budget_fen)),
            ('{COMMITTED_COVERED.name}', committed <= committed_fen,
                format('committed %s fen, recounted %s', committed_fen, committed)),
            ('{BUDGET_RECOUNTED.name}', committed = said_committed AND spent = said_spent,
                format('committed %s fen, recounted %s; spent %s, recounted %s', said_committed,
                    committed, said_spent, spent)),
            ('{STOCK_KEPT.name}',
                stock_committed >= 0 AND stock_consumed >= 0
                    AND stock_committed + stock_consumed <= stock_units
                    AND stock_reserved + sold <= stock_units,
                format('set aside %s (recounted %s) and consumed %s (%s) of %s', stock_committed,
                    stock_reserved, stock_consumed, sold, stock_units)),
            ('{STOCK_RECOUNTED.name}',
                stock_reserved = said_stock_committed AND sold = said_stock_consumed,
                format('set aside %s, recounted %s; consumed %s, recounted %s',
                    said_stock_committed, stock_reserved, said_stock_consumed, sold)),
            ('{TOTALS_RECOUNTED.name}', said_totals = totals,
                format('opened, formed, failed, people: %s, recounted %s', said_totals, totals))
        ) AS v (name, is_so, why)
        WHERE NOT v.is_so
        UNION ALL
        SELECT '{STOCK_KEPT.name}', format('variant %s/%s: %s units', merchant_id, id, stock_units)
        FROM variants WHERE stock_units < 0
        """,  # noqa: S608 - constants only
    ),
)
