"""Campaigns and their open groups, for shoppers; lists and details are kept for a second."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Response

from api import auth, request_context
from api.blueprint import Blueprint
from api.bodies import dump
from api.micro_cache import MicroCache
from api.paging import PageArguments, answer_page, page_of, read_page
from api.schemas.campaigns import (
    CampaignArguments,
    CampaignDetailSchema,
    CampaignSchema,
    GroupBriefSchema,
)
from domain.campaigns import listing
from domain.campaigns.errors import CampaignNotFound
from domain.campaigns.listing import GroupBrief, ShownCampaign
from domain.database import read_clock, reading

blueprint = Blueprint(
    "campaigns",
    __name__,
    url_prefix="/v1/campaigns",
    description="Campaigns, for shoppers",
    caller="mall",
)

CampaignPage = page_of(CampaignSchema)
GroupPage = page_of(GroupBriefSchema)
_PAGE, _DETAIL = CampaignPage(), CampaignDetailSchema()
kept: MicroCache[bytes] = MicroCache(life_seconds=1)


@blueprint.route("")
@blueprint.arguments(CampaignArguments, location="query")
@blueprint.response(200, CampaignPage)
def list_campaigns(arguments: dict[str, Any]) -> Response:
    """List running campaigns; without a token, X-App-Id says whose."""
    merchant_id = auth.require_merchant_of_shopper()
    list_them = _list_hottest if arguments["sort"] == "hot" else _list_newest
    return _answer(
        ("list", merchant_id, *arguments.values()), lambda: list_them(merchant_id, arguments)
    )


@blueprint.route("/<id:campaign_id>", refuses=(CampaignNotFound,))
@blueprint.response(200, CampaignDetailSchema)
def show_campaign(campaign_id: str) -> Response:
    """Show a campaign with its rules text in the caller's language."""
    merchant_id = auth.require_merchant_of_shopper()
    language = request_context.language()
    return _answer(
        ("one", merchant_id, campaign_id, language),
        lambda: _show(merchant_id, campaign_id, language),
    )


@blueprint.route("/<id:campaign_id>/groups", refuses=(CampaignNotFound,))
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, GroupPage)
def list_groups(arguments: dict[str, Any], campaign_id: str) -> dict[str, Any]:
    """List a campaign's open groups with a seat left, fullest first."""
    merchant_id = auth.require_merchant_of_shopper()
    page = read_page(arguments, "campaign.groups", int, str, int)
    at = read_clock()
    with reading() as session:
        found = listing.list_joinable_groups(
            session, merchant_id, campaign_id, after=page.after, limit=page.limit + 1, at=at
        )
    answer = answer_page(
        found,
        page,
        "campaign.groups",
        lambda g: (g.taken + g.held, g.deadline_at.isoformat(), g.key[1]),
    )
    return answer | {"items": [_brief(group, at) for group in answer["items"]]}


def _answer(key: tuple[Any, ...], make: Callable[[], dict[str, Any]]) -> Response:
    return Response(kept.get(key, lambda: dump(make())), mimetype="application/json")


def _list_newest(merchant_id: int, arguments: dict[str, Any]) -> dict[str, Any]:
    page = read_page(arguments, "campaigns.new", int)
    at = read_clock()
    with reading() as session:
        found = listing.list_newest(
            session,
            merchant_id,
            category=arguments["category"],
            after=page.after,
            limit=page.limit + 1,
            at=at,
        )
    answer = answer_page(found, page, "campaigns.new", lambda c: (c.key[1],))
    return _dump_page(answer, at)


def _list_hottest(merchant_id: int, arguments: dict[str, Any]) -> dict[str, Any]:
    page = read_page(arguments, "campaigns.hot", int, int)
    at = read_clock()
    with reading() as session:
        found = listing.list_hottest(
            session,
            merchant_id,
            category=arguments["category"],
            after=page.after,
            limit=page.limit + 1,
            at=at,
        )
    answer = answer_page(
        found, page, "campaigns.hot", lambda c: (c.totals["people_paid"], c.key[1])
    )
    return _dump_page(answer, at)


def _show(merchant_id: int, campaign_id: str, language: str) -> dict[str, Any]:
    at = read_clock()
    with reading() as session:
        campaign = listing.show_campaign(session, merchant_id, campaign_id, at=at)
    rules_text = campaign.text_en if language == "en" else campaign.text_zh
    shown: dict[str, Any] = _DETAIL.dump(_shown(campaign, at) | {"rules_text": rules_text})
    return shown


def _dump_page(answer: dict[str, Any], at: datetime) -> dict[str, Any]:
    items = [_shown(campaign, at) for campaign in answer["items"]]
    dumped: dict[str, Any] = _PAGE.dump(answer | {"items": items})
    return dumped


def _brief(group: GroupBrief, at: datetime) -> dict[str, Any]:
    seconds_left = max(0, int((group.deadline_at - at).total_seconds()))
    return asdict(group) | {"seconds_left": seconds_left}


def _shown(campaign: ShownCampaign, at: datetime) -> dict[str, Any]:
    fullest = campaign.fullest_group
    return {
        **{name: getattr(campaign, name) for name in ShownCampaign.__slots__},
        "fullest_group": None if fullest is None else _brief(fullest, at),
    }
