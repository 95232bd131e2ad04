"""The statements that figures are counted by: each reads the rows of a window (a period and the one
before it) once, and counts them by day and by period.

Rows that settlement wrote once (groups' instants, ledger transactions, grants, visits), never flags
that change later: whether a seat was sold when its group formed is the ledger's word, not the
order's state. Days come as the instants at which they begin, so that SQL knows no time zone.
"""

from typing import Any

from sqlalchemy import text

_OPENED = """
    SELECT d.day, d.is_total, count(*) AS groups_opened
    FROM (
        SELECT {day_of[g.opened_at]}
        FROM groups g
        WHERE g.merchant_id = :merchant_id AND {within[g.opened_at]} {of_group}
    ) d
    {by_day_and_span}
"""
_FORMED = """
    SELECT d.day, d.is_total, count(*) AS groups_formed
    FROM (
        SELECT {day_of[g.ended_at]}
        FROM groups g
        WHERE g.merchant_id = :merchant_id AND g.state = 'formed' AND {within[g.ended_at]}
            {of_group}
    ) d
    {by_day_and_span}
"""
_FAILED = """
    SELECT d.day, d.is_total, count(*) AS groups_failed,
        count(*) FILTER (WHERE d.paid_seats = 1) AS solo_failures
    FROM (
        SELECT {day_of[cut]}, g.paid_seats
        FROM groups g
        WHERE g.merchant_id = :merchant_id AND g.state = 'failed'
            AND {within[cut]} {of_group}
    ) d
    {by_day_and_span}
"""
_PAID = """
    SELECT d.day, d.is_total, count(DISTINCT d.shopper_id) AS people_paid,
        sum(d.price_fen)::bigint AS paid_all_fen
    FROM (
        SELECT {day_of[o.paid_at]}, o.shopper_id, o.price_fen
        FROM orders o
        WHERE o.merchant_id = :merchant_id AND {within[o.paid_at]} {of_order}
    ) d
    {by_day_and_span}
"""
_ISSUED = """
    SELECT d.day, d.is_total, count(*) AS subsidies_issued,
        sum(d.amount_fen)::bigint AS subsidies_issued_fen
    FROM (
        SELECT {day_of[cut]}, r.amount_fen
        FROM groups g
        JOIN grants r ON r.merchant_id = g.merchant_id AND r.group_id = g.id
            AND r.issued_at IS NOT NULL
        WHERE g.merchant_id = :merchant_id AND g.state = 'failed'
            AND {within[cut]} {of_group}
    ) d
    {by_day_and_span}
"""
"""A subsidy counts on the day on which its group failed, whenever it was credited."""
_CREDITED = """
    WITH spent AS (
        SELECT o.shopper_id, max(o.paid_at) AS last_at
        FROM orders o
        WHERE o.merchant_id = :merchant_id AND o.wallet_fen > 0 AND o.paid_at >= :window_start
        GROUP BY 1
    )
    SELECT d.day, d.is_total, count(*) AS subsidies_credited,
        sum(d.amount_fen)::bigint AS subsidies_credited_fen,
        count(DISTINCT d.shopper_id) AS subsidised_shoppers,
        count(DISTINCT d.shopper_id) FILTER (WHERE d.is_spent) AS subsidy_spenders,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY d.credit_seconds) AS credit_seconds_p50,
        percentile_disc(0.99) WITHIN GROUP (ORDER BY d.credit_seconds) AS credit_seconds_p99,
        max(d.credit_seconds) AS credit_seconds_max
    FROM (
        SELECT {day_of[r.issued_at]}, r.shopper_id, r.amount_fen,
            r.issued_at < s.last_at AS is_spent,
            CASE WHEN NOT r.parts @> '[{{"kind": "held"}}]' THEN greatest(0, ceil(
                extract(epoch FROM r.issued_at - r.due_at)))::bigint END AS credit_seconds
        FROM grants r
        LEFT JOIN spent s ON s.shopper_id = r.shopper_id
        WHERE r.merchant_id = :merchant_id AND {within[r.issued_at]} {of_grant}
    ) d
    {by_day_and_span}
"""
_JOINED = """
    SELECT d.day, d.is_total, count(*) AS shoppers_registered
    FROM (
        SELECT {day_of[n.created_at]}
        FROM shoppers n
        WHERE n.merchant_id = :merchant_id AND {within[n.created_at]} {of_first_order}
    ) d
    {by_day_and_span}
"""
_REGISTERED = """
    SELECT d.day, d.is_total, count(*) AS new_shoppers_registered
    FROM (
        SELECT {day_of[n.created_at]}
        FROM shoppers n
        WHERE n.merchant_id = :merchant_id AND n.came_by_share_id IS NOT NULL
            AND {within[n.created_at]} {of_newcomer}
    ) d
    {by_day_and_span}
"""
_FIRST_PAID = """
    SELECT d.day, d.is_total, count(DISTINCT d.shopper_id) AS new_shoppers_paid
    FROM (
        SELECT {day_of[o.paid_at]}, o.shopper_id
        FROM orders o
        JOIN shoppers n ON n.merchant_id = o.merchant_id AND n.id = o.shopper_id
            AND n.came_by_share_id IS NOT NULL
        WHERE o.merchant_id = :merchant_id AND o.is_first_paid AND {within[o.paid_at]}
            {of_newcomer}
    ) d
    {by_day_and_span}
"""
_VISITED = """
    SELECT d.day, d.is_total, count(*) AS share_visits, count(DISTINCT d.pair) AS invitations
    FROM (
        SELECT {day_of[v.occurred_at]}, hashtextextended(
            coalesce('d' || v.device, 's' || v.shopper_id, 'a' || v.client_address, ''), v.share_id
        ) AS pair
        FROM visits v
        WHERE v.merchant_id = :merchant_id AND {within[v.occurred_at]} {of_visit}
    ) d
    {by_day_and_span}
"""
"""A pair of share and visitor is told apart by 64 bits: a million pairs clash once in 30 million
counts."""
_SOLD_AND_REPURCHASED = """
    WITH sold AS MATERIALIZED (
        SELECT {day_of[g.ended_at]}, o.shopper_id, g.ended_at AS at, g.campaign_id, g.state,
            o.price_fen, o.list_price_fen
        FROM groups g
        JOIN orders o ON o.merchant_id = g.merchant_id AND o.group_id = g.id
        WHERE g.merchant_id = :merchant_id AND g.state IN ('formed', 'formed_short')
            AND {within[g.ended_at]} AND {was_sold}
    ), firsts AS (
        SELECT d.shopper_id, min(d.at) AS at {first_here}
        FROM (
            SELECT shopper_id, at, campaign_id FROM sold
            UNION ALL
            SELECT r.shopper_id, r.decided_at, r.campaign_id
            FROM grants r
            WHERE r.merchant_id = :merchant_id AND {within[r.decided_at]}
        ) d
        GROUP BY 1
    ), buyers AS (
        SELECT o.shopper_id, max(o.paid_at) AS last_at, bool_or(o.is_first_paid) AS is_new
        FROM orders o
        WHERE o.merchant_id = :merchant_id AND o.paid_at >= :window_start
        GROUP BY 1
    )
    SELECT d.day, d.is_total, count(*) AS seats_formed, sum(d.price_fen)::bigint AS paid_formed_fen,
        sum(d.list_price_fen - d.price_fen)::bigint AS discount_fen,
        NULL::bigint AS first_outcomes, NULL::bigint AS repurchase_shoppers
    FROM sold d
    WHERE d.state = 'formed' {of_sale}
    {by_day_and_span}
    UNION ALL
    SELECT d.day, d.is_total, NULL, NULL, NULL,
        count(*), count(*) FILTER (WHERE d.last_at > d.at)
    FROM (
        SELECT {day_of[g.at]}, g.at, b.last_at
        FROM firsts g
        LEFT JOIN buyers b ON b.shopper_id = g.shopper_id
        WHERE (b.is_new OR NOT EXISTS (
            SELECT 1 FROM grants r
            WHERE r.merchant_id = :merchant_id AND r.shopper_id = g.shopper_id
                AND r.decided_at < :window_start
            UNION ALL
            SELECT 1 FROM orders o
            JOIN groups e ON e.merchant_id = o.merchant_id AND e.id = o.group_id
            WHERE o.merchant_id = :merchant_id AND o.shopper_id = g.shopper_id
                AND e.state IN ('formed', 'formed_short') AND e.ended_at < :window_start
                AND {was_sold}
        )) {of_first}
    ) d
    {by_day_and_span}
"""
"""One pass over the orders that were sold. A shopper whose first payment lies in the window had no
outcome before it: nothing to look up."""
_INSTANTS = (
    "g.opened_at",
    "g.ended_at",
    "g.at",
    "n.created_at",
    "o.paid_at",
    "r.decided_at",
    "r.issued_at",
    "v.occurred_at",
)
_CUT = "least(g.deadline_at, g.cut_at)"


