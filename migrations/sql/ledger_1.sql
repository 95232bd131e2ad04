-- Entries of one transaction are inserted by one statement, and sum to zero.
CREATE FUNCTION check_ledger_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows GROUP BY merchant_id, transaction_id HAVING sum(amount_fen) <> 0
    ) THEN
        RAISE EXCEPTION 'entries of a ledger transaction must sum to zero'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_ledger_balance AFTER INSERT ON ledger_entries
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION check_ledger_balance();
