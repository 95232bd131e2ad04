"""The clocks of members whose groups failed: how long each step took, from what they count from.

That is the deadline (or the cut), or the instant we learned of the payment where that is later; a
credit that the rule delays counts from its date. A step that has not come yet is one that waits;
who is not decided yet waits for the decision, and whether for more is known only then.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.analytics.campaigns import find_campaign_id
from domain.analytics.counting import Period, parameters
from domain.analytics.definitions import CLOCKS
from domain.analytics.settling import UNSETTLED

_STEPS = {
    "decided": ("true", "m.decided_at - m.from_at"),
    "credited": (
        "m.amount_fen > 0 AND NOT m.was_held AND m.grant_state <> 'denied'",
        "m.issued_at - m.credit_due_at",
    ),
    "refund_requested": ("m.refund_state IS NOT NULL", "m.requested_at - m.from_at"),
    "refund_accepted": ("m.refund_state IS NOT NULL", "m.accepted_at - m.from_at"),
    "refund_arrived": ("m.refund_state IS NOT NULL", "m.arrived_at - m.from_at"),
    "told": ("true", "m.told_at - m.from_at"),
    "message_sent": (
        """
        CASE WHEN m.notice_id IS NULL THEN false
        WHEN m.send_result IS NULL THEN EXISTS (
            SELECT 1 FROM work_rows w
            WHERE w.merchant_id = :merchant_id AND w.kind = 'send_message'
                AND w.subject_id = m.notice_id AND w.state <> 'done')
        ELSE m.send_result = 'sent' END
        """,
        "m.sent_at - m.from_at",
    ),
}
"""Which members a step is for, and how long it took; null while it has not come."""
_MEASURE = """
    WITH members AS MATERIALIZED (
        SELECT d.decided_at, d.issued_at, d.amount_fen, d.state AS grant_state,
            d.parts @> '[{{"kind": "held"}}]' AS was_held,
            greatest(d.deadline_at, p.learned_at) AS from_at,
            greatest(d.due_at, p.learned_at) AS credit_due_at,
            r.state AS refund_state, r.requested_at, r.accepted_at, r.arrived_at,
            n.created_at AS told_at, n.id AS notice_id, n.sent_at, n.send_result
        FROM grants d
        LEFT JOIN payments p ON p.merchant_id = d.merchant_id AND p.order_id = d.order_id
            AND p.outcome = 'seated'
        LEFT JOIN refunds r ON r.merchant_id = d.merchant_id AND r.order_id = d.order_id
            AND r.payment_id = p.id AND r.purpose = 'failed' AND r.state <> 'closed'
        LEFT JOIN notices n ON n.merchant_id = d.merchant_id AND n.order_id = d.order_id
            AND n.key = 'group.failed'
        WHERE d.merchant_id = :merchant_id AND d.decided_at >= :period_start
            AND d.decided_at < :window_end {of_campaign}
    )
    SELECT s.key, count(*) AS members, count(*) - count(s.seconds) AS waiting,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY s.seconds) AS p50_seconds,
        percentile_disc(0.99) WITHIN GROUP (ORDER BY s.seconds) AS p99_seconds,
        max(s.seconds) AS max_seconds
    FROM members m
    CROSS JOIN LATERAL (
        SELECT t.key, CASE WHEN t.took IS NOT NULL THEN
            greatest(0, ceil(extract(epoch FROM t.took)))::bigint END AS seconds
        FROM (VALUES {steps}) AS t (key, is_for, took)
        WHERE t.is_for
    ) s
    GROUP BY s.key
"""


_UNDECIDED = f"""
    SELECT count(*)
    FROM ({UNSETTLED}) d
    JOIN orders o ON o.merchant_id = :merchant_id AND o.group_id = d.id AND o.state = 'paid'
    WHERE d.due_at >= :period_start AND d.due_at < :window_end {{of_campaign}}
"""  # noqa: S608 - constants only


def _statement(of_campaign: str) -> str:
    steps = ", ".join(f"('{key}', {is_for}, {took})" for key, (is_for, took) in _STEPS.items())
    return _MEASURE.format(of_campaign=of_campaign, steps=steps)


_CAMPAIGN = "AND d.campaign_id = :campaign_id"
_OF_MERCHANT = text(_statement("")), text(_UNDECIDED.format(of_campaign=""))
_OF_CAMPAIGN = text(_statement(_CAMPAIGN)), text(_UNDECIDED.format(of_campaign=_CAMPAIGN))


@dataclass(frozen=True, slots=True)
class Clock:
    """One step: of how many members, how many still wait for it, seconds of those who do not."""

    key: str
    members: int = 0
    waiting: int = 0
    p50_seconds: int | None = None
    p99_seconds: int | None = None
    max_seconds: int | None = None


def measure_clocks(
    session: Session,
    merchant_id: int,
    period: Period,
    *,
    at: datetime,
    campaign: str | None = None,
) -> list[Clock]:
    """Measure each step of the members decided in a period, of all campaigns or of one (public id).

    Those whose deadline was in it, and who wait for the decision at an instant, are counted with
    that step. Raises CampaignNotFound.
    """
    campaign_id = None if campaign is None else find_campaign_id(session, merchant_id, campaign)
    values = {**parameters(merchant_id, period, campaign_id=campaign_id), "at": at}
    measure, count_undecided = _OF_MERCHANT if campaign is None else _OF_CAMPAIGN
    found = {row.key: Clock(**row._mapping) for row in session.execute(measure, values)}
    undecided = session.execute(count_undecided, values).scalar_one()
    decided = found.get("decided", Clock("decided"))
    found["decided"] = replace(
        decided, members=decided.members + undecided, waiting=decided.waiting + undecided
    )
    return [found.get(clock.key, Clock(clock.key)) for clock in CLOCKS]
