-- Locks an order's group, its shopper (whose first payment it may be), the order's day where it may
-- be freed instead (a seat of its group is releasing, or the payment comes too late), and the order.
-- Tells the group's and the order's rows, the shopper's flag, and the payment that took the seat, if
-- one did. What is bought alone locks its day always: no group's lock keeps it from being released.
CREATE OR REPLACE FUNCTION lock_seat(
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
    IF of_group IS NULL OR team.releasing > 0 OR team.state <> 'open'
        OR least(team.deadline_at, team.cut_at) <= paid_at
    THEN
        PERFORM FROM shopper_days d JOIN orders o ON o.merchant_id = d.merchant_id
            AND o.shopper_id = d.shopper_id AND o.placed_on = d.on_day
        WHERE o.merchant_id = of_merchant AND o.id = of_order FOR NO KEY UPDATE OF d;
    END IF;
    SELECT o.* INTO placed FROM orders o
    WHERE o.merchant_id = of_merchant AND o.id = of_order FOR NO KEY UPDATE;
    SELECT p.id, p.received_fen INTO seated_payment_id, seated_fen FROM payments p
    WHERE p.merchant_id = of_merchant AND p.order_id = of_order AND p.outcome = 'seated';
END $$;
