-- A gateway account has its quotas from the start, so that asking never has to create one.
CREATE FUNCTION open_gateway_quotas() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gateway_quotas (merchant_id, gateway_account_id, operation)
    SELECT n.merchant_id, n.id, o.operation
    FROM new_rows n, unnest(ARRAY['refund', 'transfer']) AS o (operation);
    RETURN NULL;
END $$;
CREATE TRIGGER open_gateway_quotas AFTER INSERT ON gateway_accounts
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION open_gateway_quotas();
