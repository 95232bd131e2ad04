-- Groups of three that are over. Of ten groups six formed, three failed with two paid seats, one
-- with a paid and an expired one: 26 orders. Shoppers take turns.
CREATE TEMP TABLE made_groups ON COMMIT DROP AS
SELECT n, nextval(pg_get_serial_sequence('groups', 'id')) AS id,
    substr(md5(random()::text || random()::text), 1, 20) AS public_id,
    CASE WHEN n %% 10 < 6 THEN 'formed' ELSE 'failed' END AS state,
    CASE WHEN n %% 10 < 6 THEN 3 WHEN n %% 10 < 9 THEN 2 ELSE 1 END AS paid,
    CASE WHEN n %% 10 = 9 THEN 1 ELSE 0 END AS unpaid,
    opened_at, opened_at + interval '1 day' AS deadline_at,
    CASE WHEN n %% 10 < 6 THEN opened_at + interval '20 minutes'
        ELSE opened_at + interval '1 day 1 second' END AS ended_at
FROM (
    SELECT n, %(begins_at)s + n * ((%(ends_at)s - %(begins_at)s) / %(groups)s) AS opened_at
    FROM generate_series(0, %(groups)s - 1) AS n
) s;

CREATE TEMP TABLE made_orders ON COMMIT DROP AS
SELECT o.*, nextval(pg_get_serial_sequence('orders', 'id')) AS id,
    substr(md5(random()::text || random()::text), 1, 20) AS public_id,
    CASE WHEN NOT is_paid THEN 'expired' WHEN group_state = 'formed' THEN 'fulfilling'
        ELSE 'refunded' END AS state,
    CASE WHEN is_paid AND group_state = 'formed' THEN 'taken' ELSE 'released' END AS seat_state,
    CASE WHEN is_paid THEN nextval(pg_get_serial_sequence('payments', 'id')) END AS payment_id,
    CASE WHEN is_paid THEN 'succeeded' END AS payment_state,
    CASE WHEN is_paid THEN substr(md5(random()::text || random()::text), 1, 20) END AS payment_no,
    CASE WHEN is_paid AND group_state = 'failed'
        THEN nextval(pg_get_serial_sequence('refunds', 'id')) END AS refund_id,
    CASE WHEN is_paid AND group_state = 'failed'
        THEN nextval(pg_get_serial_sequence('grants', 'id')) END AS grant_id
FROM (
    SELECT i.*, is_paid AND row_number() OVER (PARTITION BY shopper_id, is_paid ORDER BY n) = 1
        AS is_first
    FROM (
        SELECT row_number() OVER () - 1 AS n, g.id AS group_id, g.public_id AS group_public_id,
            g.state AS group_state, seat, seat < g.paid AS is_paid,
            g.opened_at + seat * interval '10 minutes' - interval '1 minute' AS placed_at,
            CASE WHEN seat < g.paid THEN g.opened_at + seat * interval '10 minutes' END AS paid_at,
            g.opened_at + seat * interval '10 minutes' + interval '4 minutes' AS hold_expires_at,
            CASE WHEN seat >= g.paid
                THEN g.opened_at + seat * interval '10 minutes' + interval '4 minutes'
                END AS releasing_at,
            CASE WHEN seat >= g.paid
                THEN g.opened_at + seat * interval '10 minutes' + interval '5 minutes'
                WHEN g.state = 'failed' THEN g.ended_at + interval '1 hour' END AS ended_at,
            g.ended_at AS decided_at, g.deadline_at,
            %(first_shopper)s + ((row_number() OVER () - 1) %% %(shoppers)s) AS shopper_id
        FROM (SELECT * FROM made_groups ORDER BY n) g
        CROSS JOIN LATERAL generate_series(0, g.paid + g.unpaid - 1) AS seat
    ) i
    ORDER BY n
) o;
