"""Deciding and issuing subsidies: one decision per order, issued at once unless held or delayed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain import work
from domain.arrays import array
from domain.ledger.posting import Posting
from domain.money import point_fen
from domain.public_ids import new_public_id
from domain.risk import rules as risk
from domain.risk.recording import Judged, record_decisions
from domain.settlement.issuing import Issue, Source, issue
from domain.settlement.locking import Key, LockedGroup, LockedOrder, columns
from domain.states import GrantState
from domain.subsidies.drawing import draw
from domain.subsidies.rules import GrantDecision, Outcome, Quote, decide_grant
from domain.terms import SubsidyKind, SubsidyRule, Terms, read_terms

ISSUE_GRANT = "issue_grant"
"""Work: issuing a scheduled grant when it is due."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A failed group with its rules, and how many of its seats were paid."""

    group: LockedGroup
    terms: Terms
    paid_seats: int


@dataclass(frozen=True, slots=True)
class Granted:
    """What deciding a batch came to: postings for the caller, the outcome by order."""

    postings: list[Posting]
    decisions: dict[Key, GrantDecision]

    def amounts(self) -> dict[Key, int]:
        """Return the granted fen by order: what goes on counting against caps."""
        return {key: decision.amount_fen for key, decision in self.decisions.items()}

    def sum_of(self, members: Sequence[LockedOrder], *states: GrantState) -> int:
        """Add up what members were granted in some states, in fen."""
        decisions = [self.decisions[member.key] for member in members]
        return sum(d.amount_fen for d in decisions if d.state in states)


_TERMS = text(
    """
    SELECT r.merchant_id, r.id, r.terms::text AS terms
    FROM rule_versions r
    JOIN (
        SELECT DISTINCT m, i
        FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS u (m, i)
    ) t ON r.merchant_id = t.m AND r.id = t.i
    """
)
_POINTS_WORTH = text(
    """
    SELECT merchant_id, points_per_yuan FROM merchant_settings
    WHERE merchant_id = ANY(CAST(:merchants AS bigint[]))
    """
)
_INVITES = text(
    """
    SELECT h.merchant_id, h.group_id, h.shopper_id, count(*) AS invites
    FROM orders o
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        ON o.merchant_id = t.m AND o.group_id = t.i
    JOIN shares h ON h.merchant_id = o.merchant_id AND h.id = o.share_id
        AND h.group_id = o.group_id AND h.shopper_id <> o.shopper_id
    LEFT JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
    WHERE (o.state = 'paid' OR s.id IS NOT NULL) AND o.risk_outcome = 'allow'
    GROUP BY 1, 2, 3
    """
)
_STAYED_ONCE = text(
    """
    SELECT o.merchant_id, o.id FROM orders o
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        ON o.merchant_id = t.m AND o.id = t.i
    WHERE NOT EXISTS (
        SELECT FROM orders e
        WHERE e.merchant_id = o.merchant_id AND e.shopper_id = o.shopper_id
            AND e.paid_at IS NOT NULL AND e.left_at IS NULL AND e.id <> o.id)
    """
)
_DECIDE = text(
    """
    INSERT INTO grants (merchant_id, public_id, order_id, group_id, campaign_id, shopper_id, state,
        kind, quote_fen, amount_fen, parts, deadline_at, decided_at, due_at, moved_at, moved_by)
    SELECT m, public_id, order_id, group_id, campaign_id, shopper_id, 'decided',
        kind, quote, amount, parts, deadline_at, :at, due_at, :at, :actor
    FROM jsonb_to_recordset(:grants) AS t (
        m bigint, public_id text, order_id bigint, group_id bigint, campaign_id bigint,
        shopper_id bigint, kind text, quote bigint, amount bigint, parts jsonb,
        deadline_at timestamptz, due_at timestamptz)
    RETURNING merchant_id, id, order_id
    """
).bindparams(bindparam("grants", type_=JSONB))
_CONCLUDE = text(
    """
    UPDATE grants g SET state = t.state, moved_at = :at, moved_by = :actor,
        issued_at = CASE WHEN t.state = 'issued' THEN CAST(:at AS timestamptz) END
    FROM unnest(
        CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:states AS text[])
    ) AS t (m, i, state)
    WHERE g.merchant_id = t.m AND g.id = t.i
    """
)


def terms_of(session: Session, groups: Sequence[LockedGroup]) -> dict[Key, Terms]:
    """Return the frozen rules that groups were opened under, by group."""
    versions = sorted({(g.merchant_id, g.rule_version_id) for g in groups})
    rows = session.execute(_TERMS, columns(versions))
    found = {(row.merchant_id, row.id): read_terms(row.terms) for row in rows}
    return {g.key: found[g.merchant_id, g.rule_version_id] for g in groups}


