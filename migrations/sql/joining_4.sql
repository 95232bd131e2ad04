-- Joining and buying alone look at what of the shopper's is being released, too.

-- Locks a shopper, then its day, and tells what limits and caps look at. The day comes into being
-- here. A hold is a seat, or a product bought alone, that is neither paid nor given up; a release is
-- one that was given up or ran out, and whose payments are being closed. What counts against the caps stands on the orders: it only grows under the shopper's lock.
CREATE FUNCTION lock_shopper(
    of_merchant bigint, of_shopper bigint, of_campaign bigint, today date, cap_day date,
    OUT participations bigint, OUT expired_holds bigint, OUT holds bigint, OUT releases bigint,
    OUT running bigint,
    OUT day_fen bigint, OUT month_fen bigint, OUT day_failures bigint, OUT month_failures bigint,
    OUT campaign_day_fen bigint, OUT campaign_month_fen bigint, OUT campaign_day_failures bigint,
    OUT campaign_month_failures bigint, OUT campaign_failures bigint
) LANGUAGE plpgsql AS $$
DECLARE
    month_start date := date_trunc('month', cap_day)::date;
    month_end date := (date_trunc('month', cap_day) + interval '1 month')::date;
BEGIN
    PERFORM FROM shoppers WHERE merchant_id = of_merchant AND id = of_shopper FOR NO KEY UPDATE;
    INSERT INTO shopper_days (merchant_id, shopper_id, on_day)
    VALUES (of_merchant, of_shopper, today)
    ON CONFLICT (merchant_id, shopper_id, on_day) DO NOTHING;
    SELECT d.participations, d.expired_holds INTO participations, expired_holds
    FROM shopper_days d
    WHERE d.merchant_id = of_merchant AND d.shopper_id = of_shopper AND d.on_day = today
    FOR NO KEY UPDATE;
    SELECT count(*) FILTER (WHERE o.state = 'placed' AND o.releasing_at IS NULL),
        count(*) FILTER (WHERE o.state = 'placed' AND o.releasing_at IS NOT NULL),
        count(*) FILTER (WHERE g.state IN ('pending', 'open'))
    INTO holds, releases, running
    FROM orders o LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
    WHERE o.merchant_id = of_merchant AND o.shopper_id = of_shopper
        AND o.state IN ('placed', 'paid');
    SELECT coalesce(sum(c.cap_fen) FILTER (WHERE c.on_day), 0),
        coalesce(sum(c.cap_fen) FILTER (WHERE c.in_month), 0),
        count(*) FILTER (WHERE c.on_day), count(*) FILTER (WHERE c.in_month),
        coalesce(sum(c.cap_fen) FILTER (WHERE c.here AND c.on_day), 0),
        coalesce(sum(c.cap_fen) FILTER (WHERE c.here AND c.in_month), 0),
        count(*) FILTER (WHERE c.here AND c.on_day),
        count(*) FILTER (WHERE c.here AND c.in_month), count(*) FILTER (WHERE c.here)
    INTO day_fen, month_fen, day_failures, month_failures, campaign_day_fen, campaign_month_fen,
        campaign_day_failures, campaign_month_failures, campaign_failures
    FROM (
        SELECT o.cap_fen, o.cap_on = cap_day AS on_day,
            o.cap_on >= month_start AND o.cap_on < month_end AS in_month,
            o.campaign_id = of_campaign AS here
        FROM orders o
        WHERE o.merchant_id = of_merchant AND o.shopper_id = of_shopper AND o.cap_fen > 0
    ) c;
END $$;

