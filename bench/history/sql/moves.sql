-- Each move of each row, in the order in which a row makes them: ids grow with time.
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, opened_at, 'group', id, 'pending', 'open', 'gateway:callback'
FROM made_groups;
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, ended_at, 'group', id, 'open', 'formed', 'settlement:form'
FROM made_groups WHERE state = 'formed';
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, ended_at, 'group', id, 'open', 'closing', 'settlement:fail'
FROM made_groups WHERE state = 'failed';
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, ended_at, 'group', id, 'closing', 'failed', 'settlement:fail'
FROM made_groups WHERE state = 'failed';
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, paid_at, m.machine, id, m.old, m.new, 'gateway:callback'
FROM made_orders CROSS JOIN (VALUES ('order', 'placed', 'paid'), ('seat', 'held', 'taken'))
    AS m (machine, old, new)
WHERE is_paid
ORDER BY n;
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, decided_at, 'order', id, 'paid',
    CASE group_state WHEN 'formed' THEN 'fulfilling' ELSE 'refunding' END, 'settlement:bench'
FROM made_orders WHERE is_paid AND group_state <> 'open';
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, decided_at, 'seat', id, 'taken', 'released', 'settlement:fail'
FROM made_orders WHERE is_paid AND group_state = 'failed';
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, ended_at, 'order', id, 'refunding', 'refunded', 'settlement:refund'
FROM made_orders WHERE is_paid AND group_state = 'failed';
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, releasing_at, 'seat', id, 'held', 'releasing', 'settlement:release'
FROM made_orders WHERE state = 'expired';
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, ended_at, m.machine, id, m.old, m.new, 'settlement:release'
FROM made_orders CROSS JOIN (VALUES ('order', 'placed', 'expired'),
    ('seat', 'releasing', 'released')) AS m (machine, old, new)
WHERE state = 'expired';
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, placed_at, 'payment', payment_id, 'created', 'pending', 'gateway:prepay'
FROM made_orders WHERE payment_id IS NOT NULL;
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, paid_at, 'payment', payment_id, 'pending', 'succeeded', 'gateway:callback'
FROM made_orders WHERE is_paid;
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, decided_at, 'refund', refund_id, 'requested', 'sending', 'driver'
FROM made_orders WHERE refund_id IS NOT NULL;
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, decided_at + interval '1 minute', 'refund', refund_id, 'sending', 'accepted',
    'driver'
FROM made_orders WHERE refund_id IS NOT NULL;
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, ended_at, 'refund', refund_id, 'accepted', 'arrived', 'gateway:callback'
FROM made_orders WHERE refund_id IS NOT NULL;
INSERT INTO state_moves
    (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
SELECT %(merchant_id)s, decided_at, 'grant', grant_id, 'decided', 'issued', 'settlement:fail'
FROM made_orders WHERE grant_id IS NOT NULL;
