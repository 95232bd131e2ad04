-- Risk decisions at joining, paying and settlement.
INSERT INTO risk_decisions
    (merchant_id, occurred_at, point, shopper_id, order_id, outcome, fired, inputs)
SELECT %(merchant_id)s, v.at, v.point, o.shopper_id, o.id, 'allow', '[]', v.inputs::jsonb
FROM made_orders o CROSS JOIN LATERAL (VALUES
    (o.placed_at, 'join', '{"flag": null, "participations": 0, "has_unpaid_hold": false,'
        ' "participations_limit": 5}', true),
    (o.paid_at, 'pay', '{"flag": null, "risk_at_join": "allow"}', o.is_paid),
    (o.decided_at, 'settle', '{"flag": null, "risk_so_far": "allow"}', o.grant_id IS NOT NULL)
) AS v (at, point, inputs, is_so)
WHERE v.is_so;
