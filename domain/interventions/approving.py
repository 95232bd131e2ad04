"""Approvals: an act above the merchant's limit is asked for by one person and decided by another.

What is asked for is kept as JSON and done when it is approved, by the rules and figures of that
moment; where it cannot be done then, the approval stays as it is. Core's transaction, as for all
that touches the ledger.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain import idempotency
from domain.campaigns.drafting import change_campaign
from domain.campaigns.queries import find_campaign
from domain.clock import iso
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.interventions.deciding_grants import deny_held, find_held, release_held
from domain.interventions.giving import Gift, find_recipient, give_gift
from domain.interventions.pushing import Push, order_push, worst_case
from domain.interventions.settling_offline import settle_rejected
from domain.interventions.taking_back import find_source, take_back_unspent
from domain.merchants.approvals import alone_from, find_approval
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.changing_settings import change_settings, read_settings
from domain.merchants.errors import ApprovalDecided, ApprovalNotFound, ApprovalOutdated, ApprovalOwn
from domain.merchants.rules import Role
from domain.public_ids import new_public_id
from domain.refunds.queries import find_refund
from domain.settlement.issuing import Source
from domain.subsidies.segments import Segment
from domain.terms import SubsidyKind

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Weighed:
    """What an act is about, by inner id, and how much it moves."""

    subject_id: int | None
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Doing:
    """An act about to be weighed or done: in which transaction, for whom, what, why, when."""

    session: Session
    actor: StaffActor
    command: Json
    reason: str
    at: datetime

    @property
    def merchant_id(self) -> int:
        """Return whose act it is."""
        return self.actor.merchant_id

    def log(
        self, action: str, subject: tuple[str, int | None], *, before: Json | None, after: Json
    ) -> None:
        """Record it in the audit log."""
        kind, subject_id = subject
        audit(
            self.session,
            self.actor,
            action,
            subject_kind=kind,
            subject_id=subject_id,
            at=self.at,
            reason=self.reason,
            before=before,
            after=after,
        )


@dataclass(frozen=True, slots=True)
class Act:
    """An act that can be asked for.

    `weigh` reads what it would move now; `perform` does it and returns its body. One that
    `may_shrink` takes what there is by then.
    """

    role: Role
    subject_kind: str
    weigh: Callable[[Doing], Weighed]
    perform: Callable[[Doing], Json]
    may_shrink: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for an act: its kind, what it takes (as its own endpoint does), and why."""

    actor: StaffActor
    key: RequestKey
    kind: str
    command: Json
    reason: str


@dataclass(frozen=True, slots=True)
class Decide:
    """Decide an approval (public id): approved, refused, or withdrawn by who asked."""

    actor: StaffActor
    key: RequestKey
    approval_id: str
    state: str
    reason: str


_ADD = text(
    """
    INSERT INTO approvals (merchant_id, public_id, kind, subject_kind, subject_id, amount_fen,
        command, reason, state, requested_by, requested_at)
    VALUES (:merchant_id, :public_id, :kind, :subject_kind, :subject_id, :amount, :command,
        :reason, 'pending', :staff_id, :at)
    RETURNING id
    """
).bindparams(bindparam("command", type_=JSONB))
_LOCK = text(
    """
    SELECT id, kind, command, reason, state, requested_by, requested_at, amount_fen
    FROM approvals
    WHERE merchant_id = :merchant_id AND public_id = :public_id
    FOR NO KEY UPDATE
    """
)
_DECIDE = text(
    """
    UPDATE approvals SET state = :state, decided_by = :staff_id, decided_at = :at,
        decision_reason = :reason, result = :result
    WHERE merchant_id = :merchant_id AND id = :id
    """
).bindparams(bindparam("result", type_=JSONB(none_as_null=True)))


