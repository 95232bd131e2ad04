import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from domain import clock
from domain.campaigns.drafting import change_campaign
from domain.campaigns.errors import CampaignNotFound
from domain.campaigns.rules import TermsDraft
from domain.database import merchant_transaction, transaction
from domain.errors import DomainError
from domain.merchants.auditing import StaffActor
from domain.merchants.rules import Role
from domain.models import Campaign, Group, RuleVersion
from domain.publishing.errors import NothingToPublish
from domain.publishing.publishing import Acknowledgement, PublishCampaign, publish_campaign
from domain.terms import Terms
from launcher.addresses import DatabaseUrls
from tests.factories.campaigns import MadeCampaign, make_campaign, make_draft
from tests.factories.merchants import make_merchant
from tests.factories.shares import make_group_row
from tests.factories.staff import make_staff

pytestmark = pytest.mark.transactional

ACCEPTED = [
    Acknowledgement("no_subsidy_cap", "案例"),
    Acknowledgement("subsidy_rewards_failing", "案例"),
    Acknowledgement("stock_above_variants", "案例"),
]


@pytest.fixture
def actor(database: DatabaseUrls) -> StaffActor:
    with transaction() as session:
        merchant = make_merchant(session)
        staff = make_staff(session, merchant.id)
    return StaffActor(merchant.id, staff.id, Role.OWNER)


@pytest.fixture
def draft(actor: StaffActor) -> MadeCampaign:
    with transaction() as session:
        return make_draft(session, actor.merchant_id)


def publish(actor: StaffActor, campaign: MadeCampaign) -> None:
    publish_campaign(PublishCampaign(actor, campaign.public_id, ACCEPTED), at=clock.real_now())


def versions(campaign: MadeCampaign) -> list[RuleVersion]:
    with transaction() as session:
        return list(
            session.scalars(
                select(RuleVersion)
                .where(
                    RuleVersion.merchant_id == campaign.merchant_id,
                    RuleVersion.campaign_id == campaign.id,
                )
                .order_by(RuleVersion.number)
            )
        )


def test_version_is_the_frozen_draft(actor: StaffActor, draft: MadeCampaign) -> None:
    publish(actor, draft)

    (version,) = versions(draft)
    assert Terms.from_json(version.terms) == draft.terms
    assert version.number == 1


def test_open_groups_keep_their_version(actor: StaffActor) -> None:
    with transaction() as session:
        campaign = make_campaign(session, actor.merchant_id)
        group = make_group_row(session, actor.merchant_id, campaign=campaign)
    with merchant_transaction(actor.merchant_id) as session:
        change_campaign(
            session,
            actor.merchant_id,
            campaign.public_id,
            {},
            terms=TermsDraft(ends_at=campaign.terms.ends_at + timedelta(days=1)),
        )

    publish(actor, campaign)

    with transaction() as session:
        kept = session.get_one(Group, (group.merchant_id, group.id))
        changed = session.get_one(Campaign, (campaign.merchant_id, campaign.id))
    first, second = versions(campaign)
    assert kept.rule_version_id == first.id
    assert changed.rule_version_id == second.id
    assert changed.ends_at == campaign.terms.ends_at + timedelta(days=1)


def test_simultaneous_publications_make_one_version(actor: StaffActor, draft: MadeCampaign) -> None:
    start = threading.Barrier(4)
    refused: list[DomainError] = []

    def publish_once() -> None:
        start.wait()
        try:
            publish(actor, draft)
        except DomainError as error:
            refused.append(error)

    threads = [threading.Thread(target=publish_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(versions(draft)) == 1
    assert [type(error) for error in refused] == [NothingToPublish] * 3


def test_anothers_campaign_is_not_found(actor: StaffActor, database: DatabaseUrls) -> None:
    with transaction() as session:
        other = make_draft(session, make_merchant(session).id)

    with pytest.raises(CampaignNotFound):
        publish(actor, other)
