-- A refund starts as requested; one that was made at the gateway's own console as accepted.
CREATE OR REPLACE FUNCTION check_refund_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows
        WHERE state <> CASE WHEN elsewhere_no IS NULL THEN 'requested' ELSE 'accepted' END
    ) THEN
        RAISE EXCEPTION 'a refund starts as requested' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
