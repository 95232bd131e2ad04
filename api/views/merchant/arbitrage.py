"""The arbitrage test, for staff: of a campaign's draft, and of an offer only thought of."""

from dataclasses import fields, replace
from typing import Any

from api import auth, request_context
from api.blueprint import Blueprint
from api.schemas.merchant.arbitrage import (
    ArbitrageSchema,
    CampaignArbitrageSchema,
    OfferSchema,
)
from domain.campaigns.errors import CampaignNotFound, TermsInvalid
from domain.planner.arbitrage import Arbitrage, check_arbitrage
from domain.planner.forming import PRESETS, Behaviour
from domain.planner.offers import Assumptions, InviteReward, Kind, Levers, Offer, Subsidy
from domain.publishing.publishing import judge_draft
from domain.texts import Language, text

blueprint = Blueprint(
    "merchant-arbitrage",
    __name__,
    url_prefix="/v1/merchant",
    description="The arbitrage test, for staff",
    caller="staff",
)


@blueprint.route(
    "/campaigns/<id:campaign_id>/arbitrage",
    refuses=(
        CampaignNotFound,
        TermsInvalid,
    ),
)
@blueprint.response(200, CampaignArbitrageSchema)
def show_arbitrage(campaign_id: str) -> dict[str, Any]:
    """Test whether an opener gains more by not sharing, by a campaign's draft."""
    caller = auth.require_staff()
    variants = [
        {"id": one.variant.public_id, "title": one.variant.title, **_shown(one.arbitrage)}
        for one in judge_draft(caller.actor, campaign_id)
    ]
    worst = variants[0]
    return {"verdict": worst["verdict"], "sentence": worst["sentence"], "variants": variants}


@blueprint.route("/arbitrage", methods=["POST"])
@blueprint.arguments(OfferSchema)
@blueprint.response(200, ArbitrageSchema)
def try_offer(arguments: dict[str, Any]) -> dict[str, Any]:
    """Test an offer that is only thought of; changes nothing."""
    return _shown(check_arbitrage(_offer(arguments), _assumptions(arguments)))


def _offer(arguments: dict[str, Any]) -> Offer:
    subsidy = arguments["subsidy"]
    return Offer(
        list_price_fen=arguments["list_price_fen"],
        group_price_fen=arguments["group_price_fen"],
        group_size=arguments["group_size"],
        life_seconds=arguments["life_seconds"],
        subsidy=Subsidy(
            kind=Kind(subsidy["kind"]),
            mean_fen=subsidy["amount_fen"],
            largest_fen=subsidy.get("largest_fen", subsidy["amount_fen"]),
            per_invite_fen=subsidy["per_invite_fen"],
            most_invites=subsidy["most_invites"],
            new_shopper_fen=subsidy["new_shopper_fen"],
        ),
        levers=Levers(**arguments["levers"]),
        reward=InviteReward(**arguments["reward"]),
    )


def _assumptions(arguments: dict[str, Any]) -> Assumptions:
    given = dict(arguments["assumptions"])
    of_behaviour = {
        field.name: given.pop(field.name) for field in fields(Behaviour) if field.name in given
    }
    return Assumptions(replace(PRESETS[arguments["behaviour"]], **of_behaviour), **given)


def _shown(found: Arbitrage) -> dict[str, Any]:
    language = request_context.language()
    return {
        "verdict": found.verdict.value,
        "code": found.code,
        "sentence": _sentence(found, language),
        "success_bps": round(found.success * 10_000),
        "formed_if_shared_bps": round(found.shared.formed * 10_000),
        "formed_if_hidden_bps": round(found.hidden.formed * 10_000),
        "buyers": found.buyers,
        "farmer": found.farmer,
    }


def _sentence(found: Arbitrage, language: Language) -> str:
    """Say what the test found, and what it leaves out."""
    codes = [found.code]
    if "extra" in found.parameters:
        codes.append("extra_per_account")
    told = [text(f"arbitrage.{code}", language, **found.parameters) for code in codes]
    return (" " if language == "en" else "").join(told)
