-- Locks a shopper, then its days, and tells what limits look at. Days come into being here. A hold is
-- a seat, or a product bought alone, that is neither paid nor given up.
CREATE OR REPLACE FUNCTION lock_shopper_days(
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
    SELECT count(*) FILTER (WHERE o.state = 'placed' AND o.releasing_at IS NULL),
        count(*) FILTER (WHERE g.state IN ('pending', 'open'))
    INTO holds, running
    FROM orders o LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
    WHERE o.merchant_id = of_merchant AND o.shopper_id = of_shopper
        AND o.state IN ('placed', 'paid');
END $$;
