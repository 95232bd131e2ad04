"""Invariant 8: coupons, passes and points are issued, spent and given back once each."""

from domain.auditing.checks import Check, Probe, probe
from domain.auditing.ledger import ISSUED

ISSUED_ONCE = Check(
    "instruments.issued-once",
    8,
    "A grant, reward or gift that was issued as coupon, pass or points has exactly one coupon,"
    " pass, lot or external issue, of its shopper and its value; nothing else has one.",
)
USED_ONCE = Check(
    "instruments.used-once",
    8,
    "A coupon or pass is reserved for the one unpaid order that it pays, or spent on the one paid"
    " order; it pays what it is worth, and one that pays no such order is neither.",
)
POINTS_COUNTED = Check(
    "points.counted",
    8,
    "What is spent of a lot is what orders took out of it and did not give back; an order's points"
    " are of its shopper's lots, given back exactly if the order is over without a product.",
)
CLAWED_BACK = Check(
    "clawbacks.within-issued",
    8,
    "What was taken back of a grant, reward or gift is the sum of its claw-backs, and not more than"
    " was issued; a coupon or pass was taken back whole.",
)

_OVER = "('refunding', 'refunded', 'expired', 'cancelled')"

PROBES: tuple[Probe, ...] = (
    probe(
        ISSUED_ONCE,
        f"""
        WITH wanted AS (
            SELECT merchant_id, source, id AS source_id, shopper_id, kind, amount_fen
            FROM ({ISSUED}) i WHERE kind <> 'cash'
        ), made AS (
            SELECT merchant_id, source, source_id, shopper_id, kind, value_fen FROM instruments
            UNION ALL
            SELECT merchant_id, source, source_id, shopper_id, 'points', value_fen FROM point_lots
            UNION ALL
            SELECT merchant_id, 'grant', grant_id, shopper_id, 'external_points', amount_fen
            FROM external_issues
        ), counted AS (
            SELECT *, count(*) OVER (PARTITION BY merchant_id, source, source_id) AS n FROM made
        )
        SELECT format('%s %s/%s of shopper %s: %s %s fen; made: %s %s fen of shopper %s, %s times',
            coalesce(w.source, m.source), coalesce(w.merchant_id, m.merchant_id),
            coalesce(w.source_id, m.source_id), w.shopper_id, w.kind, w.amount_fen, m.kind,
            m.value_fen, m.shopper_id, m.n) AS key
        FROM wanted w
        FULL JOIN counted m ON m.merchant_id = w.merchant_id AND m.source = w.source
            AND m.source_id = w.source_id
        WHERE (m.n = 1 AND m.kind = w.kind AND m.value_fen = w.amount_fen
            AND m.shopper_id = w.shopper_id) IS NOT TRUE
        """,  # noqa: S608 - constants only
    ),
    probe(
        USED_ONCE,
        f"""
        WITH paid AS (
            SELECT o.merchant_id, o.id, o.state, o.shopper_id, o.price_fen, o.instrument_id,
                o.instrument_fen, o.points_fen + o.wallet_fen + o.payable_fen AS rest_fen
            FROM orders o WHERE o.instrument_id IS NOT NULL
        )
        SELECT format('order %s/%s is %s, paid %s fen by %s %s of %s fen, which is %s for order %s',
            p.merchant_id, p.id, p.state, p.instrument_fen, n.kind, p.instrument_id, n.value_fen,
            n.state, n.order_id) AS key
        FROM paid p
        LEFT JOIN instruments n ON n.merchant_id = p.merchant_id AND n.id = p.instrument_id
        WHERE (n.shopper_id = p.shopper_id
            AND p.instrument_fen = least(n.value_fen, p.price_fen)
            AND CASE n.kind WHEN 'pass' THEN p.rest_fen = 0
                ELSE p.price_fen >= n.threshold_fen END
            AND CASE WHEN p.state IN {_OVER} THEN n.order_id IS DISTINCT FROM p.id
                ELSE n.order_id = p.id
                    AND n.state = CASE p.state WHEN 'placed' THEN 'reserved' ELSE 'spent' END END
        ) IS NOT TRUE
        UNION ALL
        SELECT format('%s %s/%s is %s for order %s', n.kind, n.merchant_id, n.id, n.state,
            n.order_id)
        FROM instruments n
        LEFT JOIN orders o ON o.merchant_id = n.merchant_id AND o.id = n.order_id
            AND o.instrument_id = n.id
        WHERE (n.state IN ('reserved', 'spent')) <> (n.order_id IS NOT NULL)
            OR (n.order_id IS NOT NULL AND o.id IS NULL)
        """,  # noqa: S608 - constants only
    ),
    probe(
        POINTS_COUNTED,
        f"""
        WITH uses AS (
            SELECT u.merchant_id, u.order_id, u.lot_id, u.amount_fen, l.shopper_id,
                u.returned_at IS NOT NULL AS is_back
            FROM point_uses u
            LEFT JOIN point_lots l ON l.merchant_id = u.merchant_id AND l.id = u.lot_id
        ), of_lots AS (
            SELECT merchant_id, lot_id, sum(amount_fen) FILTER (WHERE NOT is_back) AS spent
            FROM uses GROUP BY 1, 2
        ), of_orders AS (
            SELECT merchant_id, order_id, sum(amount_fen) AS taken, bool_and(is_back) AS all_back,
                bool_or(is_back) AS any_back, min(shopper_id) AS first_shopper,
                max(shopper_id) AS last_shopper, count(*) - count(shopper_id) AS strays
            FROM uses GROUP BY 1, 2
        )
        SELECT format('lot %s/%s: spent %s of %s fen, recounted %s', l.merchant_id, l.id,
            l.spent_fen, l.value_fen, coalesce(u.spent, 0)) AS key
        FROM point_lots l
        LEFT JOIN of_lots u ON u.merchant_id = l.merchant_id AND u.lot_id = l.id
        WHERE l.spent_fen <> coalesce(u.spent, 0)
            OR l.left_fen + l.spent_fen + l.expired_fen + l.clawed_back_fen <> l.value_fen
            OR least(l.left_fen, l.spent_fen, l.expired_fen, l.clawed_back_fen) < 0
        UNION ALL
        SELECT format('order %s/%s is %s: %s fen of points, taken %s', o.merchant_id, o.id, o.state,
            o.points_fen, coalesce(u.taken, 0))
        FROM orders o
        LEFT JOIN of_orders u ON u.merchant_id = o.merchant_id AND u.order_id = o.id
        WHERE (o.points_fen > 0 OR u.order_id IS NOT NULL)
            AND (u.taken = o.points_fen AND u.strays = 0 AND u.first_shopper = o.shopper_id
                AND u.last_shopper = o.shopper_id
                AND CASE WHEN o.state IN {_OVER} THEN u.all_back ELSE NOT u.any_back END
            ) IS NOT TRUE
        """,  # noqa: S608 - constants only
    ),
    probe(
        CLAWED_BACK,
        f"""
        WITH said AS (
            SELECT merchant_id, 'grant' AS source, id, clawed_back_fen FROM grants
            UNION ALL
            SELECT merchant_id, 'reward', id, clawed_back_fen FROM rewards
            UNION ALL
            SELECT merchant_id, 'gift', id, clawed_back_fen FROM gifts
        ), taken AS (
            SELECT merchant_id, source, source_id, sum(amount_fen) AS fen FROM clawbacks
            GROUP BY 1, 2, 3
        ), kept AS (
            SELECT merchant_id, source, source_id,
                CASE state WHEN 'clawed_back' THEN value_fen ELSE 0 END AS fen
            FROM instruments
            UNION ALL
            SELECT merchant_id, source, source_id, clawed_back_fen FROM point_lots
        )
        SELECT format('%s %s/%s: %s fen issued, %s fen clawed back, recounted %s, of what was made'
            ' %s', coalesce(s.source, t.source), coalesce(s.merchant_id, t.merchant_id),
            coalesce(s.id, t.source_id), i.amount_fen, s.clawed_back_fen, t.fen, k.fen) AS key
        FROM said s
        FULL JOIN taken t ON t.merchant_id = s.merchant_id AND t.source = s.source
            AND t.source_id = s.id
        LEFT JOIN ({ISSUED}) i ON i.merchant_id = s.merchant_id AND i.source = s.source
            AND i.id = s.id
        LEFT JOIN kept k ON k.merchant_id = s.merchant_id AND k.source = s.source
            AND k.source_id = s.id
        WHERE (s.clawed_back_fen = coalesce(t.fen, 0)
            AND s.clawed_back_fen <= coalesce(i.amount_fen, 0)
            AND (k.fen IS NULL OR k.fen = s.clawed_back_fen)) IS NOT TRUE
        """,  # noqa: S608 - constants only
    ),
)
