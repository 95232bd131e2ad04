-- The Shanghai days of the orders: the one they were placed on, and their cap day. Who opened the
-- group did not know its deadline yet: a life from placing on.
ALTER TABLE made_orders ADD COLUMN placed_on date, ADD COLUMN cap_on date;
UPDATE made_orders o SET placed_on = (((placed_at) AT TIME ZONE 'Asia/Shanghai')::date),
    cap_on = (((o.deadline_at - CASE o.seat WHEN 0 THEN o.paid_at - o.placed_at
        ELSE interval '0' END - interval '1 microsecond') AT TIME ZONE 'Asia/Shanghai')::date);