def ask_approval(ask: Ask, *, at: datetime) -> dict[str, Any]:
    """Ask a second person for an act; returns the approval's body. May be repeated with its key.

    Raises what finding the act's subject raises, RoleTooLow, Busy, IdempotencyKeyReused.
    """
    act, merchant_id = ACTS[ask.kind], ask.actor.merchant_id
    ask.actor.require(act.role)
    with transaction() as session:
        done = idempotency.take(session, ask.key)
        if done is not None:
            return done
        doing = Doing(session, ask.actor, ask.command, ask.reason, at)
        weighed = act.weigh(doing)
        public_id = new_public_id()
        approval_id = session.execute(
            _ADD,
            {
                "merchant_id": merchant_id,
                "public_id": public_id,
                "kind": ask.kind,
                "subject_kind": act.subject_kind,
                "subject_id": weighed.subject_id,
                "amount": weighed.amount_fen,
                "command": dict(ask.command),
                "reason": ask.reason,
                "staff_id": ask.actor.staff_id,
                "at": at,
            },
        ).scalar_one()
        body = find_approval(session, merchant_id, public_id).to_json()
        doing.log("approval.requested", ("approval", approval_id), before=None, after=_kept(body))
        idempotency.store(session, ask.key, body, at=at)
    return body


def decide_approval(decide: Decide, *, at: datetime) -> dict[str, Any]:
    """Decide an approval, and do what was asked for if it is approved; returns its body.

    May be repeated with its key. Raises ApprovalNotFound, ApprovalDecided, ApprovalOwn (only a
    second person decides, only the first withdraws; but see `alone_from`), ApprovalOutdated (it
    would move another amount than was asked for), what the act raises, RoleTooLow, Busy,
    IdempotencyKeyReused.
    """
    actor = decide.actor
    with transaction() as session:
        done = idempotency.take(session, decide.key)
        if done is not None:
            return done
        values = {"merchant_id": actor.merchant_id, "public_id": decide.approval_id}
        asked = session.execute(_LOCK, values).one_or_none()
        if asked is None:
            raise ApprovalNotFound
        act = ACTS[asked.kind]
        actor.require(act.role)
        if asked.state != "pending":
            raise ApprovalDecided(state=asked.state)
        _require_person(asked, decide, at=at)
        result = None
        if decide.state == "approved":
            doing = Doing(session, actor, asked.command, asked.reason, at)
            _require_weight(act, doing, asked.amount_fen)
            result = dict(act.perform(doing))
        session.execute(
            _DECIDE,
            {
                "merchant_id": actor.merchant_id,
                "id": asked.id,
                "state": decide.state,
                "staff_id": actor.staff_id,
                "at": at,
                "reason": decide.reason,
                "result": result,
            },
        )
        body = find_approval(session, actor.merchant_id, decide.approval_id).to_json()
        deciding = Doing(session, actor, asked.command, decide.reason, at)
        subject = ("approval", asked.id)
        deciding.log(f"approval.{decide.state}", subject, before=None, after=_kept(body))
        idempotency.store(session, decide.key, body, at=at, status=200)
    logger.info("approval decided", extra={"approval": decide.approval_id, "state": decide.state})
    return body


def _require_person(asked: Row[Any], decide: Decide, *, at: datetime) -> None:
    """Raise ApprovalOwn where another person than this one has to decide so."""
    is_own = asked.requested_by == decide.actor.staff_id
    if is_own == (decide.state == "withdrawn"):
        return
    alone_from_at = alone_from(asked.kind, asked.requested_at)
    if is_own and decide.state == "approved" and alone_from_at is not None:
        if at >= alone_from_at:
            return
        raise ApprovalOwn(alone_from_at=iso(alone_from_at))
    raise ApprovalOwn


def _require_weight(act: Act, doing: Doing, asked_fen: int) -> None:
    """Raise ApprovalOutdated where an act would move more than the second person was shown.

    Or less, where it has no business to.
    """
    fen = act.weigh(doing).amount_fen
    if fen > asked_fen or (fen < asked_fen and not act.may_shrink):
        raise ApprovalOutdated(asked_fen=asked_fen, now_fen=fen)


def _kept(body: Json) -> Json:
    """Return what the audit log keeps of an approval."""
    return {name: body[name] for name in ("kind", "amount_fen", "state")}


def _weigh_gift(doing: Doing) -> Weighed:
    recipient = find_recipient(doing.session, doing.merchant_id, _gift(doing))
    return Weighed(recipient.id, doing.command["amount_fen"])


def _perform_gift(doing: Doing) -> Json:
    return give_gift(doing.session, doing.actor, _gift(doing), at=doing.at)


def _gift(doing: Doing) -> Gift:
    kind = SubsidyKind(doing.command["kind"])
    return Gift(**{**doing.command, "kind": kind, "reason": doing.reason})


