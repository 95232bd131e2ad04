"""Gifts out of the goodwill budget, and what staff take back, over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from domain.database import transaction
from tests.api.callers import Caller, Mall
from tests.api.stages import fail_group, stage_of
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/gifts"
SETTINGS = "/v1/merchant/settings"


def post(caller: Caller, path: str, *, key: str = "k1", **body: Any) -> Any:
    return caller.call("POST", path, json=body, headers={"Idempotency-Key": key})


@pytest.fixture
def stage(mall: Mall) -> Stage:
    stage = stage_of(mall)
    mall.owner.patch(SETTINGS, goodwill_budget_fen=3000, reason="本月")
    return stage


def shopper_of(stage: Stage) -> tuple[str, int]:
    shopper = stage.shopper(nickname="小明")
    return stage.one("SELECT public_id FROM shoppers WHERE id = :v", shopper[1]), shopper[1]


def gift(shopper_id: str, **values: Any) -> dict[str, Any]:
    return {"shopper_id": shopper_id, "kind": "cash", "amount_fen": 1000, "reason": "道歉"} | values


def spent(mall: Mall, stage: Stage) -> int:
    found: int = stage.one(
        "SELECT goodwill_spent_fen FROM merchant_settings WHERE merchant_id = :v", mall.id
    )
    return found


@pytest.mark.parametrize("kind", ["cash", "coupon", "points", "pass"])
def test_gift_is_issued_at_once_out_of_the_goodwill_budget(
    mall: Mall, stage: Stage, kind: str
) -> None:
    public_id, shopper_id = shopper_of(stage)

    answer = post(mall.operator, PATH, **gift(public_id, kind=kind))

    assert answer.status_code == 201, answer.json
    assert answer.json["shopper"] == {"id": public_id, "nickname": "小明"}
    assert spent(mall, stage) == 1000
    assert stage.wallet(shopper_id) == (1000 if kind == "cash" else 0)
    issued = stage.rows(
        "SELECT kind, value_fen FROM instruments WHERE shopper_id = :v UNION ALL"
        " SELECT 'points', left_fen FROM point_lots WHERE shopper_id = :v",
        shopper_id,
    )
    assert issued == ([] if kind == "cash" else [(kind, 1000)])
    assert mall.viewer.get(PATH).json["items"] == [answer.json]


def test_gift_is_given_once_for_its_key(mall: Mall, stage: Stage) -> None:
    public_id, shopper_id = shopper_of(stage)

    answers = [post(mall.operator, PATH, **gift(public_id)) for _ in range(2)]

    assert answers[0].json == answers[1].json
    assert (stage.wallet(shopper_id), spent(mall, stage)) == (1000, 1000)


def test_goodwill_is_not_overrun_by_gifts_at_once(mall: Mall, stage: Stage) -> None:
    public_id, shopper_id = shopper_of(stage)

    with ThreadPoolExecutor(5) as pool:
        callers = [
            replace(mall.operator, client=mall.operator.client.application.test_client())
            for _ in range(5)
        ]
        going = [
            pool.submit(post, caller, PATH, key=f"k{n}", **gift(public_id))
            for n, caller in enumerate(callers)
        ]
    answers = sorted(one.result().status_code for one in going)

    assert answers == [201, 201, 201, 409, 409]
    assert (stage.wallet(shopper_id), spent(mall, stage)) == (3000, 3000)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount_fen": 3001}, 409, "goodwill_exhausted"),
        ({"amount_fen": 0}, 422, "invalid_request"),
        ({"amount_fen": -5}, 422, "invalid_request"),
        ({"kind": "external_points"}, 422, "invalid_request"),
        ({"kind": "coupon", "threshold_fen": 999}, 422, "invalid_request"),
        ({"kind": "coupon", "valid_days": 0}, 422, "invalid_request"),
        ({"shopper_id": "0" * 20}, 404, "shopper_not_found"),
    ],
)
def test_gift_that_cannot_be_given_changes_nothing(
    mall: Mall, stage: Stage, changes: dict[str, Any], status: int, code: str
) -> None:
    public_id, shopper_id = shopper_of(stage)

    answer = post(mall.operator, PATH, **(gift(public_id) | changes))

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert (stage.wallet(shopper_id), spent(mall, stage)) == (0, 0)


def test_viewer_gives_nothing(mall: Mall, stage: Stage) -> None:
    public_id, _ = shopper_of(stage)

    assert post(mall.viewer, PATH, **gift(public_id)).status_code == 403


def test_budget_is_not_lowered_below_what_is_spent(mall: Mall, stage: Stage) -> None:
    public_id, _ = shopper_of(stage)
    post(mall.operator, PATH, **gift(public_id))

    answer = mall.owner.patch(SETTINGS, goodwill_budget_fen=999, reason="省钱")

    assert (answer.status_code, answer.json["code"]) == (409, "budget_below_spent")


def test_gift_is_taken_back_as_far_as_it_is_unspent(mall: Mall, stage: Stage) -> None:
    public_id, shopper_id = shopper_of(stage)
    given = post(mall.operator, PATH, **gift(public_id)).json["id"]
    path = f"{PATH}/{given}/claw-back"

    part = post(mall.operator, path, key="a", amount_fen=300, reason="误发")
    rest = post(mall.operator, path, key="b", reason="误发")
    none = post(mall.operator, path, key="c", reason="误发")

    assert (part.json["clawed_back_fen"], rest.json["clawed_back_fen"]) == (300, 700)
    assert (none.status_code, none.json["code"]) == (409, "nothing_to_claw_back")
    assert stage.wallet(shopper_id) == 0
    assert mall.viewer.get(PATH).json["items"][0]["clawed_back_fen"] == 1000


def test_subsidy_is_taken_back_once_for_its_key(mall: Mall, stage: Stage) -> None:
    shopper = stage.shopper()
    fail_group(stage, shopper, stage.start)
    grant = stage.one("SELECT public_id FROM grants WHERE shopper_id = :v", shopper[1])
    path = f"/v1/merchant/grants/{grant}/claw-back"

    answers = [post(mall.operator, path, amount_fen=400, reason="刷单") for _ in range(2)]

    assert [a.json for a in answers] == [{"id": grant, "clawed_back_fen": 400}] * 2
    assert stage.wallet(shopper[1]) == 600
    assert stage.rows(
        "SELECT state, clawed_back_fen FROM grants WHERE shopper_id = :v", shopper[1]
    ) == [("clawed_back", 400)]


def test_reward_of_another_merchant_is_not_found(mall: Mall, stage: Stage) -> None:
    answer = post(mall.operator, f"/v1/merchant/rewards/{'0' * 20}/claw-back", reason="误发")

    assert (answer.status_code, answer.json["code"]) == (404, "grant_not_found")


class TestLimitOfADay:
    @pytest.fixture(autouse=True)
    def _limit(self, mall: Mall, stage: Stage) -> None:
        answer = mall.owner.patch(
            SETTINGS, approval_limit_fen=1000, reason="两人", goodwill_budget_fen=3000
        )
        assert answer.status_code == 200, answer.json

    def test_cutting_an_act_does_not_avoid_the_second_person(
        self, mall: Mall, stage: Stage
    ) -> None:
        public_id, shopper_id = shopper_of(stage)

        answers = [
            post(mall.operator, PATH, key=f"k{n}", **gift(public_id, amount_fen=400))
            for n in range(3)
        ]

        assert [answer.status_code for answer in answers] == [201, 201, 409]
        refused = answers[2].json
        assert refused["code"] == "approval_needed"
        assert (refused["limit_fen"], refused["amount_fen"], refused["spent_fen"]) == (
            *(1000, 400, 800),
        )
        assert stage.wallet(shopper_id) == 800

    def test_what_was_refused_is_not_counted_and_others_count_alone(
        self, mall: Mall, stage: Stage
    ) -> None:
        public_id, _ = shopper_of(stage)

        refused = post(mall.operator, PATH, **gift(public_id, amount_fen=1100))
        whole = post(mall.operator, PATH, key="k2", **gift(public_id, amount_fen=1000))
        again = post(mall.operator, PATH, key="k2", **gift(public_id, amount_fen=1000))
        other = post(mall.owner, PATH, key="k3", **gift(public_id, amount_fen=1000))

        found = [a.status_code for a in (refused, whole, again, other)]
        assert found == [409, 201, 201, 201]

    def test_acts_at_once_count_one_another(self, mall: Mall, stage: Stage) -> None:
        public_id, shopper_id = shopper_of(stage)
        app = mall.operator.client.application

        def give(n: int) -> int:
            caller = replace(mall.operator, client=app.test_client())
            answer = post(caller, PATH, key=f"k{n}", **gift(public_id, amount_fen=400))
            return int(answer.status_code)

        with ThreadPoolExecutor(6) as pool:
            statuses = list(pool.map(give, range(6)))

        assert sorted(statuses) == [201, 201, 409, 409, 409, 409]
        assert stage.wallet(shopper_id) == 800

    def test_next_day_begins_anew(self, mall: Mall, stage: Stage) -> None:
        public_id, _ = shopper_of(stage)
        post(mall.operator, PATH, **gift(public_id, amount_fen=1000))
        with transaction() as session:
            session.execute(text("UPDATE lone_acts SET on_date = on_date - 1"))

        answer = post(mall.operator, PATH, key="k2", **gift(public_id, amount_fen=1000))

        assert answer.status_code == 201
