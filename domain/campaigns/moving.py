"""Moves of a published campaign: pausing, resuming, ending."""

from datetime import datetime

from sqlalchemy.orm import Session

from domain.campaigns.drafting import ChangedCampaign
from domain.campaigns.errors import CampaignNotMovable
from domain.campaigns.queries import campaign_to_json, lock_campaign
from domain.models import Campaign
from domain.states import CAMPAIGN, CampaignState


def move_campaign(
    session: Session,
    merchant_id: int,
    public_id: str,
    to: CampaignState,
    *,
    moved_by: str,
    at: datetime,
) -> ChangedCampaign:
    """Pause, resume or end a campaign; locks it. Its open groups live on.

    Raises CampaignNotFound, CampaignNotMovable.
    """
    campaign = lock_campaign(session, merchant_id, public_id)
    if campaign.rule_version_id is None:
        raise CampaignNotMovable(state=campaign.state)
    before = campaign_to_json(session, campaign)
    move_to(campaign, to, moved_by=moved_by, at=at)
    session.flush()
    return ChangedCampaign(campaign, before, campaign_to_json(session, campaign))


def move_to(campaign: Campaign, to: CampaignState, *, moved_by: str, at: datetime) -> None:
    """Move a locked campaign along one edge. Raises CampaignNotMovable."""
    if not CAMPAIGN.allows(campaign.state, to):
        raise CampaignNotMovable(state=campaign.state)
    campaign.state = to.value
    campaign.moved_at = at
    campaign.moved_by = moved_by
