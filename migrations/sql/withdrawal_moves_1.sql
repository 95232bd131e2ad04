-- Records each move of a withdrawal, with its time and actor, once per statement.
CREATE FUNCTION record_withdrawal_moves() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
    SELECT n.merchant_id, n.moved_at, 'withdrawal', n.id, o.state, n.state, n.moved_by
    FROM new_rows n JOIN old_rows o ON o.merchant_id = n.merchant_id AND o.id = n.id
    WHERE n.state <> o.state;
    RETURN NULL;
END $$;
CREATE TRIGGER record_withdrawal_moves AFTER UPDATE ON withdrawals
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_withdrawal_moves();
CREATE FUNCTION check_withdrawal_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows
        WHERE state NOT IN ('requested')
    ) THEN
        RAISE EXCEPTION 'a withdrawal starts as requested' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_withdrawal_start AFTER INSERT ON withdrawals
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION check_withdrawal_start();
