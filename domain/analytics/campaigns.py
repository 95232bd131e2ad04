"""Finding the campaign that figures and lists are narrowed to."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.campaigns.errors import CampaignNotFound

_FIND = text("SELECT id FROM campaigns WHERE merchant_id = :merchant_id AND public_id = :public_id")


def find_campaign_id(session: Session, merchant_id: int, public_id: str) -> int:
    """Return the inner id of a merchant's campaign. Raises CampaignNotFound."""
    found = session.execute(
        _FIND, {"merchant_id": merchant_id, "public_id": public_id}
    ).scalar_one_or_none()
    if found is None:
        raise CampaignNotFound
    return int(found)
