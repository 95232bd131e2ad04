-- The Shanghai days of the orders: the one they were placed on, and their cap day.
ALTER TABLE made_orders ADD COLUMN placed_on date, ADD COLUMN cap_on date;
UPDATE made_orders SET placed_on = (((placed_at) AT TIME ZONE 'Asia/Shanghai')::date),
    cap_on = (((deadline_at - interval '1 microsecond') AT TIME ZONE 'Asia/Shanghai')::date);
