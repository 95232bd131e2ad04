-- Groups, orders, payments, refunds, grants, and the days of their shoppers.
INSERT INTO groups (merchant_id, id, public_id, campaign_id, rule_version_id, state, size,
    largest_subsidy_fen, taken, held, releasing, version, paid_seats, leader_id, end_reason,
    created_at, opened_at, deadline_at, ended_at, moved_at, moved_by)
SELECT %(merchant_id)s, g.id, g.public_id, %(campaign_id)s, %(rule_version_id)s, g.state, %(size)s,
    %(subsidy_fen)s, CASE g.state WHEN 'failed' THEN 0 ELSE g.paid END,
    CASE g.state WHEN 'open' THEN g.unpaid ELSE 0 END, 0, 2 + g.paid,
    CASE WHEN g.state <> 'open' THEN g.paid END, l.shopper_id,
    CASE g.state WHEN 'failed' THEN 'deadline' END,
    l.placed_at, g.opened_at, g.deadline_at, g.ended_at, coalesce(g.ended_at, g.opened_at),
    CASE g.state WHEN 'formed' THEN 'settlement:form' WHEN 'failed' THEN 'settlement:fail'
        ELSE 'gateway:callback' END
FROM made_groups g JOIN made_orders l ON l.group_id = g.id AND l.seat = 0
ORDER BY g.id;

INSERT INTO orders (merchant_id, id, public_id, group_id, campaign_id, shopper_id, variant_id,
    state, seat_state, price_fen, list_price_fen, wallet_fen, payable_fen, quote_fen, quote_parts,
    placed_on, cap_on, cap_fen, placed_at, hold_expires_at, releasing_at, release_reason, paid_at,
    is_first_paid, ended_at, client_address, device, channel, risk_outcome, moved_at, moved_by)
SELECT %(merchant_id)s, id, public_id, group_id, %(campaign_id)s, shopper_id, %(variant_id)s,
    state, seat_state, %(price_fen)s, %(list_price_fen)s, 0, %(price_fen)s, %(subsidy_fen)s,
    jsonb_build_array(jsonb_build_object('kind', 'base', 'amount_fen', %(subsidy_fen)s)),
    placed_on, cap_on,
    CASE WHEN state IN ('placed', 'paid') OR grant_id IS NOT NULL THEN %(subsidy_fen)s ELSE 0 END,
    placed_at, hold_expires_at, releasing_at,
    CASE WHEN releasing_at IS NOT NULL THEN 'expired' END, paid_at,
    CASE WHEN is_paid THEN is_first END, ended_at, '203.0.113.7', 'bench', 'bench', 'allow',
    coalesce(ended_at, decided_at, paid_at, placed_at),
    CASE state WHEN 'fulfilling' THEN 'settlement:bench' WHEN 'refunded' THEN 'settlement:refund'
        WHEN 'expired' THEN 'settlement:release' WHEN 'paid' THEN 'gateway:callback'
        ELSE 'shopper:' || shopper_id END
FROM made_orders ORDER BY id;

INSERT INTO payments (merchant_id, id, public_id, order_id, gateway_account_id, state, amount_fen,
    description, prepay_id, expires_at, created_at, received_fen, transaction_no, succeeded_at,
    learned_at, outcome, moved_at, moved_by)
SELECT %(merchant_id)s, payment_id, payment_no, id, %(account_id)s, payment_state, %(price_fen)s, %(title)s,
    'wx' || payment_no, hold_expires_at, placed_at,
    CASE WHEN is_paid THEN %(price_fen)s END, CASE WHEN is_paid THEN '4200' || payment_no END,
    paid_at, paid_at, CASE WHEN is_paid THEN 'seated' END, coalesce(paid_at, placed_at),
    CASE WHEN is_paid THEN 'gateway:callback' ELSE 'gateway:prepay' END
FROM made_orders WHERE payment_id IS NOT NULL ORDER BY payment_id;

INSERT INTO refunds (merchant_id, id, public_id, payment_id, order_id, purpose, state, amount_fen,
    requested_at, accepted_at, arrived_at, moved_at, moved_by)
SELECT %(merchant_id)s, refund_id, substr(md5('refund' || refund_id || random()), 1, 20), payment_id, id,
    'failed', 'arrived', %(price_fen)s, decided_at, decided_at + interval '1 minute', ended_at,
    ended_at, 'gateway:callback'
FROM made_orders WHERE refund_id IS NOT NULL ORDER BY refund_id;

INSERT INTO grants (merchant_id, id, public_id, order_id, group_id, campaign_id, shopper_id, state,
    kind, quote_fen, amount_fen, parts, deadline_at, decided_at, due_at, issued_at, moved_at,
    moved_by)
SELECT %(merchant_id)s, grant_id, substr(md5('grant' || grant_id || random()), 1, 20), id, group_id,
    %(campaign_id)s, shopper_id, 'issued', 'cash', %(subsidy_fen)s, %(subsidy_fen)s,
    jsonb_build_array(jsonb_build_object('kind', 'base', 'amount_fen', %(subsidy_fen)s)),
    deadline_at, decided_at, deadline_at, decided_at, decided_at, 'settlement:fail'
FROM made_orders WHERE grant_id IS NOT NULL ORDER BY grant_id;

INSERT INTO shopper_days AS d (merchant_id, shopper_id, on_day, participations, expired_holds)
SELECT %(merchant_id)s, shopper_id, placed_on, count(*) FILTER (WHERE state <> 'expired'),
    count(*) FILTER (WHERE state = 'expired')
FROM made_orders GROUP BY shopper_id, placed_on
ON CONFLICT (merchant_id, shopper_id, on_day) DO UPDATE SET
    participations = d.participations + excluded.participations,
    expired_holds = d.expired_holds + excluded.expired_holds;
