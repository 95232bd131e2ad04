-- Records each move of a state machine, with its time and actor, once per statement.
-- state_moves' CHECK (edge_legal) refuses a move that is not an edge; work rows are checked only.
-- A plan made for one row is kept for a thousand: without nested loops it stays linear.

CREATE FUNCTION record_campaign_moves() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
    SELECT n.merchant_id, n.moved_at, 'campaign', n.id, o.state, n.state, n.moved_by
    FROM new_rows n JOIN old_rows o ON o.merchant_id = n.merchant_id AND o.id = n.id
    WHERE n.state <> o.state;
    RETURN NULL;
END $$;
CREATE TRIGGER record_campaign_moves AFTER UPDATE ON campaigns
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_campaign_moves();
CREATE FUNCTION check_campaign_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows
        WHERE state NOT IN ('draft')
    ) THEN
        RAISE EXCEPTION 'a campaign starts as draft' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_campaign_start AFTER INSERT ON campaigns
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION check_campaign_start();

CREATE FUNCTION record_group_moves() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
    SELECT n.merchant_id, n.moved_at, 'group', n.id, o.state, n.state, n.moved_by
    FROM new_rows n JOIN old_rows o ON o.merchant_id = n.merchant_id AND o.id = n.id
    WHERE n.state <> o.state;
    RETURN NULL;
END $$;
CREATE TRIGGER record_group_moves AFTER UPDATE ON groups
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_group_moves();
CREATE FUNCTION check_group_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows
        WHERE state NOT IN ('pending')
    ) THEN
        RAISE EXCEPTION 'a group starts as pending' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_group_start AFTER INSERT ON groups
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION check_group_start();

CREATE FUNCTION record_seat_moves() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
    SELECT n.merchant_id, n.moved_at, 'seat', n.id, o.seat_state, n.seat_state, n.moved_by
    FROM new_rows n JOIN old_rows o ON o.merchant_id = n.merchant_id AND o.id = n.id
    WHERE n.seat_state <> o.seat_state;
    RETURN NULL;
END $$;
CREATE TRIGGER record_seat_moves AFTER UPDATE ON orders
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_seat_moves();
CREATE FUNCTION check_seat_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows
        WHERE seat_state NOT IN ('held')
    ) THEN
        RAISE EXCEPTION 'a seat starts as held' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_seat_start AFTER INSERT ON orders
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION check_seat_start();

CREATE FUNCTION record_order_moves() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
    SELECT n.merchant_id, n.moved_at, 'order', n.id, o.state, n.state, n.moved_by
    FROM new_rows n JOIN old_rows o ON o.merchant_id = n.merchant_id AND o.id = n.id
    WHERE n.state <> o.state;
    RETURN NULL;
END $$;
CREATE TRIGGER record_order_moves AFTER UPDATE ON orders
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_order_moves();
CREATE FUNCTION check_order_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows
        WHERE state NOT IN ('placed')
    ) THEN
        RAISE EXCEPTION 'a order starts as placed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_order_start AFTER INSERT ON orders
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION check_order_start();

CREATE FUNCTION record_payment_moves() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
    SELECT n.merchant_id, n.moved_at, 'payment', n.id, o.state, n.state, n.moved_by
    FROM new_rows n JOIN old_rows o ON o.merchant_id = n.merchant_id AND o.id = n.id
    WHERE n.state <> o.state;
    RETURN NULL;
END $$;
CREATE TRIGGER record_payment_moves AFTER UPDATE ON payments
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_payment_moves();
CREATE FUNCTION check_payment_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows
        WHERE state NOT IN ('created')
    ) THEN
        RAISE EXCEPTION 'a payment starts as created' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_payment_start AFTER INSERT ON payments
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION check_payment_start();

CREATE FUNCTION record_refund_moves() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
    SELECT n.merchant_id, n.moved_at, 'refund', n.id, o.state, n.state, n.moved_by
    FROM new_rows n JOIN old_rows o ON o.merchant_id = n.merchant_id AND o.id = n.id
    WHERE n.state <> o.state;
    RETURN NULL;
END $$;
CREATE TRIGGER record_refund_moves AFTER UPDATE ON refunds
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_refund_moves();
CREATE FUNCTION check_refund_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows
        WHERE state NOT IN ('requested')
    ) THEN
        RAISE EXCEPTION 'a refund starts as requested' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_refund_start AFTER INSERT ON refunds
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION check_refund_start();

CREATE FUNCTION record_grant_moves() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO state_moves (merchant_id, occurred_at, machine, subject_id, from_state, to_state, actor)
    SELECT n.merchant_id, n.moved_at, 'grant', n.id, o.state, n.state, n.moved_by
    FROM new_rows n JOIN old_rows o ON o.merchant_id = n.merchant_id AND o.id = n.id
    WHERE n.state <> o.state;
    RETURN NULL;
END $$;
CREATE TRIGGER record_grant_moves AFTER UPDATE ON grants
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_grant_moves();
CREATE FUNCTION check_grant_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows
        WHERE state NOT IN ('decided')
    ) THEN
        RAISE EXCEPTION 'a grant starts as decided' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_grant_start AFTER INSERT ON grants
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION check_grant_start();

CREATE FUNCTION check_work_moves() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows n JOIN old_rows o ON o.merchant_id = n.merchant_id AND o.id = n.id
        WHERE n.state <> o.state
            AND (o.state, n.state) NOT IN (('due', 'leased'), ('leased', 'done'), ('leased', 'due'), ('leased', 'parked'), ('parked', 'due'))
    ) THEN
        RAISE EXCEPTION 'illegal move of a work row' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_work_moves AFTER UPDATE ON work_rows
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION check_work_moves();
