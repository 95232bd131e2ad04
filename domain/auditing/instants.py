"""Invariant 16, of instants and days: each is recounted from what it derives from.

A group's deadline comes from its frozen rules and the payment that opened it, an order's days and
payment from its group and its gateway. An instant that a move set is the instant of that move.
"""

from datetime import timedelta

from domain.auditing.checks import Check, Probe, listed
from domain.orders.rules import ALONE_HOLD, HOLD, OPENING_MARGIN
from domain.states import FINAL_GROUP_STATES

DEADLINES = Check(
    "groups.deadlines-recounted",
    16,
    "A group opened when its opener paid, early enough before the campaign's end; its deadline is"
    " the life of its frozen rules later, or the campaign's end; one that never opened has none.",
)
NOT_EARLY = Check(
    "groups.never-ended-early",
    16,
    "No group was closed for its deadline, and none was decided to fail, before its deadline or the"
    " cut came; it says why it ended, and when, as its moves do.",
)
CAP_DAYS = Check(
    "orders.cap-days-recounted",
    16,
    "An order counts against the caps of the Shanghai day on which its group's deadline falls"
    " (24:00 belongs to the ending day); the one that opened a group of the day that a life from"
    " then on ends in, or the campaign; a product bought alone of none.",
)
PAID_AT = Check(
    "orders.paid-when-they-were",
    16,
    "An order was paid at the success time of the payment that took its seat, or when it was placed"
    " if nothing was payable.",
)
PLACED = Check(
    "orders.days-and-holds-recounted",
    16,
    "An order was placed on the Shanghai day of its instant; its hold lasts as long as the rules"
    " say, and not beyond the group's deadline; it ended, and why, as its moves say.",
)


def _seconds(duration: timedelta) -> str:
    return f"interval '{duration // timedelta(seconds=1)} seconds'"


def shanghai_day(instant: str) -> str:
    """Write the Shanghai day of an SQL instant."""
    return f"CAST({instant} AT TIME ZONE 'Asia/Shanghai' AS date)"


def ending_day(instant: str) -> str:
    """Write the Shanghai day that an SQL instant falls in: 24:00 belongs to the ending day."""
    return shanghai_day(f"({instant} - interval '1 microsecond')")


RULES = """
    SELECT merchant_id, id, make_interval(secs => (terms ->> 'life_seconds')::float8) AS life,
        (terms ->> 'ends_at')::timestamptz AS ends_at
    FROM rule_versions
"""
"""What instants come from, of each rule version."""
OPENERS = """
    SELECT merchant_id, group_id, min(id) AS id FROM orders
    WHERE group_id IS NOT NULL GROUP BY 1, 2
"""
"""The order that opened each group: its first."""

_OF_GROUPS = f"""
    WITH rules AS ({RULES}), openers AS ({OPENERS}), moves AS (
        SELECT merchant_id, subject_id,
            min(occurred_at) FILTER (WHERE to_state = 'closing') AS closing_at,
            max(occurred_at) FILTER (WHERE to_state IN ({listed(FINAL_GROUP_STATES)})) AS ended_at
        FROM state_moves WHERE machine = 'group' GROUP BY 1, 2
    ), judged AS (
        SELECT g.merchant_id, g.id, g.state, g.created_at, g.opened_at, g.deadline_at, g.cut_at,
            g.ended_at, g.end_reason, o.paid_at, m.closing_at, m.ended_at AS moved_at,
            (g.opened_at IS NULL) = (g.state IN ('pending', 'abandoned'))
                AND g.created_at = o.placed_at AND g.opened_at IS NOT DISTINCT FROM o.paid_at
                AND g.deadline_at IS NOT DISTINCT FROM least(g.opened_at + r.life,
                    CASE WHEN g.opened_at IS NOT NULL THEN r.ends_at END)
                AND coalesce(g.opened_at <= r.ends_at - {_seconds(OPENING_MARGIN)}, true)
                AS is_by_rules,
            coalesce(m.closing_at >= least(g.deadline_at, g.cut_at), true)
                AND (g.state NOT IN ('failed', 'cancelled')
                    OR coalesce(g.ended_at >= least(g.deadline_at, g.cut_at), false))
                AND g.ended_at IS NOT DISTINCT FROM m.ended_at
                AND CASE WHEN g.cut_at IS NOT NULL THEN g.end_reason IS NOT NULL
                    ELSE g.end_reason IS NOT DISTINCT FROM CASE
                        WHEN g.state = 'abandoned' THEN 'unpaid'
                        WHEN m.closing_at IS NOT NULL THEN 'deadline' END END AS is_in_time
        FROM groups g
        LEFT JOIN rules r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
        LEFT JOIN openers p ON p.merchant_id = g.merchant_id AND p.group_id = g.id
        LEFT JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.id
        LEFT JOIN moves m ON m.merchant_id = g.merchant_id AND m.subject_id = g.id
    ), wrong AS (
        SELECT * FROM judged WHERE (is_by_rules AND is_in_time) IS NOT TRUE
    )
    SELECT v.name, format('group %s/%s is %s: %s', merchant_id, id, state, v.why) AS key
    FROM wrong CROSS JOIN LATERAL (VALUES
        ('{DEADLINES.name}', is_by_rules, format('opened at %s, its opener paid at %s; deadline %s',
            opened_at, paid_at, deadline_at)),
        ('{NOT_EARLY.name}', is_in_time, format('deadline %s, cut %s, closing at %s, ended at %s,'
            ' by its moves at %s, for %s', deadline_at, cut_at, closing_at, ended_at, moved_at,
            end_reason))
    ) AS v (name, is_so, why)
    WHERE v.is_so IS NOT TRUE
"""  # noqa: S608 - constants only

