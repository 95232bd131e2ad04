-- Transactions with two entries each, and the balances of wallets.
CREATE TEMP TABLE made_postings ON COMMIT DROP AS
SELECT nextval(pg_get_serial_sequence('ledger_transactions', 'id')) AS id, p.*
FROM (
    SELECT 'payment.received' AS kind, payment_id AS ref_id, paid_at AS at, %(price_fen)s AS amount,
        'gateway' AS source, CAST(%(account_id)s AS bigint) AS source_owner,
        'order_deposits' AS destination, CAST(0 AS bigint) AS destination_owner
    FROM made_orders WHERE is_paid
    UNION ALL
    SELECT 'order.sold', id, decided_at, %(price_fen)s, 'order_deposits', 0, 'sales', 0
    FROM made_orders WHERE state = 'fulfilling'
    UNION ALL
    SELECT 'refund.requested', refund_id, decided_at, %(price_fen)s, 'order_deposits', 0,
        'refunds_payable', 0
    FROM made_orders WHERE refund_id IS NOT NULL
    UNION ALL
    SELECT 'refund.arrived', refund_id, ended_at, %(price_fen)s, 'refunds_payable', 0,
        'gateway', %(account_id)s
    FROM made_orders WHERE refund_id IS NOT NULL
    UNION ALL
    SELECT 'grant.issued', grant_id, decided_at, %(subsidy_fen)s, 'subsidy_expense', 0,
        'wallet', shopper_id
    FROM made_orders WHERE grant_id IS NOT NULL
) p;

INSERT INTO ledger_transactions (merchant_id, id, kind, ref_id, at)
SELECT %(merchant_id)s, id, kind, ref_id, at FROM made_postings ORDER BY id;

INSERT INTO ledger_entries (merchant_id, transaction_id, account_id, amount_fen)
SELECT %(merchant_id)s, p.id, a.id, side.amount
FROM made_postings p
CROSS JOIN LATERAL (VALUES (p.source, p.source_owner, -p.amount),
    (p.destination, p.destination_owner, p.amount)) AS side (kind, owner_id, amount)
JOIN ledger_accounts a ON a.merchant_id = %(merchant_id)s AND a.kind = side.kind
    AND a.owner_id = side.owner_id
ORDER BY p.id;

UPDATE ledger_accounts a SET balance_fen = a.balance_fen + m.amount
FROM (
    SELECT shopper_id, count(*) * %(subsidy_fen)s AS amount
    FROM made_orders WHERE grant_id IS NOT NULL GROUP BY shopper_id
) m
WHERE a.merchant_id = %(merchant_id)s AND a.kind = 'wallet' AND a.owner_id = m.shopper_id;
