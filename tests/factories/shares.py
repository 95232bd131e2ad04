"""Shares, each of a group of its own."""

from datetime import timedelta

from sqlalchemy.orm import Session

from domain import clock
from domain.models import Group, Share, ShareToken, Shopper
from domain.public_ids import new_public_id
from tests.factories.campaigns import MadeCampaign, make_campaign


def make_group_row(
    session: Session,
    merchant_id: int,
    *,
    campaign: MadeCampaign | None = None,
    leader: Shopper | None = None,
    taken: int = 1,
    held: int = 0,
    state: str = "open",
    ends_in: timedelta = timedelta(hours=5),
) -> Group:
    """A bare group for reads: no orders stand behind its seats, so it never passes an audit."""
    campaign = campaign or make_campaign(session, merchant_id)
    assert campaign.rule_version is not None
    now = clock.real_now()
    group = Group(
        merchant_id=merchant_id,
        public_id=new_public_id(),
        campaign_id=campaign.id,
        rule_version_id=campaign.rule_version.id,
        state="pending",
        size=campaign.terms.group_size,
        largest_subsidy_fen=campaign.terms.largest_subsidy_fen,
        leader_id=leader.id if leader else None,
        created_at=now,
        moved_at=now,
        moved_by="test",
    )
    session.add(group)
    session.flush()
    if state != "pending":
        group.state = state
        group.taken, group.held = taken, held
        group.opened_at, group.deadline_at = now, now + ends_in
        session.flush()
    return group


def make_share(session: Session, shopper: Shopper, *, group: Group | None = None) -> Share:
    group = group or make_group_row(session, shopper.merchant_id, leader=shopper)
    token = new_public_id()
    share = Share(
        merchant_id=shopper.merchant_id,
        token=token,
        group_id=group.id,
        shopper_id=shopper.id,
        created_at=clock.real_now(),
    )
    session.add(share)
    session.flush()
    session.add(ShareToken(token=token, merchant_id=shopper.merchant_id, share_id=share.id))
    session.flush()
    return share