def _weigh_push(doing: Doing) -> Weighed:
    most = worst_case(doing.session, doing.merchant_id, _push(doing), at=doing.at)
    return Weighed(None, most)


def _perform_push(doing: Doing) -> Json:
    return order_push(doing.session, doing.actor, _push(doing), at=doing.at)


def _push(doing: Doing) -> Push:
    segment = Segment(doing.command["segment"])
    return Push(**{**doing.command, "segment": segment, "reason": doing.reason})


def _weigh_claw_back(doing: Doing) -> Weighed:
    source, source_id, most = _claw_back(doing)
    found = find_source(doing.session, doing.merchant_id, source, source_id)
    return Weighed(found.id, found.left_fen if most is None else min(most, found.left_fen))


def _perform_claw_back(doing: Doing) -> Json:
    source, source_id, most = _claw_back(doing)
    return take_back_unspent(
        doing.session,
        doing.actor,
        source,
        source_id,
        at_most_fen=most,
        reason=doing.reason,
        at=doing.at,
    )


def _claw_back(doing: Doing) -> tuple[Source, str, int | None]:
    command = doing.command
    return Source(command["source"]), command["source_id"], command["amount_fen"]


def _weigh_offline(doing: Doing) -> Weighed:
    refund = find_refund(doing.session, doing.merchant_id, doing.command["refund_id"])
    return Weighed(refund.row_id, refund.amount_fen)


def _perform_offline(doing: Doing) -> Json:
    return settle_rejected(
        doing.session, doing.actor, doing.command["refund_id"], reason=doing.reason, at=doing.at
    )


def _weigh_grant(doing: Doing) -> Weighed:
    grant = find_held(doing.session, doing.merchant_id, doing.command["grant_id"])
    return Weighed(grant.row_id, grant.amount_fen)


def _perform_release(doing: Doing) -> Json:
    grant_id = doing.command["grant_id"]
    return release_held(doing.session, doing.actor, grant_id, reason=doing.reason, at=doing.at)


def _perform_denial(doing: Doing) -> Json:
    grant_id = doing.command["grant_id"]
    return deny_held(doing.session, doing.actor, grant_id, reason=doing.reason, at=doing.at)


def _weigh_budget(doing: Doing) -> Weighed:
    found = find_campaign(doing.session, doing.merchant_id, doing.command["campaign_id"])
    raised = doing.command["budget_fen"] - found.campaign.budget_fen
    return Weighed(found.campaign.id, max(0, raised))


def _perform_budget(doing: Doing) -> Json:
    budget = {"budget_fen": doing.command["budget_fen"]}
    campaign_id = doing.command["campaign_id"]
    changed = change_campaign(doing.session, doing.merchant_id, campaign_id, budget)
    subject = ("campaign", changed.campaign.id)
    doing.log("campaign.changed", subject, before=changed.before, after=changed.after)
    return dict(doing.command)


def _weigh_settings(doing: Doing) -> Weighed:
    settings = read_settings(doing.session, doing.merchant_id)
    raised = [(value or 0) - (settings[name] or 0) for name, value in doing.command.items()]
    return Weighed(None, max(0, *raised))


def _perform_settings(doing: Doing) -> Json:
    before, after = change_settings(doing.session, doing.merchant_id, doing.command)
    doing.log("settings.changed", ("settings", None), before=before, after=after)
    return dict(doing.command)


ACTS: Mapping[str, Act] = MappingProxyType(
    {
        "gift": Act(Role.OPERATOR, "shopper", _weigh_gift, _perform_gift),
        "coupon_push": Act(Role.OPERATOR, "segment", _weigh_push, _perform_push, True),
        "claw_back": Act(Role.OPERATOR, "source", _weigh_claw_back, _perform_claw_back, True),
        "grant_release": Act(Role.OPERATOR, "grant", _weigh_grant, _perform_release),
        "refund_offline": Act(Role.OPERATOR, "refund", _weigh_offline, _perform_offline),
        "grant_denial": Act(Role.OPERATOR, "grant", _weigh_grant, _perform_denial),
        "campaign_budget": Act(Role.OPERATOR, "campaign", _weigh_budget, _perform_budget),
        "goodwill_budget": Act(Role.OWNER, "settings", _weigh_settings, _perform_settings),
        "approval_limit": Act(Role.OWNER, "settings", _weigh_settings, _perform_settings),
    }
)
"""What can be asked for, by kind."""
