-- Accounts exist as soon as their owner does, so that posting never has to create one.
CREATE OR REPLACE FUNCTION open_ledger_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'merchants' THEN
        INSERT INTO ledger_accounts (merchant_id, kind, owner_id)
        SELECT n.id, k.kind, 0
        FROM new_rows n,
            unnest(ARRAY['order_deposits', 'sales', 'refunds_payable', 'subsidy_expense',
                'withdrawals_payable', 'tax_payable', 'coupons_payable', 'passes_payable',
                'points_payable', 'external_points_payable', 'reward_expense', 'goodwill_expense',
                'breakage', 'refunds_elsewhere', 'settled_offline']) AS k (kind);
    ELSIF TG_TABLE_NAME = 'gateway_accounts' THEN
        INSERT INTO ledger_accounts (merchant_id, kind, owner_id)
        SELECT n.merchant_id, 'gateway', n.id FROM new_rows n;
    ELSE
        INSERT INTO ledger_accounts (merchant_id, kind, owner_id, balance_fen)
        SELECT n.merchant_id, 'wallet', n.id, 0 FROM new_rows n;
    END IF;
    RETURN NULL;
END $$;
