"""Whoever rewrites rules and their hash, too, is given away by the log."""

import json
import logging
from datetime import timedelta

import psycopg
import pytest

from domain import clock
from domain.auditing.known_seals import KNOWN, KnownSeal, read_log
from domain.auditing.running import audit
from domain.campaigns.drafting import change_campaign
from domain.campaigns.rules import TermsDraft
from domain.database import merchant_transaction, transaction
from domain.merchants.auditing import StaffActor
from domain.merchants.rules import Role
from domain.publishing.publishing import Acknowledgement, PublishCampaign, publish_campaign
from launcher.addresses import DatabaseUrls
from tests.factories.campaigns import MadeCampaign, make_draft
from tests.factories.merchants import make_merchant
from tests.factories.staff import make_staff

pytestmark = pytest.mark.transactional

ACCEPTED = [
    Acknowledgement(code, "测试")
    for code in ("no_subsidy_cap", "subsidy_rewards_failing", "stock_above_variants")
]
REWRITE = """
    UPDATE rule_versions SET text_zh = '["其他"]';
    UPDATE rule_versions v SET chain = frozen_rules_chain(v, NULL) WHERE number = 1;
    UPDATE rule_versions v SET chain = frozen_rules_chain(v, f.chain) FROM rule_versions f
    WHERE v.number = 2 AND f.number = 1 AND f.campaign_id = v.campaign_id
"""


@pytest.fixture
def actor(fresh_database: DatabaseUrls) -> StaffActor:
    with transaction() as session:
        merchant = make_merchant(session)
        return StaffActor(merchant.id, make_staff(session, merchant.id).id, Role.OWNER)


@pytest.fixture
def draft(actor: StaffActor) -> MadeCampaign:
    with transaction() as session:
        return make_draft(session, actor.merchant_id)


def publish_twice(actor: StaffActor, draft: MadeCampaign) -> None:
    publish(actor, draft)
    with merchant_transaction(actor.merchant_id) as session:
        changed = TermsDraft(ends_at=draft.terms.ends_at + timedelta(days=1))
        change_campaign(session, actor.merchant_id, draft.public_id, {}, terms=changed)
    publish(actor, draft)


def publish(actor: StaffActor, draft: MadeCampaign) -> None:
    publish_campaign(PublishCampaign(actor, draft.public_id, ACCEPTED), at=clock.real_now())


def known(caplog: pytest.LogCaptureFixture) -> list[KnownSeal]:
    """Read what the log told, as its JSON lines say it."""
    names = ("message", "merchant_id", "campaign_id", "number", "chain")
    records = [r.__dict__ for r in caplog.records if r.message == "rules frozen"]
    return list(read_log(json.dumps({name: r[name] for name in names}) for r in records))


def test_rules_are_chained_and_told(
    actor: StaffActor,
    draft: MadeCampaign,
    fresh_database: DatabaseUrls,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    publish_twice(actor, draft)

    told = known(caplog)

    assert [(seal.campaign_id, seal.number) for seal in told] == [(draft.id, 1), (draft.id, 2)]
    assert audit(at=clock.real_now(), known_seals=told).violated == ()
    assert fresh_database.bootstrap is not None
    with psycopg.connect(fresh_database.bootstrap.replace("+psycopg", "")) as connection:
        connection.execute(REWRITE)
    assert audit(at=clock.real_now()).violated == ()
    report = audit(at=clock.real_now(), known_seals=told)
    assert report.violated == (KNOWN.name,)
    assert len(report.broken[0].breaches.examples) == 2