def _day_of(instant: str) -> str:
    return (
        f"width_bucket({instant}, CAST(:starts AS timestamptz[])) AS day,"
        f" CASE WHEN {instant} >= :period_start THEN true"
        f" WHEN {instant} < :previous_end THEN false END AS is_total"
    )


_PARTS: dict[str, Any] = {
    "day_of": {
        **{column: _day_of(column) for column in _INSTANTS},
        "cut": _day_of(f"({_CUT} - interval '1 microsecond')"),
    },
    "within": {
        **{column: f"{column} >= :window_start AND {column} < :window_end" for column in _INSTANTS},
        "cut": f"{_CUT} > :window_start AND {_CUT} <= :window_end",
    },
    "was_sold": """(
        o.seat_state = 'taken' OR o.paid_at IS NOT NULL AND EXISTS (
            SELECT 1 FROM ledger_transactions t
            WHERE t.merchant_id = o.merchant_id AND t.kind = 'order.sold' AND t.ref_id = o.id)
    )""",
    "by_day_and_span": "GROUP BY GROUPING SETS ((d.day), (d.is_total))",
}
"""What the statements have in common.

`day_of`: which day of the window (1, 2, ...) an instant lies in, and which of the two periods; in
neither where it is later in the period before than this one has come so far. A deadline at 24:00
belongs to the day that ends. `was_sold`: whether an order of a formed group was
in it when it formed; a seat that is taken now was taken then, as none is taken in a group that is
over.
"""
_SHARED_HERE = """AND EXISTS (
    SELECT 1 FROM shares s
    JOIN groups g ON g.merchant_id = s.merchant_id AND g.id = s.group_id
    WHERE s.merchant_id = :merchant_id AND s.id = {0} AND g.campaign_id = :campaign_id)"""
