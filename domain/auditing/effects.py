"""Invariant 16, of effects: a row says of itself when it moved, and what for, as all others do."""

from domain.auditing.checks import Check, Probe, probe
from domain.states import RECORDED

MOVED = Check(
    "moves.dated",
    9,
    "A row says of itself when it moved last, and by whom, what its newest recorded move says; one"
    " that never moved says when it was made; a payment may have been prepared again since.",
)
EFFECTS = Check(
    "ledger.dates-effects",
    16,
    "A payment was learned of, a refund requested and arrived, a subsidy, reward or gift issued,"
    " value clawed back and a withdrawal requested and paid at the instant of its ledger"
    " transaction, which is sealed.",
)
PAYMENTS = Check(
    "payments.of-their-orders",
    16,
    "A payment asks for what its order has to pay, until its hold ends; what a gateway said is"
    " dated after the payment was made, and no more than a day before we learned of it.",
)
PURPOSES = Check(
    "refunds.purposes-recounted",
    16,
    "A refund says truly what it is for: a payment that took no seat says why, one that did that"
    " its group failed, or that its member left; it was accepted and arrived when it moved there.",
)
MOVEMENTS = Check(
    "movements.fold-to-counters",
    7,
    "What a campaign's folded movements add up to is what its counters say; a movement is of its"
    " group's campaign, and dated by what it is about.",
)
FACTS = Check(
    "facts.say-what-is-so",
    16,
    "A fact is dated as what it tells of: a group's end, a payment that went back (with its amount"
    " and why), a reward, a gift.",
)

_MADE_AT = {
    "campaign": "created_at",
    "group": "created_at",
    "order": "placed_at",
    "payment": "created_at",
    "refund": "requested_at",
    "grant": "decided_at",
    "instrument": "issued_at",
    "withdrawal": "requested_at",
}
_ROWS = " UNION ALL ".join(
    f"SELECT merchant_id, '{machine.name}' AS machine, id, moved_at, moved_by,"  # noqa: S608
    f" {_MADE_AT[machine.name]} AS made_at,"
    f" {'releasing_at' if machine.name == 'order' else 'CAST(NULL AS timestamptz)'} AS also_at"
    f" FROM {machine.table}"
    for machine in RECORDED
    if machine.name != "seat"
)
_OURS = "(SELECT * FROM refunds WHERE elsewhere_no IS NULL) AS ours"
_ELSEWHERE = "(SELECT * FROM refunds WHERE elsewhere_no IS NOT NULL) AS elsewhere"
_EFFECTS = " UNION ALL ".join(
    f"SELECT merchant_id, '{kind}' AS kind, id AS ref_id, {instant} AS said_at FROM {table}"  # noqa: S608
    for kind, table, instant in (
        ("payment.received", "payments", "learned_at"),
        ("refund.requested", _OURS, "requested_at"),
        ("refund.arrived", _OURS, "arrived_at"),
        ("refund.elsewhere", _ELSEWHERE, "arrived_at"),
        ("grant.issued", "grants", "issued_at"),
        ("reward.issued", "rewards", "issued_at"),
        ("gift.issued", "gifts", "issued_at"),
        ("clawback", "clawbacks", "at"),
        ("withdrawal.requested", "withdrawals", "requested_at"),
    )
)
_COUNTERS = (
    "committed_fen",
    "spent_fen",
    "stock_committed",
    "stock_consumed",
    "groups_opened",
    "groups_formed",
    "groups_failed",
    "people_paid",
)
_SUMS = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in _COUNTERS)
_SAID = ", ".join(f"c.{name}" for name in _COUNTERS)
_SUMMED = ", ".join(f"coalesce(s.{name}, 0)" for name in _COUNTERS)

