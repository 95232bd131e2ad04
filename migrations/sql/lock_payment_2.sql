-- Finds a payment by its number at a gateway account, and locks it after what it may change. One
-- that succeeded already is told without a lock. A success time before the payment was made, less a
-- minute, is taken for that bound.
CREATE OR REPLACE FUNCTION lock_payment(
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
    seat := lock_seat(of_merchant, payment.order_id,
        greatest(paid_at, payment.created_at - interval '1 minute'));
    placed := seat.placed;
    team := seat.team;
    flag := seat.flag;
    seated_payment_id := seat.seated_payment_id;
    seated_fen := seat.seated_fen;
    SELECT p.* INTO payment FROM payments p
    WHERE p.merchant_id = of_merchant AND p.id = payment.id FOR NO KEY UPDATE;
END $$;
