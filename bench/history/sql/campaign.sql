-- What the groups moved in their campaign, folded already.
INSERT INTO campaign_movements (merchant_id, campaign_id, group_id, reason, committed_fen,
    spent_fen, stock_committed, stock_consumed, groups_opened, groups_formed, groups_failed,
    people_paid, at, folded_at)
SELECT %(merchant_id)s, %(campaign_id)s, g.id, m.reason, m.committed, m.spent,
    m.stock_committed, m.consumed, m.opened, m.formed, m.failed, m.people, m.at, m.at
FROM made_groups g
JOIN made_orders l ON l.group_id = g.id AND l.seat = 0
CROSS JOIN LATERAL (VALUES
    ('pending', %(size)s * %(subsidy_fen)s, 0, %(size)s, 0, 0, 0, 0, 0, l.placed_at, true),
    ('opened', 0, 0, 0, 0, 1, 0, 0, 0, g.opened_at, true),
    ('formed', -%(size)s * %(subsidy_fen)s, 0, -%(size)s, %(size)s, 0, 1, 0, g.paid, g.ended_at,
        g.state = 'formed'),
    ('failed', -%(size)s * %(subsidy_fen)s, g.paid * %(subsidy_fen)s, -%(size)s, 0, 0, 0, 1, g.paid,
        g.ended_at, g.state = 'failed')
) AS m (reason, committed, spent, stock_committed, consumed, opened, formed, failed, people, at,
    is_so)
WHERE m.is_so;

UPDATE campaigns c SET
    committed_fen = c.committed_fen + s.running * %(size)s * %(subsidy_fen)s,
    spent_fen = c.spent_fen + s.granted * %(subsidy_fen)s,
    stock_committed = c.stock_committed + s.running * %(size)s,
    stock_consumed = c.stock_consumed + s.formed * %(size)s,
    groups_opened = c.groups_opened + s.opened, groups_formed = c.groups_formed + s.formed,
    groups_failed = c.groups_failed + s.failed, people_paid = c.people_paid + s.people
FROM (
    SELECT count(*) AS opened, count(*) FILTER (WHERE state = 'open') AS running,
        count(*) FILTER (WHERE state = 'formed') AS formed,
        count(*) FILTER (WHERE state = 'failed') AS failed,
        coalesce(sum(paid) FILTER (WHERE state = 'failed'), 0) AS granted,
        coalesce(sum(paid) FILTER (WHERE state <> 'open'), 0) AS people
    FROM made_groups
) s
WHERE c.merchant_id = %(merchant_id)s AND c.id = %(campaign_id)s;