PROBES: tuple[Probe, ...] = (
    probe(
        MOVED,
        f"""
        WITH newest AS (
            SELECT merchant_id, CASE machine WHEN 'seat' THEN 'order' ELSE machine END AS machine,
                subject_id, max(id) AS id
            FROM state_moves GROUP BY 1, 2, 3
        ), told AS (
            SELECT n.merchant_id, n.machine, n.subject_id, m.occurred_at, m.actor
            FROM newest n JOIN state_moves m ON m.merchant_id = n.merchant_id AND m.id = n.id
        )
        SELECT format('%s %s/%s moved at %s by %s, by its moves at %s by %s', r.machine,
            r.merchant_id, r.id, r.moved_at, r.moved_by, t.occurred_at, t.actor) AS key
        FROM ({_ROWS}) r
        LEFT JOIN told t ON t.merchant_id = r.merchant_id AND t.machine = r.machine
            AND t.subject_id = r.id
        WHERE (r.moved_at = r.also_at OR (r.moved_by = 'gateway:prepay' AND r.moved_at >= r.made_at)
            OR CASE WHEN t.subject_id IS NULL THEN r.moved_at = r.made_at
            ELSE r.moved_at = t.occurred_at AND r.moved_by = t.actor END) IS NOT TRUE
        """,  # noqa: S608 - constants only
    ),
    probe(
        EFFECTS,
        f"""
        SELECT format('%s %s/%s: said %s, posted %s', e.kind, e.merchant_id, e.ref_id, e.said_at,
            t.at) AS key
        FROM ({_EFFECTS}) e
        LEFT JOIN ledger_transactions t ON t.merchant_id = e.merchant_id AND t.kind = e.kind
            AND t.ref_id = e.ref_id
        WHERE e.said_at IS DISTINCT FROM t.at
        """,  # noqa: S608 - constants only
    ),
    probe(
        PAYMENTS,
        """
        SELECT format('payment %s/%s of %s fen until %s: order %s of %s fen until %s; made at %s,'
            ' succeeded at %s, learned of at %s', p.merchant_id, p.id, p.amount_fen, p.expires_at,
            o.id, o.payable_fen, o.hold_expires_at, p.created_at, p.succeeded_at, p.learned_at)
            AS key
        FROM payments p
        LEFT JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
        WHERE (p.amount_fen = o.payable_fen AND p.expires_at = o.hold_expires_at
            AND p.created_at >= o.placed_at
            AND (p.succeeded_at IS NOT NULL) = (p.state = 'succeeded')
            AND (p.learned_at IS NOT NULL) = (p.state = 'succeeded')) IS NOT TRUE
        """,
    ),
    probe(
        PURPOSES,
        """
        WITH moves AS (
            SELECT merchant_id, subject_id,
                min(occurred_at) FILTER (WHERE to_state IN ('accepted', 'arrived'))
                    AS accepted_at,
                max(occurred_at) FILTER (WHERE to_state = 'arrived') AS arrived_at
            FROM state_moves WHERE machine = 'refund' GROUP BY 1, 2
        )
        SELECT format('refund %s/%s (%s) of a payment that was %s, accepted at %s (%s), arrived at'
            ' %s (%s)', r.merchant_id, r.id, r.purpose, p.outcome, r.accepted_at, m.accepted_at,
            r.arrived_at, m.arrived_at) AS key
        FROM refunds r
        LEFT JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        LEFT JOIN grants s ON s.merchant_id = r.merchant_id AND s.order_id = r.order_id
        LEFT JOIN moves m ON m.merchant_id = r.merchant_id AND m.subject_id = r.id
        WHERE (CASE WHEN r.elsewhere_no IS NOT NULL THEN r.purpose = 'elsewhere'
                WHEN r.purpose LIKE 'instead%' THEN EXISTS (
                    SELECT 1 FROM refunds e WHERE e.merchant_id = r.merchant_id
                        AND e.payment_id = r.payment_id AND e.state = 'closed'
                        AND r.purpose = 'instead_' || e.id)
                WHEN p.outcome <> 'seated' THEN r.purpose = p.outcome
                ELSE r.purpose = CASE WHEN s.id IS NULL THEN 'left' ELSE 'failed' END END
            AND r.accepted_at IS NOT DISTINCT FROM CASE WHEN r.elsewhere_no IS NULL
                THEN m.accepted_at ELSE r.requested_at END
            AND r.arrived_at IS NOT DISTINCT FROM m.arrived_at) IS NOT TRUE
        """,
    ),
    probe(
        MOVEMENTS,
        f"""
        WITH sums AS (
            SELECT merchant_id, campaign_id, {_SUMS} FROM campaign_movements
            WHERE folded_at IS NOT NULL GROUP BY 1, 2
        )
        SELECT format('campaign %s/%s: folded %s, counters %s', c.merchant_id, c.id,
            ROW({_SUMMED}), ROW({_SAID})) AS key
        FROM campaigns c
        LEFT JOIN sums s ON s.merchant_id = c.merchant_id AND s.campaign_id = c.id
        WHERE ({_SAID}) IS DISTINCT FROM ({_SUMMED})
        UNION ALL
        SELECT format('movement %s/%s (%s) of group %s, at %s', m.merchant_id, m.id, m.reason,
            m.group_id, m.at)
        FROM campaign_movements m
        LEFT JOIN groups g ON g.merchant_id = m.merchant_id AND g.id = m.group_id
        LEFT JOIN grants s ON s.merchant_id = m.merchant_id AND s.order_id = m.order_id
        LEFT JOIN orders o ON o.merchant_id = m.merchant_id AND o.id = m.order_id
            AND m.reason = 'released_late'
        WHERE (m.campaign_id = g.campaign_id AND m.at >= g.created_at
            AND m.at = CASE m.reason
                WHEN 'pending' THEN g.created_at
                WHEN 'formed' THEN g.ended_at
                WHEN 'failed' THEN g.ended_at
                WHEN 'ended_empty' THEN g.ended_at
                WHEN 'joined_late' THEN s.decided_at
                WHEN 'grant_matured' THEN s.issued_at
                WHEN 'grant_released' THEN s.issued_at
                WHEN 'released_late' THEN o.ended_at
                ELSE m.at END) IS NOT TRUE
        """,  # noqa: S608 - constants only
    ),
    probe(
        FACTS,
        """
        SELECT format('fact %s/%s (%s of %s) at %s: %s', f.merchant_id, f.id, f.kind, f.subject_id,
            f.at, f.payload) AS key
        FROM facts f
        LEFT JOIN groups g ON g.merchant_id = f.merchant_id AND g.id = f.subject_id
            AND f.kind IN ('group.formed', 'group.failed')
        LEFT JOIN payments p ON p.merchant_id = f.merchant_id AND p.id = f.subject_id
            AND f.kind = 'payment.returned'
        LEFT JOIN rewards w ON w.merchant_id = f.merchant_id AND w.id = f.subject_id
            AND f.kind = 'reward.issued'
        LEFT JOIN gifts h ON h.merchant_id = f.merchant_id AND h.id = f.subject_id
            AND f.kind = 'gift.issued'
        WHERE f.kind IN ('group.formed', 'group.failed', 'payment.returned', 'reward.issued',
                'gift.issued')
            AND (f.at = coalesce(g.ended_at, p.learned_at, w.issued_at, h.issued_at)
                AND (p.id IS NULL OR ((f.payload ->> 'order_id')::bigint,
                    (f.payload ->> 'amount_fen')::bigint, f.payload ->> 'why')
                    = (p.order_id, p.received_fen, p.outcome))) IS NOT TRUE
        """,
    ),
)
