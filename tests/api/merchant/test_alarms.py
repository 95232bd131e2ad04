"""Alarms, the refund queue and topping up over HTTP, for staff."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import clock
from domain.analytics.alarms import ALARMS
from domain.checkout.resuming import resume
from domain.checkout.settling import fold_campaigns
from domain.database import read_clock, transaction
from domain.payments.quotas import find_shortages, mark_short
from domain.settlement.measuring_funds import measure_funds
from domain.states import RefundState
from domain.texts import LANGUAGES
from domain.texts import text as words
from tests.api.callers import Caller, Mall
from tests.api.stages import fail_group, stage_of
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

ALARM = "/v1/merchant/alarms"
QUEUE = "/v1/merchant/refunds/queue"
FUNDS = "SELECT held_fen, owed_fen FROM merchant_funds WHERE merchant_id = :v"
MINUTE = timedelta(minutes=1)
SHORT_SINCE = datetime(2026, 5, 1, 4, tzinfo=UTC)


def alarms(caller: Caller) -> dict[str, Any]:
    return {alarm["kind"]: alarm for alarm in caller.get(ALARM).json["items"]}


def account_of(stage: Stage) -> str:
    found: str = stage.one("SELECT public_id FROM gateway_accounts WHERE id = :v", stage.account_id)
    return found


def make_short(stage: Stage, operation: Any = "refund", at: datetime = SHORT_SINCE) -> None:
    with transaction() as session:
        mark_short(session, (stage.merchant_id, stage.account_id), operation, at=at)


def set_rate(stage: Stage, per_second: int) -> None:
    statement = text("UPDATE gateway_quotas SET per_second = :n WHERE gateway_account_id = :id")
    with transaction() as session:
        session.execute(statement, {"n": per_second, "id": stage.account_id})


def top_up(caller: Caller, account_id: str, *, key: str | None = "k1", **body: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    path = f"/v1/merchant/gateway-accounts/{account_id}/topped-up"
    return caller.call("POST", path, json=body, headers=headers)


def test_nothing_is_told_where_all_is_well(mall: Mall) -> None:
    stage = stage_of(mall)
    fail_group(stage, stage.shopper(), stage.start)

    assert mall.viewer.get(ALARM).json["items"] == []


def test_account_short_of_funds_is_told_with_what_waits(mall: Mall) -> None:
    stage = stage_of(mall)
    fail_group(stage, stage.shopper(), stage.start)
    make_short(stage)

    alarm = alarms(mall.viewer)["refund_account_short"]

    assert alarm["account"]["id"] == account_of(stage)
    assert (alarm["count"], alarm["amount_fen"]) == (1, 1990)
    assert alarm["since"] == clock.iso(SHORT_SINCE)
    assert "19.9" in alarm["sentence"]
    assert alarm["account"]["mch_no"] in alarm["sentence"]


def test_account_short_for_transfers_is_told_apart(mall: Mall) -> None:
    make_short(stage_of(mall), "transfer")

    found = alarms(mall.viewer)

    assert list(found) == ["transfer_account_short"]
    assert found["transfer_account_short"]["count"] == 0


def test_sentence_is_in_the_callers_language(mall: Mall) -> None:
    make_short(stage_of(mall))
    chinese = Caller(mall.viewer.client, mall.viewer.token, language="zh")

    assert "余额不足" in alarms(chinese)["refund_account_short"]["sentence"]
    assert "short of funds" in alarms(mall.viewer)["refund_account_short"]["sentence"]


def test_rejected_and_abnormal_refunds_are_told_once_each(mall: Mall) -> None:
    stage = stage_of(mall)
    stage.refund_that(RefundState.REJECTED)
    stage.refund_that(RefundState.REJECTED)
    stage.refund_that(RefundState.ABNORMAL)

    found = alarms(mall.viewer)

    assert {kind: alarm["count"] for kind, alarm in found.items()} == {
        "refunds_rejected": 2,
        "refunds_abnormal": 1,
    }
    assert found["refunds_rejected"]["amount_fen"] == 3980


def test_refund_unknown_for_long_is_told(mall: Mall) -> None:
    stage = stage_of(mall)
    stage.refund_that(RefundState.UNKNOWN)

    assert alarms(mall.viewer)["refunds_unknown"]["count"] == 1

    with transaction() as session:
        session.execute(
            text(
                "UPDATE refunds SET requested_at = now() - interval '14 minutes'"
                " WHERE merchant_id = :m"
            ),
            {"m": mall.id},
        )
    assert "refunds_unknown" not in alarms(mall.viewer)


def test_other_parked_work_is_told_without_an_amount(mall: Mall) -> None:
    stage = stage_of(mall)
    fail_group(stage, stage.shopper(), stage.start)
    with transaction() as session:
        for state in ("leased", "parked"):
            session.execute(
                text(
                    "UPDATE work_rows SET state = :state"
                    " WHERE merchant_id = :m AND kind = 'drive_refund'"
                ),
                {"state": state, "m": mall.id},
            )

    alarm = alarms(mall.viewer)["work_parked"]

    assert (alarm["count"], alarm["amount_fen"], alarm["account"]) == (1, None, None)


def test_payment_of_a_wrong_amount_is_told_for_a_day(mall: Mall) -> None:
    stage = stage_of(mall)
    now = clock.real_now().replace(microsecond=0)
    order = stage.open(stage.shopper(), now)
    stage.succeed(stage.add_payment(order, now), now, amount_fen=1, is_confirmed=True)

    alarm = alarms(mall.viewer)["payments_wrong_amount"]
    assert (alarm["count"], alarm["amount_fen"], alarm["since"]) == (1, 1, clock.iso(now))

    with transaction() as session:
        session.execute(
            text(
                "UPDATE payments SET learned_at = now() - interval '25 hours'"
                " WHERE merchant_id = :m"
            ),
            {"m": mall.id},
        )
    assert "payments_wrong_amount" not in alarms(mall.viewer)


def test_money_at_a_closed_payment_is_told(mall: Mall) -> None:
    stage = stage_of(mall)
    now = clock.real_now().replace(microsecond=0)
    order = stage.open(stage.shopper(), now)
    number = stage.add_payment(order, now)
    with transaction() as session:
        for state in ("closing", "closed"):
            session.execute(
                text("UPDATE payments SET state = :s WHERE public_id = :n"),
                {"s": state, "n": number},
            )
    stage.succeed(number, now)

    assert alarms(mall.viewer)["payments_after_close"]["amount_fen"] == 1990


def test_other_merchants_alarms_are_not_seen(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    make_short(stage)
    stage.refund_that(RefundState.REJECTED)

    assert alarms(other_mall.owner) == {}
    assert len(alarms(mall.owner)) == 2


def test_every_alarm_has_a_sentence_in_both_languages() -> None:
    sentences = [words(f"alarms.{kind}", language) for kind in ALARMS for language in LANGUAGES]

    assert len(set(sentences)) == 2 * len(ALARMS)


def test_queue_tells_what_waits_and_until_when(mall: Mall) -> None:
    stage = stage_of(mall)
    set_rate(stage, 2)
    for _ in range(3):
        fail_group(stage, stage.shopper(), stage.start)

    answer = mall.viewer.get(QUEUE).json

    [queue] = answer["items"]
    assert queue["account"]["id"] == account_of(stage)
    assert (queue["waiting"], queue["amount_fen"], queue["per_second"]) == (3, 5970, 2)
    assert queue["short_since"] is None
    left = datetime.fromisoformat(queue["expected_end_at"]) - datetime.fromisoformat(
        answer["server_time"]
    )
    assert left == timedelta(seconds=1.5)
    requested_at = stage.one(
        "SELECT min(requested_at) FROM refunds WHERE merchant_id = :v", mall.id
    )
    assert queue["oldest_requested_at"] == clock.iso(requested_at)


def test_queue_counts_only_what_no_gateway_has_accepted(mall: Mall) -> None:
    stage = stage_of(mall)
    for state in (RefundState.ACCEPTED, RefundState.REJECTED, RefundState.NEEDS_FUNDS):
        stage.refund_that(state)

    [queue] = mall.viewer.get(QUEUE).json["items"]

    assert queue["waiting"] == 1


def test_queue_without_an_end_has_none(mall: Mall) -> None:
    stage = stage_of(mall)
    [idle] = mall.viewer.get(QUEUE).json["items"]
    fail_group(stage, stage.shopper(), stage.start)
    make_short(stage)

    [short] = mall.viewer.get(QUEUE).json["items"]

    assert (idle["waiting"], idle["expected_end_at"], idle["per_second"]) == (0, None, 150)
    assert (short["waiting"], short["expected_end_at"]) == (1, None)
    assert short["short_since"] == clock.iso(SHORT_SINCE)


def test_queue_of_another_merchant_is_not_seen(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    fail_group(stage, stage.shopper(), stage.start)

    assert other_mall.owner.get(QUEUE).json["items"] == []


def put_off(session: Session, stage: Stage, due_at: datetime) -> None:
    statement = text(
        "UPDATE work_rows SET due_at = :at WHERE kind = 'drive_refund' AND merchant_id = :m"
    )
    session.execute(statement, {"at": due_at, "m": stage.merchant_id})


def wait_for_funds(stage: Stage) -> datetime:
    """Put a refund back until the account is tried again; returns when that is."""
    fail_group(stage, stage.shopper(), stage.start)
    now = clock.real_now()
    make_short(stage, at=now)
    with transaction() as session:
        put_off(session, stage, now + MINUTE)
    return now


DUE = "SELECT due_at FROM work_rows WHERE kind = 'drive_refund' AND merchant_id = :v"


def test_topped_up_account_goes_on_at_once(mall: Mall) -> None:
    stage = stage_of(mall)
    now = wait_for_funds(stage)

    answer = top_up(mall.operator, account_of(stage), reason="已充值五万元")
    again = top_up(mall.operator, account_of(stage), reason="已充值五万元")
    nothing_left = top_up(mall.owner, account_of(stage), key="k2", reason="再次确认")

    assert (answer.status_code, answer.json["resumed"]) == (200, ["refund"])
    assert again.json == answer.json
    assert nothing_left.json["resumed"] == []
    assert alarms(mall.viewer) == {}
    assert now <= stage.one(DUE, mall.id) < now + MINUTE


def test_withdrawals_of_a_topped_up_account_go_on_too(mall: Mall) -> None:
    stage = stage_of(mall)
    make_short(stage, "transfer")

    answer = top_up(mall.operator, account_of(stage), reason="已充值")

    assert answer.json["resumed"] == ["transfer"]


def test_refund_that_waits_for_something_else_is_not_hastened(mall: Mall) -> None:
    stage = stage_of(mall)
    now = wait_for_funds(stage)
    later = now + 5 * MINUTE
    with transaction() as session:
        put_off(session, stage, later)
        resume(session, (mall.id, stage.account_id), "refund", at=now)

    assert stage.one(DUE, mall.id) == later


def test_topping_up_needs_an_operator_a_reason_and_a_key(mall: Mall) -> None:
    stage = stage_of(mall)
    wait_for_funds(stage)

    viewer = top_up(mall.viewer, account_of(stage), reason="已充值")
    no_reason = top_up(mall.operator, account_of(stage))
    no_key = top_up(mall.operator, account_of(stage), key=None, reason="已充值")

    assert (viewer.status_code, viewer.json["code"]) == (403, "role_too_low")
    assert (no_reason.status_code, no_key.status_code) == (422, 422)
    assert no_key.json["code"] == "idempotency_key_missing"
    assert "refund_account_short" in alarms(mall.viewer)


def test_other_merchants_account_cannot_be_topped_up(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    wait_for_funds(stage)

    answer = top_up(other_mall.owner, account_of(stage), reason="不是我的")

    assert (answer.status_code, answer.json["code"]) == (404, "unknown_gateway_account")
    with transaction() as session:
        assert find_shortages(session, [(mall.id, stage.account_id)], "refund") != {}


def test_topping_up_stands_in_the_audit_log(mall: Mall) -> None:
    stage = stage_of(mall)
    make_short(stage)
    top_up(mall.operator, account_of(stage), reason="已充值五万元")

    [entry] = mall.owner.get("/v1/merchant/audit-log").json["items"]

    assert (entry["action"], entry["reason"]) == ("gateway_account.topped_up", "已充值五万元")
    assert (entry["subject_kind"], entry["subject_id"]) == ("gateway_account", account_of(stage))
    assert entry["before"] == {"refund_short_since": clock.iso(SHORT_SINCE)}
    assert entry["after"] == {"resumed": ["refund"]}


@pytest.mark.parametrize(
    ("budget_fen", "kind", "left_fen"),
    [(3751, None, 0), (3750, "budgets_nearly_used", 750), (3157, "budgets_used", 157)],
)
def test_budget_that_runs_out_is_told_at_80_and_at_95_per_cent(
    mall: Mall, budget_fen: int, kind: str | None, left_fen: int
) -> None:
    """A group of three commits 30 yuan."""
    stage = stage_of(mall)
    stage.opened(clock.real_now())
    with transaction() as session:
        session.execute(
            text("UPDATE campaigns SET budget_fen = :fen WHERE id = :id"),
            {"fen": budget_fen, "id": stage.campaign.id},
        )

    told = alarms(mall.viewer)

    assert list(told) == ([] if kind is None else [kind])
    if kind is not None:
        assert (told[kind]["count"], told[kind]["amount_fen"]) == (1, left_fen)


def test_funds_that_do_not_cover_wallets_and_commitments_are_told(mall: Mall) -> None:
    """A group of three commits 30 yuan, its leader pays 19.9."""
    stage = stage_of(mall)
    order = stage.open(stage.shopper(), stage.start)
    stage.pay(order, stage.start)
    at = stage.start + MINUTE

    measure_funds(at=at)
    measure_funds(at=at + MINUTE)
    told = alarms(mall.viewer)["funds_short"]
    stage.pay(stage.join(stage.shopper(), order["group_id"], at), at)
    measure_funds(at=at + 2 * MINUTE)

    assert (told["amount_fen"], told["since"]) == (1010, clock.iso(at))
    assert stage.rows(FUNDS, mall.id) == [(3980, 3000)]
    assert "funds_short" not in alarms(mall.viewer)


def test_refunds_and_withdrawals_on_their_way_are_not_held(mall: Mall) -> None:
    stage = stage_of(mall)
    fail_group(stage, stage.shopper(), stage.start)
    fold_campaigns(at=read_clock())

    measure_funds(at=read_clock())

    assert stage.rows(FUNDS, mall.id) == [(0, 1000)]
    assert alarms(mall.viewer)["funds_short"]["amount_fen"] == 1000
