"""Invariant 1: seats are never oversold, and the counters of a group are its orders."""

from domain.auditing.checks import Check, Probe, listed, probe
from domain.states import LIVE_ORDER_STATES, OrderState

_LIVE = listed(LIVE_ORDER_STATES)
_BINDING = listed((OrderState.PLACED, *LIVE_ORDER_STATES))

WITHIN_SIZE = Check(
    "seats.within-size",
    1,
    "Taken, held and releasing seats of a group are never more than its size.",
)
COUNTED = Check(
    "seats.counted", 1, "A group's counters of seats are what its orders say, seat by seat."
)
FIT_THE_GROUP = Check(
    "seats.fit-the-group",
    1,
    "A running group has a seat; a pending one has none taken, one that is over holds none open.",
)
MATCH_ORDERS = Check(
    "seats.match-orders",
    1,
    "A seat is taken exactly while its order is live, held or releasing while it is placed.",
)
ONE_PER_SHOPPER = Check(
    "seats.one-per-shopper", 1, "A shopper has one placed or live order per group at most."
)
ONE_HOLD = Check(
    "seats.one-hold",
    1,
    "A shopper has one unpaid hold at a time at most: a seat, or a product bought alone.",
)
TWO_RELEASES = Check(
    "seats.two-releases",
    1,
    "A shopper has two unpaid orders at most that are being released, seats or bought alone.",
)

PROBES = (
    Probe(
        (WITHIN_SIZE, COUNTED, FIT_THE_GROUP),
        f"""
        WITH recount AS (
            SELECT merchant_id, group_id,
                count(*) FILTER (WHERE seat_state = 'taken') AS taken,
                count(*) FILTER (WHERE seat_state = 'held') AS held,
                count(*) FILTER (WHERE seat_state = 'releasing') AS releasing
            FROM orders WHERE group_id IS NOT NULL GROUP BY 1, 2
        ), seats AS (
            SELECT g.merchant_id, g.id, g.state, g.size, g.taken AS said_taken, g.held AS said_held,
                g.releasing AS said_releasing, coalesce(r.taken, 0) AS taken,
                coalesce(r.held, 0) AS held, coalesce(r.releasing, 0) AS releasing
            FROM groups g
            LEFT JOIN recount r ON r.merchant_id = g.merchant_id AND r.group_id = g.id
        ), judged AS (
            SELECT s.*, taken + held + releasing <= size AS is_within,
                taken = said_taken AND held = said_held AND releasing = said_releasing
                    AS is_counted,
                CASE
                    WHEN state = 'pending' THEN taken = 0 AND held + releasing > 0
                    WHEN state IN ('open', 'frozen', 'closing') THEN taken + held + releasing > 0
                    WHEN state IN ('formed', 'formed_short') THEN held + releasing = 0
                    WHEN state IN ('failed', 'cancelled') THEN taken + held = 0
                    ELSE taken + held + releasing = 0 END AS is_fitting
            FROM seats s
        ), wrong AS (
            SELECT * FROM judged WHERE NOT (is_within AND is_counted AND is_fitting)
        )
        SELECT v.name, format('group %s/%s is %s: size %s, counters %s+%s+%s, orders %s+%s+%s',
            merchant_id, id, state, size, said_taken, said_held, said_releasing,
            taken, held, releasing) AS key
        FROM wrong CROSS JOIN LATERAL (VALUES
            ('{WITHIN_SIZE.name}', is_within),
            ('{COUNTED.name}', is_counted),
            ('{FIT_THE_GROUP.name}', is_fitting)
        ) AS v (name, is_so)
        WHERE NOT v.is_so
        """,  # noqa: S608 - constants only
    ),
    probe(
        MATCH_ORDERS,
        f"""
        SELECT format('order %s/%s is %s, its seat %s', merchant_id, id, state, seat_state) AS key
        FROM orders
        WHERE group_id IS NOT NULL AND (
            (seat_state = 'taken') <> (state IN ({_LIVE}))
            OR (seat_state IN ('held', 'releasing')) <> (state = 'placed')
            OR (seat_state = 'releasing') <> (state = 'placed' AND releasing_at IS NOT NULL))
        """,  # noqa: S608 - constants only
    ),
    probe(
        ONE_PER_SHOPPER,
        f"""
        SELECT format('group %s/%s, shopper %s: %s orders', merchant_id, group_id, shopper_id,
            count(*)) AS key
        FROM orders WHERE group_id IS NOT NULL AND state IN ({_BINDING})
        GROUP BY merchant_id, group_id, shopper_id HAVING count(*) > 1
        """,  # noqa: S608 - constants only
    ),
    probe(
        ONE_HOLD,
        """
        SELECT format('shopper %s/%s: %s holds', merchant_id, shopper_id, count(*)) AS key
        FROM orders WHERE state = 'placed' AND releasing_at IS NULL
        GROUP BY merchant_id, shopper_id HAVING count(*) > 1
        """,
    ),
    probe(
        TWO_RELEASES,
        """
        SELECT format('shopper %s/%s: %s releases', merchant_id, shopper_id, count(*)) AS key
        FROM orders WHERE state = 'placed' AND releasing_at IS NOT NULL
        GROUP BY merchant_id, shopper_id HAVING count(*) > 2
        """,
    ),
)
