"""Figures over HTTP; what they count is tested in the domain."""

from datetime import timedelta

import pytest

from domain import clock
from domain.public_ids import new_public_id
from tests.api.callers import Caller, Mall
from tests.api.stages import fail_group, form_group, stage_of

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/figures"


def test_figures_of_a_period_its_days_and_the_one_before(mall: Mall) -> None:
    stage = stage_of(mall)
    form_group(stage, stage.shopper(), stage.start)
    fail_group(stage, stage.shopper(), stage.start - timedelta(days=1))
    on = clock.shanghai_day(stage.start)

    answer = mall.viewer.get(PATH, from_on=on.isoformat(), to_on=on.isoformat())

    assert answer.status_code == 200
    body = answer.json
    assert (body["from_on"], body["to_on"]) == (on.isoformat(), on.isoformat())
    assert body["as_of"].endswith("Z")
    assert (body["total"]["groups_opened"], body["previous"]["groups_opened"]) == (1, 1)
    assert body["total"]["success_rate_bps"] == 5000
    assert body["total"]["credit_seconds_max"] == 1
    assert body["total"]["k_factor_milli"] is None
    assert body["days"] == [{"on": on.isoformat(), **body["total"]}]


def test_definitions_come_in_the_language_asked_for(mall: Mall) -> None:
    days = {"from_on": "2026-05-11", "to_on": "2026-05-11"}

    english = mall.viewer.get(PATH, **days).json
    chinese = Caller(mall.viewer.client, mall.viewer.token, "zh").get(PATH, **days).json

    by_key = {d["key"]: d for d in english["definitions"]}
    assert set(by_key) == set(english["total"])
    assert by_key["success_rate_bps"]["name"] == "Success rate"
    assert by_key["success_rate_bps"]["sentence"].startswith("Groups formed ÷")
    assert {d["key"]: d["name"] for d in chinese["definitions"]}["success_rate_bps"] == "拼团成功率"


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"from_on": "2026-05-11"}, "to_on", "required"),
        ({"from_on": "11.5.2026", "to_on": "2026-05-11"}, "from_on", "not_a_day"),
        ({"from_on": "2026-05-12", "to_on": "2026-05-11"}, "to_on", "before_start"),
        ({"from_on": "0001-01-01", "to_on": "2026-05-11"}, "from_on", "out_of_range"),
        ({"from_on": "2026-05-11", "to_on": "9999-12-31"}, "to_on", "out_of_range"),
        ({"from_on": "2026-05-11", "to_on": "2027-05-12"}, "to_on", "window_too_long"),
    ],
)
def test_bad_periods_are_refused(mall: Mall, query: dict[str, str], field: str, code: str) -> None:
    answer = mall.viewer.get(PATH, **query)

    assert answer.status_code == 422
    assert [(e["field"], e["code"]) for e in answer.json["errors"]] == [(field, code)]


def test_year_is_the_longest_period(mall: Mall) -> None:
    answer = mall.viewer.get(PATH, from_on="2026-05-11", to_on="2027-05-11")

    assert len(answer.json["days"]) == 366


def test_unknown_and_other_merchants_campaigns_do_not_exist(mall: Mall, other_mall: Mall) -> None:
    other = stage_of(other_mall)
    for campaign_id in (other.campaign.public_id, new_public_id()):
        answer = mall.viewer.get(
            PATH, from_on="2026-05-11", to_on="2026-05-11", campaign_id=campaign_id
        )
        assert (answer.status_code, answer.json["code"]) == (404, "campaign_not_found")


def test_figures_are_for_staff(mall: Mall, anyone: Caller) -> None:
    assert anyone.get(PATH, from_on="2026-05-11", to_on="2026-05-11").status_code == 401
    assert mall.shopper.get(PATH, from_on="2026-05-11", to_on="2026-05-11").status_code == 401
