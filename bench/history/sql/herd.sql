-- Open groups with one deadline; some hold a seat whose payment is open. A shopper is used once.
CREATE TEMP TABLE made_groups ON COMMIT DROP AS
SELECT n, nextval(pg_get_serial_sequence('groups', 'id')) AS id,
    substr(md5(random()::text || random()::text), 1, 20) AS public_id, 'open' AS state,
    %(paid_seats)s AS paid,
    CASE WHEN %(unpaid_every)s > 0 AND n %% greatest(%(unpaid_every)s, 1) = 0
        THEN 1 ELSE 0 END AS unpaid,
    %(opened_at)s AS opened_at, %(deadline_at)s AS deadline_at,
    CAST(NULL AS timestamptz) AS ended_at
FROM generate_series(1, %(groups)s) AS n;

CREATE TEMP TABLE made_orders ON COMMIT DROP AS
SELECT o.*, nextval(pg_get_serial_sequence('orders', 'id')) AS id,
    substr(md5(random()::text || random()::text), 1, 20) AS public_id,
    CASE WHEN is_paid THEN 'paid' ELSE 'placed' END AS state,
    CASE WHEN is_paid THEN 'taken' ELSE 'held' END AS seat_state,
    nextval(pg_get_serial_sequence('payments', 'id')) AS payment_id,
    CASE WHEN is_paid THEN 'succeeded' ELSE 'pending' END AS payment_state,
    substr(md5(random()::text || random()::text), 1, 20) AS payment_no,
    CAST(NULL AS bigint) AS refund_id, CAST(NULL AS bigint) AS grant_id, is_paid AS is_first
FROM (
    SELECT row_number() OVER () - 1 AS n, g.id AS group_id, g.public_id AS group_public_id,
        g.state AS group_state, seat, seat < g.paid AS is_paid,
        CASE WHEN seat < g.paid THEN g.opened_at + seat * interval '10 seconds'
            ELSE g.deadline_at - interval '3 minutes' END AS placed_at,
        CASE WHEN seat < g.paid
            THEN g.opened_at + seat * interval '10 seconds' END AS paid_at,
        CASE WHEN seat < g.paid
            THEN g.opened_at + seat * interval '10 seconds' + interval '5 minutes'
            ELSE g.deadline_at END AS hold_expires_at,
        CAST(NULL AS timestamptz) AS releasing_at, CAST(NULL AS timestamptz) AS ended_at,
        CAST(NULL AS timestamptz) AS decided_at, g.deadline_at,
        %(first_shopper)s + row_number() OVER () - 1 AS shopper_id
    FROM (SELECT * FROM made_groups ORDER BY n) g
    CROSS JOIN LATERAL generate_series(0, g.paid + g.unpaid - 1) AS seat
) o;