def grant_subsidies(
    session: Session,
    orders: Sequence[LockedOrder],
    failed: Mapping[Key, Failed],
    *,
    at: datetime,
    actor: str,
) -> Granted:
    """Decide the subsidy of each paid order of failed groups; issue what is not held or delayed.

    Writes grants and risk decisions; the postings, and what now counts against the caps, are the
    caller's to write, so that a whole chunk is written once. Deciding an order twice breaks
    `uq_grants_merchant_id_order_id`.
    """
    if not orders:
        return Granted([], {})
    decisions = _decide(session, orders, failed, at=at)
    due_of = {o.key: _due_at(failed[o.group_key]) for o in orders}
    made = session.execute(
        _DECIDE,
        {
            "at": at,
            "actor": actor,
            "grants": [
                {
                    "m": o.merchant_id,
                    "public_id": new_public_id(),
                    "order_id": o.id,
                    "group_id": o.group_id,
                    "campaign_id": o.campaign_id,
                    "shopper_id": o.shopper_id,
                    "kind": failed[o.group_key].terms.subsidy.kind.value,
                    "quote": o.quote_fen,
                    "amount": decisions[o.key].amount_fen,
                    "parts": decisions[o.key].parts,
                    "deadline_at": _deadline(failed[o.group_key]).isoformat(),
                    "due_at": due_of[o.key].isoformat(),
                }
                for o in orders
            ],
        },
    ).all()
    grant_of = {(row.merchant_id, row.order_id): row.id for row in made}
    session.execute(
        _CONCLUDE,
        {
            "at": at,
            "actor": actor,
            "merchants": array(o.merchant_id for o in orders),
            "ids": array(grant_of[o.key] for o in orders),
            "states": array(decisions[o.key].state.value for o in orders),
        },
    )
    issues = [
        issue_of(
            (o.merchant_id, grant_of[o.key]),
            o.shopper_id,
            failed[o.group_key].terms.subsidy,
            decisions[o.key].amount_fen,
        )
        for o in orders
        if decisions[o.key].state is GrantState.ISSUED
    ]
    scheduled: defaultdict[datetime, list[Key]] = defaultdict(list)
    for order in orders:
        if decisions[order.key].state is GrantState.SCHEDULED:
            scheduled[due_of[order.key]].append((order.merchant_id, grant_of[order.key]))
    for due_at, grants in sorted(scheduled.items()):
        work.put(session, ISSUE_GRANT, grants, due_at=due_at)
    return Granted(issue(session, issues, at=at, actor=actor), decisions)


def issue_of(grant: Key, shopper_id: int, rule: SubsidyRule, amount_fen: int) -> Issue:
    """Say what a grant issues under its rule."""
    return Issue(
        grant[0],
        Source.GRANT,
        grant[1],
        shopper_id,
        rule.kind,
        amount_fen,
        threshold_fen=rule.threshold_fen,
        valid_days=rule.valid_days,
        programme_id=rule.programme_id,
    )


def _decide(
    session: Session, orders: Sequence[LockedOrder], failed: Mapping[Key, Failed], *, at: datetime
) -> dict[Key, GrantDecision]:
    judged = {o.key: risk.judge_settlement(flag=o.flag, risk_so_far=o.risk_outcome) for o in orders}
    record_decisions(
        session,
        [Judged(o.merchant_id, o.shopper_id, o.id, judged[o.key]) for o in orders],
        point="settle",
        at=at,
    )
    invites = _count_invites(session, failed)
    worth = _points_worth(session, failed)
    new = _find_new(session, orders)
    decisions = {}
    for order in orders:
        of = failed[order.group_key]
        rule = of.terms.subsidy
        outcome = Outcome(
            base_fen=_base(rule, order.public_id, rule.unit_fen(worth.get(order.merchant_id, 1))),
            is_new=order.key in new,
            invites=invites.get((*order.group_key, order.shopper_id), 0),
            paid_seats=of.paid_seats,
            is_to_be_held=judged[order.key].outcome is not risk.Outcome.ALLOW,
        )
        quote = Quote(order.quote_fen or 0, order.quote_parts or [])
        decisions[order.key] = decide_grant(rule, of.terms.levers, quote, outcome)
    return decisions


def _find_new(session: Session, orders: Sequence[LockedOrder]) -> set[Key]:
    """Find whose extra for new shoppers, if it was promised, is due: each shopper's once in a life.

    That is the order that was paid when there was none but such as were left; or, since what was
    there may have been left later, the only one that was not.
    """
    new = {order.key for order in orders if order.is_new}
    promised = [
        order.key
        for order in orders
        if order.key not in new
        and any(part["kind"] == "new_shopper" for part in order.quote_parts or [])
    ]
    if promised:
        new |= {(row[0], row[1]) for row in session.execute(_STAYED_ONCE, columns(promised))}
    return new


def _count_invites(
    session: Session, failed: Mapping[Key, Failed]
) -> dict[tuple[int, int, int], int]:
    """Count the seats of each group paid through each member's share, where the rules pay them."""
    groups = [key for key, of in failed.items() if of.terms.subsidy.invite_fen]
    if not groups:
        return {}
    rows = session.execute(_INVITES, columns(groups))
    return {(row.merchant_id, row.group_id, row.shopper_id): row.invites for row in rows}


def _points_worth(session: Session, failed: Mapping[Key, Failed]) -> dict[int, int]:
    """Return the fen that random points of merchants are drawn in, by merchant."""
    merchants = {
        key[0]
        for key, of in failed.items()
        if of.terms.subsidy.kind is SubsidyKind.POINTS and of.terms.subsidy.is_random
    }
    if not merchants:
        return {}
    rows = session.execute(_POINTS_WORTH, {"merchants": array(sorted(merchants))})
    return {row.merchant_id: point_fen(row.points_per_yuan) for row in rows}


def _base(rule: SubsidyRule, order_id: str, step: int) -> int:
    if not rule.is_random:
        return rule.amount_fen
    return draw(order_id, least=rule.smallest_fen, most=rule.amount_fen, step=step)


def _deadline(failed: Failed) -> datetime:
    if failed.group.deadline_at is None:
        raise ValueError("a failed group has a deadline")
    return failed.group.deadline_at


def _due_at(failed: Failed) -> datetime:
    """Return when a grant is due: at the deadline, or the rule's delay after it."""
    return _deadline(failed) + timedelta(seconds=failed.terms.subsidy.delay_seconds)
