"""Leaderboards of today, kept for some seconds: every visitor of a mall looks at them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from api import auth
from api.blueprint import Blueprint
from api.micro_cache import MicroCache
from api.schemas.leaderboards import LeaderboardSchema
from domain import clock
from domain.analytics import leaderboards
from domain.database import read_clock, reading
from domain.errors import NotFound

blueprint = Blueprint(
    "leaderboards",
    __name__,
    url_prefix="/v1/leaderboards",
    description="Leaderboards, for shoppers",
    caller="mall",
)

kept: MicroCache[dict[str, Any]] = MicroCache(life_seconds=5)


class LeaderboardNotFound(NotFound):
    """There is no leaderboard of this name."""


@blueprint.route("/<name>", refuses=(LeaderboardNotFound,))
@blueprint.response(200, LeaderboardSchema)
def show_leaderboard(name: str) -> dict[str, Any]:
    """Show `hottest` (campaigns most people paid in today) or `fastest` (quickest groups)."""
    merchant_id = auth.require_merchant_of_shopper()
    rank = _RANKINGS.get(name)
    if rank is None:
        raise LeaderboardNotFound
    at = read_clock()

    def make() -> dict[str, Any]:
        with reading() as session:
            items = rank(session, merchant_id, at)
        ranked = [{"rank": place, **item} for place, item in enumerate(items, 1)]
        return {"name": name, "as_of": at, "items": ranked}

    return kept.get((merchant_id, name, clock.shanghai_day(at)), make)


def _hottest(session: Session, merchant_id: int, at: datetime) -> list[dict[str, Any]]:
    return [
        {
            "campaign": {"id": hot.campaign_id, "title": hot.campaign_title},
            "people": hot.people,
            "group_id": None,
            "seconds": None,
            "formed_at": None,
            "leader_nickname": None,
        }
        for hot in leaderboards.rank_hottest(session, merchant_id, at=at)
    ]


def _fastest(session: Session, merchant_id: int, at: datetime) -> list[dict[str, Any]]:
    return [
        {
            "campaign": {"id": fast.campaign_id, "title": fast.campaign_title},
            "people": fast.people,
            "group_id": fast.group_id,
            "seconds": fast.seconds,
            "formed_at": fast.formed_at,
            "leader_nickname": fast.leader_nickname,
        }
        for fast in leaderboards.rank_fastest(session, merchant_id, at=at)
    ]


_RANKINGS: Mapping[str, Callable[[Session, int, datetime], list[dict[str, Any]]]] = {
    "hottest": _hottest,
    "fastest": _fastest,
}
