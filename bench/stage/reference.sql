-- The reference of joining and paying: the same rows as the product writes, one call per path.
-- What only reads (limits, terms, risk, idempotency) is left out; what guards a write is kept.
-- Rows are found by keys without a state beside them: a partial index that is empty when statistics
-- are taken looks cheaper than the key, and is not any more when it has filled.
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO pinbu_core;

CREATE FUNCTION bench.public_id() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT substr(md5(random()::text || random()::text), 1, 20)
$$;

CREATE FUNCTION bench.join_group(
    m bigint, g bigint, s bigint, c bigint, v bigint, price bigint, list_price bigint, quote bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := clock_timestamp();
    placed_day date := (at AT TIME ZONE 'Asia/Shanghai')::date;
    cap_day date;
    seen record;
    made bigint;
    order_public_id text := bench.public_id();
    parts jsonb := jsonb_build_array(jsonb_build_object('kind', 'base', 'amount_fen', quote));
BEGIN
    UPDATE groups SET held = held + 1, version = version + 1
    WHERE merchant_id = m AND id = g AND deadline_at > at AND taken + held + releasing < size
    RETURNING public_id, deadline_at INTO seen;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'group % cannot be joined', g;
    END IF;
    cap_day := ((seen.deadline_at - interval '1 microsecond') AT TIME ZONE 'Asia/Shanghai')::date;
    INSERT INTO shopper_days AS d (merchant_id, shopper_id, on_day, participations)
    VALUES (m, s, placed_day, 1)
    ON CONFLICT (merchant_id, shopper_id, on_day) DO UPDATE SET
        participations = d.participations + 1;
    INSERT INTO orders (merchant_id, public_id, group_id, campaign_id, shopper_id, variant_id,
        state, seat_state, price_fen, list_price_fen, wallet_fen, payable_fen, quote_fen,
        quote_parts, placed_on, cap_on, cap_fen, placed_at, hold_expires_at, address_sealed, client_address,
        device, channel, risk_outcome, moved_at, moved_by)
    VALUES (m, order_public_id, g, c, s, v, 'placed', 'held', price, list_price, 0, price, quote,
        parts, placed_day, cap_day, quote, at, at + interval '5 minutes', decode(repeat('ab', 150), 'hex'),
        '127.0.0.1', 'bench', 'bench', 'allow', at, 'shopper:' || s)
    RETURNING id INTO made;
    INSERT INTO risk_decisions
        (merchant_id, occurred_at, point, shopper_id, order_id, outcome, fired, inputs)
    VALUES (m, at, 'join', s, made, 'allow', '[]',
        '{"flag": null, "participations": 0, "has_unpaid_hold": false, "participations_limit": 5}');
    INSERT INTO idempotency_keys (merchant_id, caller, key, request_hash, status, body, created_at)
    VALUES (m, 'shopper:' || s, 'reference-' || made, sha256(order_public_id::bytea), 201,
        jsonb_build_object('id', order_public_id, 'kind', 'group', 'state', 'placed',
            'seat_state', 'held', 'group_id', seen.public_id, 'campaign_id', order_public_id,
            'variant_id', order_public_id, 'price_fen', price, 'wallet_fen', 0,
            'payable_fen', price, 'quote', jsonb_build_object('amount_fen', quote, 'parts', parts),
            'hold_expires_at', at, 'placed_at', at, 'paid_at', null, 'refund', null,
            'subsidy', null, 'address', jsonb_build_object('recipient', '王小明',
                'phone', '13800000000', 'region', '上海市徐汇区', 'detail', '漕溪北路 398 号')),
        at);
    RETURN made;
END $$;

CREATE FUNCTION bench.pay_order(m bigint, p bigint, a bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := clock_timestamp();
    paid record;
    team record;
    entry bigint;
    fact bigint;
BEGIN
    SELECT o.id, o.group_id, o.shopper_id, y.amount_fen INTO STRICT paid
    FROM payments y JOIN orders o ON o.merchant_id = y.merchant_id AND o.id = y.order_id
    WHERE y.merchant_id = m AND y.id = p;
    SELECT id, campaign_id, size, taken, largest_subsidy_fen INTO STRICT team
    FROM groups WHERE merchant_id = m AND id = paid.group_id FOR NO KEY UPDATE;
    UPDATE payments SET state = 'succeeded', received_fen = paid.amount_fen,
        transaction_no = '42000' || bench.public_id(), succeeded_at = at, learned_at = at,
        outcome = 'seated', moved_at = at, moved_by = 'gateway:callback'
    WHERE merchant_id = m AND id = p;
    INSERT INTO ledger_transactions (merchant_id, kind, ref_id, at)
    VALUES (m, 'payment.received', p, at) RETURNING id INTO entry;
    INSERT INTO ledger_entries (merchant_id, transaction_id, account_id, amount_fen)
    SELECT m, entry, l.id,
        CASE l.kind WHEN 'gateway' THEN -paid.amount_fen ELSE paid.amount_fen END
    FROM ledger_accounts l
    WHERE l.merchant_id = m
        AND (l.kind, l.owner_id) IN (('gateway', a), ('order_deposits', 0));
    INSERT INTO risk_decisions
        (merchant_id, occurred_at, point, shopper_id, order_id, outcome, fired, inputs)
    VALUES (m, at, 'pay', paid.shopper_id, paid.id, 'allow', '[]',
        '{"flag": null, "risk_at_join": "allow"}');
    UPDATE orders o SET state = 'paid', seat_state = 'taken', paid_at = at, moved_at = at,
        moved_by = 'gateway:callback', is_first_paid = NOT EXISTS (
            SELECT 1 FROM orders e
            WHERE e.merchant_id = m AND e.shopper_id = paid.shopper_id
                AND e.paid_at IS NOT NULL AND e.id <> o.id)
    WHERE o.merchant_id = m AND o.id = paid.id;
    IF team.taken + 1 < team.size THEN
        UPDATE groups SET taken = taken + 1, held = held - 1, version = version + 1
        WHERE merchant_id = m AND id = team.id;
        RETURN paid.id;
    END IF;
    UPDATE groups SET taken = taken + 1, held = held - 1, version = version + 1, state = 'formed',
        paid_seats = team.size, ended_at = at, moved_at = at, moved_by = 'settlement:form'
    WHERE merchant_id = m AND id = team.id;
    UPDATE orders SET state = 'fulfilling', cap_fen = 0, moved_at = at, moved_by = 'settlement:form'
    WHERE merchant_id = m AND group_id = team.id AND seat_state = 'taken';
    WITH sold AS (
        INSERT INTO ledger_transactions (merchant_id, kind, ref_id, at)
        SELECT m, 'order.sold', id, at FROM orders
        WHERE merchant_id = m AND group_id = team.id AND seat_state = 'taken'
        RETURNING id
    )
    INSERT INTO ledger_entries (merchant_id, transaction_id, account_id, amount_fen)
    SELECT m, sold.id, l.id,
        CASE l.kind WHEN 'order_deposits' THEN -paid.amount_fen ELSE paid.amount_fen END
    FROM sold CROSS JOIN ledger_accounts l
    WHERE l.merchant_id = m AND (l.kind, l.owner_id) IN (('order_deposits', 0), ('sales', 0));
    INSERT INTO campaign_movements (merchant_id, campaign_id, group_id, reason, committed_fen,
        stock_committed, stock_consumed, groups_formed, people_paid, at)
    VALUES (m, team.campaign_id, team.id, 'formed', -team.size * team.largest_subsidy_fen,
        -team.size, team.size, 1, team.size, at);
    INSERT INTO facts (merchant_id, kind, subject_id, at)
    VALUES (m, 'group.formed', team.id, at) RETURNING id INTO fact;
    INSERT INTO work_rows (merchant_id, kind, subject_id, due_at) VALUES (m, 'notify', fact, at);
    RETURN paid.id;
END $$;
