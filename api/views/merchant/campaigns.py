"""Campaigns, for staff: drafting, changing, checking, publishing, pausing, ending."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement

from api import auth, request_context
from api.auth import StaffCaller
from api.blueprint import Blueprint
from api.paging import PageArguments, answer_page, page_of, read_page
from api.schemas.merchant.campaigns import (
    CampaignChangeSchema,
    CampaignFilters,
    CheckSchema,
    MerchantCampaignSchema,
    NewCampaignSchema,
    PublicationSchema,
    PublishedRulesSchema,
    ReasonSchema,
)
from domain.campaigns import queries
from domain.campaigns.drafting import ChangedCampaign, NewCampaign, change_campaign, draft_campaign
from domain.campaigns.errors import (
    BudgetBelowCommitments,
    CampaignChanged,
    CampaignNotFound,
    CampaignNotMovable,
    CampaignOver,
    RuleVersionNotFound,
    StockBelowCommitments,
    TermsInvalid,
)
from domain.campaigns.moving import move_campaign
from domain.campaigns.phases import CampaignPhase, in_phase, phase_of
from domain.campaigns.queries import CampaignView
from domain.campaigns.rules import TermsDraft
from domain.campaigns.versions import find_version, list_versions
from domain.catalog.errors import ProductNotFound
from domain.catalog.queries import find_product
from domain.database import merchant_transaction, read_clock
from domain.errors import Rejected
from domain.interventions.approval_limits import check_limit, check_raise
from domain.merchants.auditing import audit
from domain.merchants.errors import ApprovalNeeded
from domain.merchants.rules import Role
from domain.models import Campaign
from domain.points.errors import ProgrammeNotFound
from domain.publishing.errors import CampaignWindowPast, NothingToPublish, WarningsNotAcknowledged
from domain.publishing.publishing import (
    Acknowledgement,
    PublishCampaign,
    check_campaign,
    publish_campaign,
    read_live_caps,
)
from domain.states import CampaignState
from domain.terms import SubsidyKind, SubsidyRule

blueprint = Blueprint(
    "merchant-campaigns",
    __name__,
    url_prefix="/v1/merchant/campaigns",
    description="Campaigns, for staff",
    caller="staff",
)


class ReasonMissing(Rejected):
    """More or less money or stock for a campaign that was published needs a reason."""


_WINDOW = ("starts_at", "ends_at")


@blueprint.route("")
@blueprint.arguments(CampaignFilters, location="query")
@blueprint.response(200, page_of(MerchantCampaignSchema))
def list_campaigns(arguments: dict[str, Any]) -> dict[str, Any]:
    """List campaigns, newest first."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.campaigns", int)
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        found = queries.list_campaigns(
            session,
            caller.merchant_id,
            *_conditions(arguments, at),
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    answer = answer_page(found, page, "merchant.campaigns", lambda view: (view.campaign.id,))
    return answer | {"items": [_shown(view, at) for view in answer["items"]]}


@blueprint.route(
    "",
    methods=["POST"],
    role=Role.OPERATOR,
    refuses=(
        ProductNotFound,
        TermsInvalid,
        ApprovalNeeded,
        ProgrammeNotFound,
    ),
)
@blueprint.arguments(NewCampaignSchema)
@blueprint.response(201, MerchantCampaignSchema)
def add_campaign(arguments: dict[str, Any]) -> dict[str, Any]:
    """Draft a campaign."""
    caller = auth.require_staff()
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        check_limit(session, caller.actor, "budget_fen", arguments["budget_fen"], at=at)
        product = find_product(session, caller.merchant_id, arguments["product_id"])
        new = NewCampaign(
            product_id=product.key[1],
            title=arguments["title"],
            terms=_draft(arguments),
            budget_fen=arguments["budget_fen"],
            stock_units=arguments["stock_units"],
        )
        campaign = draft_campaign(
            session, caller.merchant_id, new, moved_by=caller.actor.moved_by, at=at
        )
        audit(
            session,
            caller.actor,
            "campaign.drafted",
            subject_kind="campaign",
            subject_id=campaign.id,
            at=at,
            after=queries.campaign_to_json(session, campaign),
        )
        return _shown(queries.find_campaign(session, caller.merchant_id, campaign.public_id), at)


@blueprint.route("/<id:campaign_id>", refuses=(CampaignNotFound,))
@blueprint.response(200, MerchantCampaignSchema)
def show_campaign(campaign_id: str) -> dict[str, Any]:
    """Show a campaign."""
    return _found(auth.require_staff(), campaign_id)


@blueprint.route(
    "/<id:campaign_id>",
    methods=["PATCH"],
    role=Role.OPERATOR,
    refuses=(
        CampaignNotFound,
        CampaignOver,
        TermsInvalid,
        BudgetBelowCommitments,
        StockBelowCommitments,
        CampaignChanged,
        ReasonMissing,
        ApprovalNeeded,
        ProgrammeNotFound,
    ),
)
@blueprint.arguments(CampaignChangeSchema)
@blueprint.response(200, MerchantCampaignSchema)
def edit_campaign(arguments: dict[str, Any], campaign_id: str) -> dict[str, Any]:
    """Change a campaign; changed rules wait for the next publication."""
    caller = auth.require_staff()
    at = read_clock()
    changes_terms = "terms" in arguments or any(name in arguments for name in _WINDOW)
    with merchant_transaction(caller.merchant_id) as session:
        changed = change_campaign(
            session,
            caller.merchant_id,
            campaign_id,
            arguments,
            terms=_draft(arguments) if changes_terms else None,
        )
        check_raise(session, caller.actor, changed.before, changed.after, "budget_fen", at=at)
        _check_reason(changed, arguments["reason"])
        if changed.before != changed.after:
            audit(
                session,
                caller.actor,
                "campaign.changed",
                subject_kind="campaign",
                subject_id=changed.campaign.id,
                at=at,
                reason=arguments["reason"],
                before=changed.before,
                after=changed.after,
            )
        return _shown(queries.find_campaign(session, caller.merchant_id, campaign_id), at)


@blueprint.route("/<id:campaign_id>/rules", refuses=(CampaignNotFound,), name="list_campaign_rules")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(PublishedRulesSchema))
def list_rules(arguments: dict[str, Any], campaign_id: str) -> dict[str, Any]:
    """List the published rules, newest version first, with the text that shoppers read."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.campaign-rules", int)
    with merchant_transaction(caller.merchant_id) as session:
        found = list_versions(
            session,
            caller.merchant_id,
            campaign_id,
            below=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
        caps = read_live_caps(session, caller.merchant_id)
    answer = answer_page(found, page, "merchant.campaign-rules", lambda one: (one.number,))
    return answer | {"items": [asdict(one) | caps for one in answer["items"]]}


@blueprint.route(
    "/<id:campaign_id>/rules/<int:number>",
    refuses=(CampaignNotFound, RuleVersionNotFound),
    name="show_campaign_rules",
)
@blueprint.response(200, PublishedRulesSchema)
def show_rules(campaign_id: str, number: int) -> dict[str, Any]:
    """Show the published rules of one version: what groups opened under it are settled by."""
    caller = auth.require_staff()
    with merchant_transaction(caller.merchant_id) as session:
        found = find_version(session, caller.merchant_id, campaign_id, number)
        return asdict(found) | read_live_caps(session, caller.merchant_id)


@blueprint.route(
    "/<id:campaign_id>/check",
    refuses=(
        CampaignNotFound,
        CampaignOver,
        CampaignWindowPast,
        TermsInvalid,
    ),
    name="check_campaign",
)
@blueprint.response(200, CheckSchema)
def check(campaign_id: str) -> dict[str, Any]:
    """Say what publishing would warn of, and show the rules text."""
    caller = auth.require_staff()
    found = check_campaign(caller.actor, campaign_id, at=read_clock())
    language = request_context.language()
    return {
        "warnings": [
            {
                "code": warning.code,
                "severity": warning.severity.value,
                "sentence": warning.sentence(language),
            }
            for warning in found.warnings
        ],
        "rules_text_zh": found.rules_text_zh,
        "rules_text_en": found.rules_text_en,
    }


@blueprint.route(
    "/<id:campaign_id>/publication",
    methods=["POST"],
    role=Role.OPERATOR,
    refuses=(
        CampaignNotFound,
        CampaignOver,
        CampaignWindowPast,
        TermsInvalid,
        NothingToPublish,
        WarningsNotAcknowledged,
    ),
    name="publish_campaign",
)
@blueprint.arguments(PublicationSchema)
@blueprint.response(201, MerchantCampaignSchema)
def publish(arguments: dict[str, Any], campaign_id: str) -> dict[str, Any]:
    """Publish the draft as a new rule version; each warning needs an acknowledgement."""
    caller = auth.require_staff()
    acknowledged = [Acknowledgement(a["code"], a["reason"]) for a in arguments["acknowledged"]]
    publish_campaign(PublishCampaign(caller.actor, campaign_id, acknowledged), at=read_clock())
    return _found(caller, campaign_id)


@blueprint.route(
    "/<id:campaign_id>/pause",
    methods=["POST"],
    role=Role.OPERATOR,
    refuses=(
        CampaignNotFound,
        CampaignNotMovable,
    ),
    name="pause_campaign",
)
@blueprint.arguments(ReasonSchema)
@blueprint.response(200, MerchantCampaignSchema)
def pause(arguments: dict[str, Any], campaign_id: str) -> dict[str, Any]:
    """Open no new groups for the time being; open ones live on."""
    return _move(campaign_id, CampaignState.PAUSED, "campaign.paused", arguments["reason"])


@blueprint.route(
    "/<id:campaign_id>/resumption",
    methods=["POST"],
    role=Role.OPERATOR,
    refuses=(
        CampaignNotFound,
        CampaignNotMovable,
    ),
    name="resume_campaign",
)
@blueprint.arguments(ReasonSchema)
@blueprint.response(200, MerchantCampaignSchema)
def resume(arguments: dict[str, Any], campaign_id: str) -> dict[str, Any]:
    """Let a paused campaign run on."""
    return _move(campaign_id, CampaignState.PUBLISHED, "campaign.resumed", arguments["reason"])


@blueprint.route(
    "/<id:campaign_id>/end",
    methods=["POST"],
    role=Role.OPERATOR,
    refuses=(
        CampaignNotFound,
        CampaignNotMovable,
    ),
    name="end_campaign",
)
@blueprint.arguments(ReasonSchema)
@blueprint.response(200, MerchantCampaignSchema)
def end(arguments: dict[str, Any], campaign_id: str) -> dict[str, Any]:
    """End a campaign for good; open groups live on."""
    return _move(campaign_id, CampaignState.ENDED, "campaign.ended", arguments["reason"])


def _move(campaign_id: str, to: CampaignState, action: str, reason: str) -> dict[str, Any]:
    caller = auth.require_staff()
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        changed = move_campaign(
            session,
            caller.merchant_id,
            campaign_id,
            to,
            moved_by=caller.actor.moved_by,
            at=at,
        )
        audit(
            session,
            caller.actor,
            action,
            subject_kind="campaign",
            subject_id=changed.campaign.id,
            at=at,
            reason=reason,
            before=changed.before,
            after=changed.after,
        )
        return _shown(queries.find_campaign(session, caller.merchant_id, campaign_id), at)


def _conditions(arguments: dict[str, Any], at: datetime) -> list[ColumnElement[bool]]:
    """Return the conditions of a list: by state, by phase, by both or neither."""
    state, phase = arguments["state"], arguments["phase"]
    return [
        *([] if state is None else [Campaign.state == state]),
        *([] if phase is None else [in_phase(CampaignPhase(phase), at=at)]),
    ]


def _check_reason(changed: ChangedCampaign, reason: str | None) -> None:
    """A campaign that is not a draft any more has a budget and a stock that others count on."""
    if reason is not None or changed.before["state"] == CampaignState.DRAFT:
        return
    if any(changed.before[name] != changed.after[name] for name in ("budget_fen", "stock_units")):
        raise ReasonMissing(field="reason")


def _found(caller: StaffCaller, campaign_id: str) -> dict[str, Any]:
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        return _shown(queries.find_campaign(session, caller.merchant_id, campaign_id), at)


def _draft(arguments: dict[str, Any]) -> TermsDraft:
    terms = arguments.get("terms", {})
    subsidy = terms.get("subsidy")
    prices = terms.get("prices")
    return TermsDraft(
        group_size=terms.get("group_size"),
        life_seconds=terms.get("life_seconds"),
        prices=None
        if prices is None
        else [(price["variant_id"], price["group_price_fen"]) for price in prices],
        subsidy=None if subsidy is None else read_subsidy(subsidy),
        programme_id=None if subsidy is None else subsidy["programme_id"],
        limits=terms.get("limits", {}),
        reward=terms.get("reward", {}),
        caps=terms.get("caps", {}),
        levers=terms.get("levers", {}),
        starts_at=arguments.get("starts_at"),
        ends_at=arguments.get("ends_at"),
    )


def read_subsidy(given: dict[str, Any]) -> SubsidyRule:
    """Read a subsidy rule; which programme its points are of is looked up where it is drafted."""
    named = {name: value for name, value in given.items() if name != "programme_id"}
    return SubsidyRule(**{**named, "kind": SubsidyKind(given["kind"])})


def _shown(view: CampaignView, at: datetime) -> dict[str, Any]:
    campaign, version, published = view.campaign, view.version, view.published
    return {
        **{name: getattr(campaign, name) for name in _COLUMNS},
        "id": campaign.public_id,
        "phase": phase_of(campaign, at=at).value,
        "product_id": view.product_id,
        "product_title": view.product_title,
        "starts_at": view.draft.starts_at,
        "ends_at": view.draft.ends_at,
        "terms": queries.terms_to_public_json(view.draft, view.public_ids),
        "rule_version": version and version.number,
        "published": version
        and published
        and {
            "number": version.number,
            "published_at": version.published_at,
            "starts_at": published.starts_at,
            "ends_at": published.ends_at,
            "terms": queries.terms_to_public_json(published, view.public_ids),
            "acknowledged": version.acknowledged,
        },
        "has_unpublished_changes": view.has_unpublished_changes,
        "totals": campaign,
    }


_COLUMNS = (
    "title",
    "state",
    "budget_fen",
    "committed_fen",
    "spent_fen",
    "stock_units",
    "stock_committed",
    "stock_consumed",
    "created_at",
)
