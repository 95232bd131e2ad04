-- Facts, work (done, or due for what runs), notices.
CREATE TEMP TABLE made_facts ON COMMIT DROP AS
SELECT nextval(pg_get_serial_sequence('facts', 'id')) AS id, f.* FROM (
    SELECT 'group.' || state AS kind, id AS subject_id, ended_at AS at
    FROM made_groups WHERE state <> 'open'
    UNION ALL
    SELECT 'order.refunded', id, ended_at FROM made_orders WHERE state = 'refunded'
) f;

INSERT INTO facts (merchant_id, id, kind, subject_id, at)
SELECT %(merchant_id)s, id, kind, subject_id, at FROM made_facts ORDER BY id;

INSERT INTO work_rows (merchant_id, kind, subject_id, state, due_at, attempts, fence)
SELECT %(merchant_id)s, w.kind, w.subject_id, CASE WHEN w.is_due THEN 'due' ELSE 'done' END, w.due_at,
    CASE WHEN w.is_due THEN 0 ELSE 1 END, CASE WHEN w.is_due THEN 0 ELSE 1 END
FROM (
    SELECT 'settle_group' AS kind, id AS subject_id, state = 'open' AS is_due, deadline_at AS due_at
    FROM made_groups
    UNION ALL
    SELECT 'drive_payment', payment_id, NOT is_paid, placed_at + interval '30 seconds'
    FROM made_orders WHERE payment_id IS NOT NULL
    UNION ALL
    SELECT 'drive_refund', refund_id, false, decided_at
    FROM made_orders WHERE refund_id IS NOT NULL
    UNION ALL
    SELECT 'notify', id, false, at FROM made_facts
) w;

INSERT INTO notices (merchant_id, shopper_id, order_id, key, parameters, created_at)
SELECT %(merchant_id)s, o.shopper_id, o.id, n.key,
    jsonb_build_object('group', o.group_public_id, 'title', %(title)s, 'order', o.public_id,
        'refund_fen', CASE o.state WHEN 'refunded' THEN %(price_fen)s END,
        'subsidy_fen', CASE o.state WHEN 'refunded' THEN %(subsidy_fen)s END,
        'subsidy_state', CASE o.state WHEN 'refunded' THEN 'issued' END), n.at
FROM made_orders o CROSS JOIN LATERAL (VALUES
    ('group.' || o.group_state, o.decided_at, o.group_state <> 'open'),
    ('order.refunded', o.ended_at, o.state = 'refunded')
) AS n (key, at, is_so)
WHERE o.is_paid AND n.is_so;
