"""Approvals over HTTP: what one person may not do alone, and what the second decides."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from domain.database import transaction
from tests.api.callers import Caller, Mall
from tests.api.merchant.test_gifts import SETTINGS, gift, post, shopper_of, spent
from tests.api.stages import fail_group, stage_of
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/approvals"


@pytest.fixture
def stage(mall: Mall) -> Stage:
    """Goodwill of 100 yuan, and a limit of 5."""
    for change in ({"goodwill_budget_fen": 10_000}, {"approval_limit_fen": 500}):
        assert mall.owner.patch(SETTINGS, **change, reason="本月").status_code == 200
    return stage_of(mall)


def ask(caller: Caller, kind: str, command: dict[str, Any], *, key: str = "ask") -> Any:
    return post(caller, PATH, key=key, kind=kind, command=command, reason="补偿")


def decide(caller: Caller, approval_id: str, how: str, *, key: str = "decide") -> Any:
    return post(caller, f"{PATH}/{approval_id}/{how}", key=key, reason="同意")


def gift_of(shopper_id: str, amount_fen: int = 600) -> dict[str, Any]:
    return {"shopper_id": shopper_id, "kind": "cash", "amount_fen": amount_fen}


def entries(stage: Stage) -> list[str]:
    rows = stage.rows(
        "SELECT action FROM audit_log WHERE merchant_id = :v ORDER BY id", stage.merchant_id
    )
    return [row[0] for row in rows if row[0] != "settings.changed"]


class TestLimit:
    def test_gift_above_it_is_refused(self, mall: Mall, stage: Stage) -> None:
        shopper, _ = shopper_of(stage)

        at_limit = post(mall.owner, "/v1/merchant/gifts", key="a", **gift(shopper, amount_fen=500))
        above = post(mall.owner, "/v1/merchant/gifts", key="b", **gift(shopper, amount_fen=501))

        assert at_limit.status_code == 201
        assert (above.status_code, above.json["code"]) == (409, "approval_needed")
        assert above.json["limit_fen"] == 500

    def test_claw_back_above_it_takes_nothing(self, mall: Mall, stage: Stage) -> None:
        shopper = stage.shopper()
        fail_group(stage, shopper, stage.start)
        grant = stage.one("SELECT public_id FROM grants WHERE shopper_id = :v", shopper[1])
        path = f"/v1/merchant/grants/{grant}/claw-back"

        whole = post(mall.operator, path, key="a", reason="刷单")
        assert (whole.status_code, whole.json["code"]) == (409, "approval_needed")
        assert stage.wallet(shopper[1]) == 1000

        part = post(mall.operator, path, key="b", amount_fen=500, reason="刷单")
        assert part.json["clawed_back_fen"] == 500

    def test_push_above_it_is_refused(self, mall: Mall, stage: Stage) -> None:
        assert mall.shopper.post("/v1/me/follow").status_code < 300
        follow = {"segment": "followers", "value_fen": 501, "reason": "召回"}

        answer = post(mall.operator, "/v1/merchant/coupon-pushes", **follow)

        assert answer.json["code"] == "approval_needed"

    def test_budgets_are_not_raised_by_more_alone(self, mall: Mall, stage: Stage) -> None:
        campaign = stage.campaign
        path = f"/v1/merchant/campaigns/{campaign.public_id}"
        budget = mall.viewer.get(path).json["budget_fen"]

        little = mall.operator.patch(path, budget_fen=budget + 500, reason="加")
        much = mall.operator.patch(path, budget_fen=budget + 1001, reason="加")
        goodwill = mall.owner.patch(SETTINGS, goodwill_budget_fen=10_501, reason="加")

        assert little.status_code == 200
        assert (much.status_code, much.json["code"]) == (409, "approval_needed")
        assert (goodwill.status_code, goodwill.json["code"]) == (409, "approval_needed")
        assert mall.viewer.get(path).json["budget_fen"] == budget + 500

    @pytest.mark.parametrize("limit", [501, None])
    def test_nobody_lifts_it_alone(self, mall: Mall, stage: Stage, limit: int | None) -> None:
        answer = mall.owner.patch(SETTINGS, approval_limit_fen=limit, reason="麻烦")

        assert (answer.status_code, answer.json["code"]) == (409, "approval_needed")
        assert mall.owner.patch(SETTINGS, approval_limit_fen=400, reason="谨慎").status_code == 200


class TestDeciding:
    def test_what_a_second_person_approves_is_done_once(self, mall: Mall, stage: Stage) -> None:
        shopper, shopper_id = shopper_of(stage)
        asked = ask(mall.operator, "gift", gift_of(shopper))
        assert (asked.status_code, asked.json["state"]) == (201, "pending")
        assert (asked.json["amount_fen"], stage.wallet(shopper_id)) == (600, 0)

        first = decide(mall.owner, asked.json["id"], "approval")
        again = decide(mall.owner, asked.json["id"], "approval")
        other = decide(mall.owner, asked.json["id"], "refusal", key="other")

        assert (first.status_code, first.json["state"]) == (200, "approved")
        assert again.json == first.json
        assert first.json["result"]["amount_fen"] == 600
        assert (other.status_code, other.json["code"]) == (409, "approval_decided")
        assert (stage.wallet(shopper_id), spent(mall, stage)) == (600, 600)
        assert entries(stage) == ["approval.requested", "gift.given", "approval.approved"]

    def test_two_who_approve_at_once_do_it_once(self, mall: Mall, stage: Stage) -> None:
        shopper, shopper_id = shopper_of(stage)
        asked = ask(mall.operator, "gift", gift_of(shopper)).json["id"]

        def approve(number: int) -> int:
            client = mall.owner.client.application.test_client()
            caller = replace(mall.owner, client=client)
            status: int = decide(caller, asked, "approval", key=f"k{number}").status_code
            return status

        with ThreadPoolExecutor(4) as pool:
            answers = sorted(pool.map(approve, range(4)))

        assert answers == [200, 409, 409, 409]
        assert stage.wallet(shopper_id) == 600

    def test_nobody_decides_what_they_asked_for(self, mall: Mall, stage: Stage) -> None:
        shopper, shopper_id = shopper_of(stage)
        asked = ask(mall.owner, "gift", gift_of(shopper)).json["id"]

        for how in ("approval", "refusal"):
            answer = decide(mall.owner, asked, how, key=how)
            assert (answer.status_code, answer.json["code"]) == (403, "approval_own")
        assert decide(mall.operator, asked, "withdrawal").json["code"] == "approval_own"
        assert decide(mall.owner, asked, "withdrawal").json["state"] == "withdrawn"
        assert stage.wallet(shopper_id) == 0

    def test_refused_act_is_not_done(self, mall: Mall, stage: Stage) -> None:
        shopper, shopper_id = shopper_of(stage)
        asked = ask(mall.operator, "gift", gift_of(shopper)).json["id"]

        assert decide(mall.owner, asked, "refusal").json["state"] == "refused"
        assert stage.wallet(shopper_id) == 0

    def test_what_cannot_be_done_now_stays_asked_for(self, mall: Mall, stage: Stage) -> None:
        shopper, shopper_id = shopper_of(stage)
        asked = ask(mall.operator, "gift", gift_of(shopper, 10_001)).json["id"]

        answer = decide(mall.owner, asked, "approval")

        assert (answer.status_code, answer.json["code"]) == (409, "goodwill_exhausted")
        assert mall.viewer.get(f"{PATH}/{asked}").json["state"] == "pending"
        assert stage.wallet(shopper_id) == 0

    def test_raise_that_has_grown_since_it_was_asked_for_is_not_done(
        self, mall: Mall, stage: Stage
    ) -> None:
        """Asked for as one fen more; the budget was lowered meanwhile."""
        path = f"/v1/merchant/campaigns/{stage.campaign.public_id}"
        budget = mall.viewer.get(path).json["budget_fen"]
        command = {"campaign_id": stage.campaign.public_id, "budget_fen": budget + 1}
        asked = ask(mall.operator, "campaign_budget", command).json
        assert mall.owner.patch(path, budget_fen=budget - 5000, reason="少投").status_code == 200

        answer = decide(mall.owner, asked["id"], "approval")

        assert asked["amount_fen"] == 1
        assert (answer.status_code, answer.json["code"]) == (409, "approval_outdated")
        assert (answer.json["asked_fen"], answer.json["now_fen"]) == (1, 5001)
        assert mall.viewer.get(path).json["budget_fen"] == budget - 5000

    def test_owners_acts_are_not_for_operators(self, mall: Mall, stage: Stage) -> None:
        raised = {"goodwill_budget_fen": 20_000}
        assert ask(mall.operator, "goodwill_budget", raised).status_code == 403
        asked = ask(mall.owner, "goodwill_budget", raised).json["id"]

        assert decide(mall.operator, asked, "approval").status_code == 403


class TestActs:
    def test_held_subsidy_is_released_or_denied(self, mall: Mall, stage: Stage) -> None:
        for how, state, fen in (("release", "issued", 1000), ("denial", "denied", 0)):
            shopper = stage.shopper(flag="review")
            fail_group(stage, shopper, stage.start)
            grant = stage.one("SELECT public_id FROM grants WHERE shopper_id = :v", shopper[1])
            alone = post(mall.operator, f"/v1/merchant/grants/{grant}/{how}", key=how, reason="好")
            assert alone.json["code"] == "approval_needed"

            asked = ask(mall.operator, f"grant_{how}", {"grant_id": grant}, key=f"{how}-asked")
            asked = asked.json["id"]
            done = decide(mall.owner, asked, "approval", key=f"{how}-decided")

            assert done.json["result"]["state"] == state
            assert stage.wallet(shopper[1]) == fen

    def test_claw_back_is_done(self, mall: Mall, stage: Stage) -> None:
        shopper = stage.shopper()
        fail_group(stage, shopper, stage.start)
        grant = stage.one("SELECT public_id FROM grants WHERE shopper_id = :v", shopper[1])

        asked = ask(mall.operator, "claw_back", {"source": "grant", "source_id": grant})
        assert asked.json["amount_fen"] == 1000
        done = decide(mall.owner, asked.json["id"], "approval")

        assert done.json["result"] == {"id": grant, "clawed_back_fen": 1000}
        assert stage.wallet(shopper[1]) == 0

    def test_budgets_and_the_limit_are_raised(self, mall: Mall, stage: Stage) -> None:
        path = f"/v1/merchant/campaigns/{stage.campaign.public_id}"
        budget = mall.viewer.get(path).json["budget_fen"] + 5000
        acts: list[tuple[str, dict[str, Any]]] = [
            ("campaign_budget", {"campaign_id": stage.campaign.public_id, "budget_fen": budget}),
            ("goodwill_budget", {"goodwill_budget_fen": 30_000}),
            ("approval_limit", {"approval_limit_fen": None}),
        ]
        second = mall.add_owner()
        for kind, command in acts:
            asked = ask(mall.owner, kind, command, key=kind).json["id"]
            assert decide(second, asked, "approval", key=kind).status_code == 200

        settings = mall.viewer.get(SETTINGS).json
        assert mall.viewer.get(path).json["budget_fen"] == budget
        assert (settings["goodwill_budget_fen"], settings["approval_limit_fen"]) == (30_000, None)

    @pytest.mark.parametrize(
        ("kind", "command", "field"),
        [
            ("gift", {"shopper_id": "0" * 20, "kind": "cash"}, "command.amount_fen"),
            ("gift", {"amount_fen": -1}, "command.shopper_id"),
            ("coupon_push", {"segment": "dormant", "value_fen": 1}, "command.dormant_days"),
            ("campaign_budget", {"campaign_id": "0" * 20, "budget_fen": -1}, "command.budget_fen"),
            ("dismissal", {}, "kind"),
        ],
    )
    def test_bad_command_is_refused(
        self, mall: Mall, stage: Stage, kind: str, command: dict[str, Any], field: str
    ) -> None:
        answer = post(mall.operator, PATH, kind=kind, command=command, reason="补偿")

        assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")
        assert field in {error["field"] for error in answer.json["errors"]}


def test_approvals_are_listed_and_told(mall: Mall, stage: Stage) -> None:
    shopper, _ = shopper_of(stage)
    first = ask(mall.operator, "gift", gift_of(shopper), key="a").json["id"]
    second = ask(mall.operator, "gift", gift_of(shopper), key="b").json["id"]
    decide(mall.owner, first, "refusal")

    listed = mall.viewer.get(PATH, state="pending").json["items"]
    assert [line["id"] for line in listed] == [second]
    assert [line["id"] for line in mall.viewer.get(PATH).json["items"]] == [second, first]
    (alarm,) = mall.viewer.get("/v1/merchant/alarms").json["items"]
    assert (alarm["kind"], alarm["count"], alarm["amount_fen"]) == ("approvals_waiting", 1, 600)


def test_another_merchants_approval_is_not_found(
    mall: Mall, other_mall: Mall, stage: Stage
) -> None:
    shopper, _ = shopper_of(stage)
    asked = ask(mall.operator, "gift", gift_of(shopper)).json["id"]

    assert other_mall.owner.get(f"{PATH}/{asked}").status_code == 404
    assert decide(other_mall.owner, asked, "approval").json["code"] == "approval_not_found"


class TestTheLimitItself:
    """One owner alone is neither free of the limit at once nor trapped by it for ever."""

    def test_it_needs_two_people_who_may_approve(self, mall: Mall) -> None:
        leave_one_owner(mall)

        alone = mall.owner.patch(SETTINGS, approval_limit_fen=500, reason="谨慎")
        mall.add_owner()
        with_another = mall.owner.patch(SETTINGS, approval_limit_fen=500, reason="谨慎")

        assert (alone.status_code, alone.json["code"]) == (409, "too_few_approvers")
        assert alone.json["approvers"] == 1
        assert with_another.json["approval_limit_fen"] == 500

    def test_a_limit_that_stays_needs_nobody_more(self, mall: Mall, stage: Stage) -> None:
        leave_one_owner(mall)

        other = mall.owner.patch(SETTINGS, daily_failures_cap=3, reason="谨慎")
        lower = mall.owner.patch(SETTINGS, approval_limit_fen=400, reason="谨慎")

        assert other.status_code == 200
        assert lower.json["code"] == "too_few_approvers"

    @pytest.mark.parametrize("limit", [50_000, None])
    def test_another_owner_lifts_it_at_once(
        self, mall: Mall, stage: Stage, limit: int | None
    ) -> None:
        asked = ask(mall.owner, "approval_limit", {"approval_limit_fen": limit}).json["id"]

        low = decide(mall.operator, asked, "approval", key="operator")
        done = decide(mall.add_owner(), asked, "approval", key="owner")

        assert low.status_code == 403
        assert done.json["state"] == "approved"
        assert mall.viewer.get(SETTINGS).json["approval_limit_fen"] == limit

    @pytest.mark.parametrize("limit", [50_000, None])
    def test_one_owner_lifts_it_a_day_later(
        self, mall: Mall, stage: Stage, limit: int | None
    ) -> None:
        asked = ask(mall.owner, "approval_limit", {"approval_limit_fen": limit}).json
        told = mall.viewer.get(PATH, state="pending").json["items"][0]
        assert told["alone_from_at"] == asked["alone_from_at"] > asked["requested_at"]
        age(stage, seconds=24 * 3600 - 60)

        early = decide(mall.owner, asked["id"], "approval", key="early")
        age(stage, seconds=120)
        late = decide(mall.owner, asked["id"], "approval", key="late")

        assert (early.status_code, early.json["code"]) == (403, "approval_own")
        assert "alone_from_at" in early.json
        assert late.json["state"] == "approved"
        assert mall.viewer.get(SETTINGS).json["approval_limit_fen"] == limit
        assert entries(stage)[-2:] == ["approval.requested", "approval.approved"]

    def test_nothing_else_is_approved_alone_however_old(self, mall: Mall, stage: Stage) -> None:
        shopper, shopper_id = shopper_of(stage)
        asked = ask(mall.owner, "gift", gift_of(shopper)).json
        age(stage, seconds=48 * 3600)

        answer = decide(mall.owner, asked["id"], "approval")

        assert (answer.status_code, answer.json["code"]) == (403, "approval_own")
        assert asked["alone_from_at"] is None
        assert stage.wallet(shopper_id) == 0

    def test_the_database_refuses_it_too(self, mall: Mall, stage: Stage) -> None:
        asked = ask(mall.owner, "approval_limit", {"approval_limit_fen": None}).json["id"]

        with pytest.raises(IntegrityError, match="second_person"), transaction() as session:
            session.execute(
                text(
                    "UPDATE approvals SET state = 'approved', decided_by = requested_by,"
                    " decided_at = requested_at + interval '23 hours' WHERE public_id = :id"
                ),
                {"id": asked},
            )


def leave_one_owner(mall: Mall) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE staff SET disabled_at = now() WHERE merchant_id = :m AND id <> :id"),
            {"m": mall.id, "id": mall.staff["owner"].id},
        )


def age(stage: Stage, *, seconds: int) -> None:
    """Let everything asked for have been asked for so much earlier."""
    with transaction() as session:
        session.execute(
            text(
                "UPDATE approvals SET requested_at = requested_at - make_interval(secs => :seconds)"
                " WHERE merchant_id = :m"
            ),
            {"m": stage.merchant_id, "seconds": seconds},
        )
