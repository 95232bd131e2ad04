-- Records each move of a coupon or pass, with its time and actor, once per statement.
CREATE FUNCTION record_instrument_moves() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
    SELECT n.merchant_id, n.moved_at, 'instrument', n.id, o.state, n.state, n.moved_by
    FROM new_rows n JOIN old_rows o ON o.merchant_id = n.merchant_id AND o.id = n.id
    WHERE n.state <> o.state;
    RETURN NULL;
END $$;
CREATE TRIGGER record_instrument_moves AFTER UPDATE ON instruments
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_instrument_moves();
CREATE FUNCTION check_instrument_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows
        WHERE state NOT IN ('issued')
    ) THEN
        RAISE EXCEPTION 'an instrument starts as issued' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_instrument_start AFTER INSERT ON instruments
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION check_instrument_start();