_OF_ORDERS = f"""
    WITH rules AS ({RULES}), openers AS ({OPENERS}), seated AS (
        SELECT merchant_id, order_id, min(succeeded_at) AS first_at, max(succeeded_at) AS last_at
        FROM payments WHERE outcome = 'seated' GROUP BY 1, 2
    ), moves AS (
        SELECT merchant_id, subject_id,
            max(occurred_at) FILTER (WHERE machine = 'order') AS ended_at,
            max(occurred_at) FILTER (WHERE machine = 'seat') AS releasing_at
        FROM state_moves
        WHERE (machine = 'order' AND to_state IN ('expired', 'cancelled', 'refunded'))
            OR (machine = 'seat' AND to_state = 'releasing')
        GROUP BY 1, 2
    ), due AS (
        SELECT o.merchant_id, o.id, o.state, o.cap_on, o.placed_at, o.placed_on, o.paid_at,
            o.hold_expires_at, o.ended_at, o.releasing_at, o.release_reason, o.payable_fen,
            o.group_id, s.first_at, s.last_at, m.ended_at AS moved_at,
            m.releasing_at AS released_from,
            CASE WHEN p.id IS NULL THEN g.deadline_at
                ELSE least(o.placed_at + r.life, r.ends_at) END AS capped_at,
            CASE WHEN o.group_id IS NULL THEN o.placed_at + {_seconds(ALONE_HOLD)}
                WHEN p.id IS NOT NULL THEN o.placed_at + {_seconds(HOLD)}
                ELSE least(o.placed_at + {_seconds(HOLD)}, g.deadline_at) END AS held_until
        FROM orders o
        LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
        LEFT JOIN rules r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
        LEFT JOIN openers p ON p.merchant_id = o.merchant_id AND p.id = o.id
        LEFT JOIN seated s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
        LEFT JOIN moves m ON m.merchant_id = o.merchant_id AND m.subject_id = o.id
    ), judged AS (
        SELECT *, cap_on IS NOT DISTINCT FROM {ending_day("capped_at")} AS is_capped,
            paid_at IS NULL OR CASE WHEN payable_fen = 0 THEN paid_at = placed_at
                ELSE coalesce(paid_at = first_at AND paid_at = last_at, false) END AS is_paid,
            placed_on = {shanghai_day("placed_at")} AND hold_expires_at = held_until
                AND ended_at IS NOT DISTINCT FROM moved_at
                AND (releasing_at IS NULL) = (release_reason IS NULL)
                AND (group_id IS NULL OR releasing_at IS NOT DISTINCT FROM released_from)
                AND coalesce(releasing_at BETWEEN placed_at AND coalesce(ended_at, releasing_at),
                    true)
                AND (state NOT IN ('expired', 'cancelled') OR state = release_reason) AS is_placed
        FROM due
    ), wrong AS (
        SELECT * FROM judged WHERE (is_capped AND is_paid AND is_placed) IS NOT TRUE
    )
    SELECT v.name, format('order %s/%s is %s: %s', merchant_id, id, state, v.why) AS key
    FROM wrong CROSS JOIN LATERAL (VALUES
        ('{CAP_DAYS.name}', is_capped, format('cap day %s of %s', cap_on, capped_at)),
        ('{PAID_AT.name}', is_paid, format('placed at %s, paid at %s, its payment succeeded at %s',
            placed_at, paid_at, first_at)),
        ('{PLACED.name}', is_placed, format('placed at %s on %s, held until %s, releasing at %s'
            ' (%s), ended at %s, by its moves at %s', placed_at, placed_on, hold_expires_at,
            releasing_at, release_reason, ended_at, moved_at))
    ) AS v (name, is_so, why)
    WHERE v.is_so IS NOT TRUE
"""  # noqa: S608 - constants only

PROBES: tuple[Probe, ...] = (
    Probe((DEADLINES, NOT_EARLY), _OF_GROUPS),
    Probe((CAP_DAYS, PAID_AT, PLACED), _OF_ORDERS),
)
