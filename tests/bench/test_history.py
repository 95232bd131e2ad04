"""A made history is one that the product could have had: the audit finds nothing in it."""

from datetime import timedelta

import psycopg
import pytest

from bench.history import Herd, Past, Place, build_past, build_running, build_shoppers
from domain.auditing.running import audit
from launcher.addresses import DatabaseUrls
from tests.scenarios.stage import make_stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)


def test_audit_finds_nothing_in_a_past_and_a_herd(fresh_database: DatabaseUrls) -> None:
    stage = make_stage()
    campaign = stage.campaign
    place = Place(
        merchant_id=stage.merchant_id,
        account_id=stage.account_id,
        campaign_id=campaign.id,
        rule_version_id=campaign.rule_version.id,
        variant_id=campaign.variants[0].id,
        size=3,
        title="made up",
        price_fen=1990,
        list_price_fen=campaign.variants[0].list_price_fen,
        subsidy_fen=1000,
    )
    with psycopg.connect(fresh_database.owner.replace("+psycopg", "")) as owner:
        at = stage.start - 60 * DAY
        first = build_shoppers(owner, stage.merchant_id, "wx1", count=60, at=at)
        past = Past(
            orders=260,
            first_shopper=first,
            shoppers=40,
            begins_at=at,
            ends_at=stage.start - 3 * DAY,
        )
        herd = Herd(
            groups=10,
            paid_seats=2,
            first_shopper=first + 40,
            opened_at=stage.start,
            deadline_at=stage.start + DAY,
        )
        assert build_past(owner, place, past) == 260
        first_group, last_group = build_running(owner, place, herd)

    report = audit(at=stage.start)

    assert last_group - first_group == 9
    assert report.is_ok, report.to_text()
    assert report.late == []