_FILTERS = {
    "of_group": "AND g.campaign_id = :campaign_id",
    "of_sale": "AND d.campaign_id = :campaign_id",
    "of_order": "AND o.campaign_id = :campaign_id",
    "of_grant": "AND r.campaign_id = :campaign_id",
    "of_first_order": """AND EXISTS (
        SELECT 1 FROM orders o
        WHERE o.merchant_id = n.merchant_id AND o.shopper_id = n.id AND o.is_first_paid
            AND o.campaign_id = :campaign_id)""",
    "of_newcomer": _SHARED_HERE.format("n.came_by_share_id"),
    "of_visit": _SHARED_HERE.format("v.share_id"),
    "first_here": ", min(d.at) FILTER (WHERE d.campaign_id = :campaign_id) AS here_at",
    "of_first": "AND g.here_at = g.at",
}
_TEMPLATES = {
    "opened": _OPENED,
    "formed": _FORMED,
    "failed": _FAILED,
    "paid": _PAID,
    "issued": _ISSUED,
    "credited": _CREDITED,
    "joined": _JOINED,
    "registered": _REGISTERED,
    "first_paid": _FIRST_PAID,
    "visited": _VISITED,
    "sold_and_repurchased": _SOLD_AND_REPURCHASED,
}
OF_MERCHANT = {
    name: text(template.format(**_PARTS, **dict.fromkeys(_FILTERS, "")))
    for name, template in _TEMPLATES.items()
}
OF_CAMPAIGN = {
    name: text(template.format(**_PARTS, **_FILTERS)) for name, template in _TEMPLATES.items()
}
