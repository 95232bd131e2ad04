"""Where a campaign is in its life as staff see it: its state, and its window by the clock."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_

from domain.models import Campaign
from domain.states import CampaignState


class CampaignPhase(StrEnum):
    """A phase is no state: a published campaign passes from one to the next as time goes by."""

    DRAFT = "draft"
    UPCOMING = "upcoming"
    RUNNING = "running"
    PAUSED = "paused"
    EXPIRED = "expired"
    ENDED = "ended"
    ARCHIVED = "archived"


def phase_of(campaign: Campaign, *, at: datetime) -> CampaignPhase:
    """Say which phase a campaign is in at an instant."""
    state = CampaignState(campaign.state)
    if state not in {CampaignState.PUBLISHED, CampaignState.PAUSED}:
        return CampaignPhase(state.value)
    if campaign.ends_at <= at:
        return CampaignPhase.EXPIRED
    if state is CampaignState.PAUSED:
        return CampaignPhase.PAUSED
    return CampaignPhase.UPCOMING if at < campaign.starts_at else CampaignPhase.RUNNING


def in_phase(phase: CampaignPhase, *, at: datetime) -> ColumnElement[bool]:
    """Write the condition on campaigns that `phase_of` is for one of them."""
    is_open = Campaign.ends_at > at
    conditions: dict[CampaignPhase, tuple[Any, ...]] = {
        CampaignPhase.UPCOMING: (_is(CampaignState.PUBLISHED), is_open, Campaign.starts_at > at),
        CampaignPhase.RUNNING: (_is(CampaignState.PUBLISHED), is_open, Campaign.starts_at <= at),
        CampaignPhase.PAUSED: (_is(CampaignState.PAUSED), is_open),
        CampaignPhase.EXPIRED: (
            Campaign.state.in_([CampaignState.PUBLISHED, CampaignState.PAUSED]),
            Campaign.ends_at <= at,
        ),
    }
    return and_(*conditions.get(phase, (Campaign.state == phase.value,)))


def _is(state: CampaignState) -> ColumnElement[bool]:
    return Campaign.state == state.value