-- Takes the key, looks at a group, and locks it, the shopper and its day if it can be joined as far
-- as one can see: a group that is over or full is told without a lock. The order's share is the one
-- that was named, if it is of this group and somebody else's; else the last share of this group that
-- the shopper opened or registered by; else the one that was named, of another group.
CREATE FUNCTION prepare_join(
    of_merchant bigint, of_shopper bigint, of_caller text, named text, lock_number bigint,
    group_no text, variant_no text, share_token text, joined_at timestamptz, today date,
    OUT is_taken boolean, OUT stored_hash bytea, OUT stored_body jsonb,
    OUT id bigint, OUT state text, OUT size bigint, OUT taken bigint, OUT held bigint,
    OUT releasing bigint, OUT deadline_at timestamptz, OUT campaign_id bigint,
    OUT campaign_public_id text, OUT terms text, OUT variant_id bigint, OUT list_price_fen bigint,
    OUT flag text, OUT daily_subsidy_cap_fen bigint, OUT monthly_subsidy_cap_fen bigint,
    OUT daily_failures_cap bigint, OUT monthly_failures_cap bigint, OUT points_per_yuan bigint,
    OUT share_id bigint, OUT share_source text, OUT is_of_share boolean, OUT is_in boolean,
    OUT participations bigint, OUT expired_holds bigint, OUT holds bigint, OUT releases bigint,
    OUT running bigint,
    OUT day_fen bigint, OUT month_fen bigint, OUT day_failures bigint, OUT month_failures bigint,
    OUT campaign_day_fen bigint, OUT campaign_month_fen bigint, OUT campaign_day_failures bigint,
    OUT campaign_month_failures bigint, OUT campaign_failures bigint
) LANGUAGE plpgsql AS $$
DECLARE
    began_at timestamptz;
    opened_share_id bigint;
    opened_source text;
BEGIN
    SELECT t.is_taken, t.stored_hash, t.stored_body INTO is_taken, stored_hash, stored_body
    FROM take_idempotency_key(of_merchant, of_caller, named, lock_number) t;
    IF NOT is_taken OR stored_hash IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT g.id, g.state, g.size, g.taken, g.held, g.releasing, g.deadline_at, g.campaign_id,
        c.public_id, r.terms::text, v.id, v.list_price_fen, s.flag, m.daily_subsidy_cap_fen,
        m.monthly_subsidy_cap_fen, m.daily_failures_cap, m.monthly_failures_cap,
        coalesce(m.points_per_yuan, 100), h.id, CASE WHEN h.id IS NOT NULL THEN 'token' END,
        coalesce(h.group_id = g.id, false), g.created_at,
        EXISTS (
            SELECT FROM orders o
            WHERE o.merchant_id = g.merchant_id AND o.group_id = g.id AND o.shopper_id = of_shopper
                AND o.state IN ('placed', 'paid', 'fulfilling', 'fulfilled', 'aftersale'))
    INTO id, state, size, taken, held, releasing, deadline_at, campaign_id, campaign_public_id,
        terms, variant_id, list_price_fen, flag, daily_subsidy_cap_fen, monthly_subsidy_cap_fen,
        daily_failures_cap, monthly_failures_cap, points_per_yuan, share_id, share_source,
        is_of_share, began_at, is_in
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
    IF state <> 'open' OR deadline_at <= joined_at OR taken + held + releasing >= size THEN
        RETURN;
    END IF;
    IF NOT is_of_share THEN
        SELECT seen.share_id, seen.source INTO opened_share_id, opened_source
        FROM (
            SELECT v.share_id, v.occurred_at, 'visit' AS source
            FROM visits v
            JOIN shares h ON h.merchant_id = v.merchant_id AND h.id = v.share_id
            WHERE v.merchant_id = of_merchant AND v.shopper_id = of_shopper
                AND v.occurred_at >= began_at AND h.group_id = prepare_join.id
                AND h.shopper_id <> of_shopper
            UNION ALL
            SELECT h.id, s.created_at, 'registration'
            FROM shoppers s
            JOIN shares h ON h.merchant_id = s.merchant_id AND h.id = s.came_by_share_id
            WHERE s.merchant_id = of_merchant AND s.id = of_shopper
                AND h.group_id = prepare_join.id AND h.shopper_id <> of_shopper
        ) seen
        ORDER BY seen.occurred_at DESC, seen.share_id DESC LIMIT 1;
        IF FOUND THEN
            share_id := opened_share_id;
            share_source := opened_source;
            is_of_share := true;
        END IF;
    END IF;
    SELECT l.participations, l.expired_holds, l.holds, l.releases, l.running, l.day_fen, l.month_fen,
        l.day_failures, l.month_failures, l.campaign_day_fen, l.campaign_month_fen,
        l.campaign_day_failures, l.campaign_month_failures, l.campaign_failures
    INTO participations, expired_holds, holds, releases, running, day_fen, month_fen, day_failures,
        month_failures, campaign_day_fen, campaign_month_fen, campaign_day_failures,
        campaign_month_failures, campaign_failures
    FROM lock_shopper(of_merchant, of_shopper, campaign_id, today,
        ((deadline_at - interval '1 microsecond') AT TIME ZONE 'Asia/Shanghai')::date) l;
END $$;
