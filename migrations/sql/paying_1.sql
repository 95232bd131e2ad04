-- What a payment may change, locked in one round trip: group, members' days, order, payment. Every
-- statement sees what the locks before it waited for; what becomes of the payment the caller judges.

-- Locks an order's group, its shopper (whose first payment it may be), the members' days where the
-- payment may fill the group or comes too late for it, and the order. Tells the group's and the
-- order's rows, the shopper's flag, and the payment that took the seat, if one did.
CREATE FUNCTION lock_seat(
    of_merchant bigint, of_order bigint, paid_at timestamptz,
    OUT placed orders, OUT team groups, OUT flag text,
    OUT seated_payment_id bigint, OUT seated_fen bigint
) LANGUAGE plpgsql AS $$
DECLARE
    of_group bigint;
    of_shopper bigint;
BEGIN
    SELECT o.group_id, o.shopper_id INTO of_group, of_shopper FROM orders o
    WHERE o.merchant_id = of_merchant AND o.id = of_order;
    IF of_group IS NOT NULL THEN
        SELECT g.* INTO team FROM groups g
        WHERE g.merchant_id = of_merchant AND g.id = of_group FOR NO KEY UPDATE;
    END IF;
    SELECT s.flag INTO flag FROM shoppers s
    WHERE s.merchant_id = of_merchant AND s.id = of_shopper FOR NO KEY UPDATE;
    IF team.state <> 'open' OR team.taken + 1 >= team.size
        OR least(team.deadline_at, team.cut_at) <= paid_at
    THEN
        PERFORM FROM shopper_days d
        JOIN (
            SELECT o.shopper_id, day.on_day FROM orders o
            CROSS JOIN LATERAL (VALUES (o.cap_on), (o.placed_on)) AS day (on_day)
            WHERE o.merchant_id = of_merchant AND o.group_id = of_group
                AND o.state IN ('placed', 'paid')
            GROUP BY 1, 2
        ) used ON d.shopper_id = used.shopper_id AND d.on_day = used.on_day
        WHERE d.merchant_id = of_merchant
        ORDER BY d.shopper_id, d.on_day FOR NO KEY UPDATE OF d;
    END IF;
    SELECT o.* INTO placed FROM orders o
    WHERE o.merchant_id = of_merchant AND o.id = of_order FOR NO KEY UPDATE;
    SELECT p.id, p.received_fen INTO seated_payment_id, seated_fen FROM payments p
    WHERE p.merchant_id = of_merchant AND p.order_id = of_order AND p.outcome = 'seated';
END $$;

-- Finds a payment by its number at a gateway account, and locks it after what it may change. One
-- that succeeded already is told without a lock.
CREATE FUNCTION lock_payment(
    of_merchant bigint, of_account bigint, number text, paid_at timestamptz,
    OUT payment payments,
    OUT placed orders, OUT team groups, OUT flag text,
    OUT seated_payment_id bigint, OUT seated_fen bigint
) LANGUAGE plpgsql AS $$
DECLARE
    seat record;
BEGIN
    SELECT p.* INTO payment FROM payments p
    WHERE p.merchant_id = of_merchant AND p.gateway_account_id = of_account
        AND p.public_id = number;
    IF NOT FOUND OR payment.state = 'succeeded' THEN
        RETURN;
    END IF;
    seat := lock_seat(of_merchant, payment.order_id, paid_at);
    placed := seat.placed;
    team := seat.team;
    flag := seat.flag;
    seated_payment_id := seat.seated_payment_id;
    seated_fen := seat.seated_fen;
    SELECT p.* INTO payment FROM payments p
    WHERE p.merchant_id = of_merchant AND p.id = payment.id FOR NO KEY UPDATE;
END $$;
