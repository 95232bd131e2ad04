-- What joining reads and locks, in one round trip each. Every statement sees what the locks before
-- it waited for; the rules themselves stand in the code that calls.

-- Locks a shopper, then its days, and tells what limits look at. Days come into being here.
CREATE FUNCTION lock_shopper_days(
    of_merchant bigint, of_shopper bigint, today date, cap_day date,
    OUT participations bigint, OUT expired_holds bigint, OUT cap_day_cash_fen bigint,
    OUT holds bigint, OUT running bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM shoppers WHERE merchant_id = of_merchant AND id = of_shopper FOR NO KEY UPDATE;
    INSERT INTO shopper_days (merchant_id, shopper_id, on_day)
    SELECT of_merchant, of_shopper, day FROM (VALUES (today), (cap_day)) AS days (day)
    GROUP BY day ORDER BY day
    ON CONFLICT (merchant_id, shopper_id, on_day) DO NOTHING;
    PERFORM FROM shopper_days d
    WHERE d.merchant_id = of_merchant AND d.shopper_id = of_shopper AND d.on_day IN (today, cap_day)
    ORDER BY d.on_day FOR NO KEY UPDATE;
    SELECT max(d.participations) FILTER (WHERE d.on_day = today),
        max(d.expired_holds) FILTER (WHERE d.on_day = today),
        max(d.cash_reserved_fen + d.cash_used_fen) FILTER (WHERE d.on_day = cap_day)
    INTO participations, expired_holds, cap_day_cash_fen
    FROM shopper_days d
    WHERE d.merchant_id = of_merchant AND d.shopper_id = of_shopper AND d.on_day IN (today, cap_day);
    SELECT count(*) FILTER (WHERE o.seat_state = 'held'),
        count(*) FILTER (WHERE g.state IN ('pending', 'open'))
    INTO holds, running
    FROM orders o JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
    WHERE o.merchant_id = of_merchant AND o.shopper_id = of_shopper
        AND o.state IN ('placed', 'paid');
END $$;

-- Takes an idempotency key for the transaction: whether it was free, and an earlier answer to it.
CREATE FUNCTION take_idempotency_key(
    of_merchant bigint, of_caller text, named text, lock_number bigint,
    OUT is_taken boolean, OUT stored_hash bytea, OUT stored_body jsonb
) LANGUAGE plpgsql AS $$
BEGIN
    is_taken := pg_try_advisory_xact_lock(lock_number);
    IF is_taken THEN
        SELECT k.request_hash, k.body INTO stored_hash, stored_body FROM idempotency_keys k
        WHERE k.merchant_id = of_merchant AND k.caller = of_caller AND k.key = named;
    END IF;
END $$;

-- Takes the key, looks at a group, and locks it, the shopper and its days if it can be joined as far
-- as one can see: a group that is over or full is told without a lock. Without `is_locking_days` a
-- joiner who would take the last seat is left to the caller, who locks the members' days with it.
CREATE FUNCTION prepare_join(
    of_merchant bigint, of_shopper bigint, of_caller text, named text, lock_number bigint,
    group_no text, variant_no text, share_token text, joined_at timestamptz, today date,
    is_locking_days boolean,
    OUT is_taken boolean, OUT stored_hash bytea, OUT stored_body jsonb,
    OUT id bigint, OUT state text, OUT size bigint, OUT taken bigint, OUT held bigint,
    OUT releasing bigint, OUT deadline_at timestamptz, OUT campaign_id bigint,
    OUT campaign_public_id text, OUT terms text, OUT variant_id bigint, OUT list_price_fen bigint,
    OUT flag text, OUT daily_cash_cap_fen bigint, OUT share_id bigint, OUT is_in boolean,
    OUT participations bigint, OUT expired_holds bigint, OUT cap_day_cash_fen bigint,
    OUT holds bigint, OUT running bigint
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT t.is_taken, t.stored_hash, t.stored_body INTO is_taken, stored_hash, stored_body
    FROM take_idempotency_key(of_merchant, of_caller, named, lock_number) t;
    IF NOT is_taken OR stored_hash IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT g.id, g.state, g.size, g.taken, g.held, g.releasing, g.deadline_at, g.campaign_id,
        c.public_id, r.terms::text, v.id, v.list_price_fen, s.flag, m.daily_cash_cap_fen, h.id,
        EXISTS (
            SELECT FROM orders o
            WHERE o.merchant_id = g.merchant_id AND o.group_id = g.id AND o.shopper_id = of_shopper
                AND o.state IN ('placed', 'paid', 'fulfilling', 'fulfilled', 'aftersale'))
    INTO id, state, size, taken, held, releasing, deadline_at, campaign_id, campaign_public_id,
        terms, variant_id, list_price_fen, flag, daily_cash_cap_fen, share_id, is_in
    FROM groups g
    JOIN campaigns c ON c.merchant_id = g.merchant_id AND c.id = g.campaign_id
    JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
    JOIN shoppers s ON s.merchant_id = g.merchant_id AND s.id = of_shopper
    LEFT JOIN variants v ON v.merchant_id = g.merchant_id AND v.public_id = variant_no
    LEFT JOIN merchant_settings m ON m.merchant_id = g.merchant_id
    LEFT JOIN shares h ON h.merchant_id = g.merchant_id AND h.token = share_token
        AND h.shopper_id <> of_shopper
    WHERE g.merchant_id = of_merchant AND g.public_id = group_no;
    IF NOT FOUND OR state <> 'open' OR deadline_at <= joined_at OR is_in
        OR taken + held + releasing >= size
    THEN
        RETURN;
    END IF;
    SELECT g.state, g.taken, g.held, g.releasing, g.deadline_at
    INTO state, taken, held, releasing, deadline_at
    FROM groups g WHERE g.merchant_id = of_merchant AND g.id = prepare_join.id FOR NO KEY UPDATE;
    IF state <> 'open' OR deadline_at <= joined_at OR taken + held + releasing >= size
        OR NOT (is_locking_days OR taken + 1 < size)
    THEN
        RETURN;
    END IF;
    SELECT l.participations, l.expired_holds, l.cap_day_cash_fen, l.holds, l.running
    INTO participations, expired_holds, cap_day_cash_fen, holds, running
    FROM lock_shopper_days(of_merchant, of_shopper, today,
        ((deadline_at - interval '1 microsecond') AT TIME ZONE 'Asia/Shanghai')::date) l;
END $$;
