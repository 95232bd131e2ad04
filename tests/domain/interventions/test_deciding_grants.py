"""A held subsidy is released or denied by staff: once, with a reason, and the books agree."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.checkout.settling import fold_campaigns
from domain.database import transaction
from domain.errors import Busy
from domain.idempotency import IdempotencyKeyReused, RequestKey
from domain.interventions import deciding_grants
from domain.interventions.deciding_grants import DecideGrant, deny_grant, release_grant
from domain.merchants.auditing import StaffActor
from domain.merchants.errors import RoleTooLow
from domain.merchants.rules import Role
from domain.notices.writing import write_notices
from domain.subsidies.errors import GrantEmpty, GrantNotFound, GrantNotHeld
from tests.factories.staff import make_staff
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
_keys = itertools.count(1)


@pytest.fixture
def stage(database: object) -> Stage:
    return make_stage()


def held_grant(stage: Stage) -> tuple[str, int]:
    """Fail a group with a flagged leader; returns the held grant (public id) and the shopper."""
    shopper = stage.shopper(flag="review")
    order = stage.open(shopper, stage.start)
    stage.pay(order, stage.start)
    stage.settle(order["group_id"], stage.start + DAY)
    grant = stage.one("SELECT public_id FROM grants WHERE shopper_id = :v", shopper[1])
    return grant, shopper[1]


def decision(stage: Stage, grant_id: str, *, role: Role = Role.OPERATOR) -> DecideGrant:
    with transaction() as session:
        staff = make_staff(session, stage.merchant_id, role=role.value)
    key = f"key-{next(_keys)}"
    return DecideGrant(
        actor=StaffActor(stage.merchant_id, staff.id, role),
        key=RequestKey.of(stage.merchant_id, f"staff:{staff.id}", key, [grant_id]),
        grant_id=grant_id,
        reason="called the shopper",
    )


def at(stage: Stage) -> datetime:
    return stage.start + DAY + timedelta(hours=2)


def books(stage: Stage, shopper_id: int) -> dict[str, Any]:
    while fold_campaigns(at=at(stage)):
        pass
    return {
        "wallet": stage.wallet(shopper_id),
        "postings": stage.one(
            "SELECT count(*) FROM ledger_transactions t JOIN grants g ON g.id = t.ref_id"
            " WHERE t.kind = 'grant.issued' AND g.shopper_id = :v",
            shopper_id,
        ),
        "caps": stage.rows(
            "SELECT cap_fen FROM orders WHERE shopper_id = :v AND cap_fen > 0",
            shopper_id,
        ),
        "campaign": stage.rows(
            "SELECT committed_fen, spent_fen FROM campaigns WHERE id = :v", stage.campaign.id
        )[0],
    }


def test_held_grant_is_reserved_and_committed(stage: Stage) -> None:
    _, shopper_id = held_grant(stage)

    assert books(stage, shopper_id) == {
        "wallet": 0,
        "postings": 0,
        "caps": [(1000,)],
        "campaign": (1000, 0),
    }


def test_release_credits_once_and_spends_what_was_committed(stage: Stage) -> None:
    grant_id, shopper_id = held_grant(stage)

    body = release_grant(decision(stage, grant_id), at=at(stage))

    assert (body["state"], body["amount_fen"]) == ("issued", 1000)
    assert body["issued_at"] is not None
    assert body["risk"] == [
        {"rule": "flagged_account", "outcome": "review"},
        {"rule": "reviewed_before", "outcome": "review"},
    ]
    assert books(stage, shopper_id) == {
        "wallet": 1000,
        "postings": 1,
        "caps": [(1000,)],
        "campaign": (0, 1000),
    }


def test_denial_never_pays_and_gives_back_what_was_committed(stage: Stage) -> None:
    grant_id, shopper_id = held_grant(stage)

    body = deny_grant(decision(stage, grant_id), at=at(stage))

    assert (body["state"], body["amount_fen"], body["issued_at"]) == ("denied", 0, None)
    assert body["parts"] == [
        {"kind": "base", "amount_fen": 1000},
        {"kind": "held"},
        {"kind": "denied", "amount_fen": -1000},
    ]
    assert books(stage, shopper_id) == {
        "wallet": 0,
        "postings": 0,
        "caps": [],
        "campaign": (0, 0),
    }


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        (release_grant, release_grant, "issued"),
        (release_grant, deny_grant, "issued"),
        (deny_grant, release_grant, "denied"),
        (deny_grant, deny_grant, "denied"),
    ],
)
def test_what_is_decided_is_decided(
    stage: Stage,
    first: Callable[..., dict[str, Any]],
    second: Callable[..., dict[str, Any]],
    state: str,
) -> None:
    grant_id, shopper_id = held_grant(stage)
    first(decision(stage, grant_id), at=at(stage))
    before = books(stage, shopper_id)

    with pytest.raises(GrantNotHeld) as refused:
        second(decision(stage, grant_id), at=at(stage))

    assert refused.value.details == {"state": state}
    assert books(stage, shopper_id) == before


def test_repeating_a_key_gives_the_same_answer(stage: Stage) -> None:
    grant_id, shopper_id = held_grant(stage)
    command = decision(stage, grant_id)
    body = release_grant(command, at=at(stage))

    again = release_grant(command, at=at(stage) + DAY)

    assert again == body
    assert stage.wallet(shopper_id) == 1000


def test_key_of_another_request_is_refused(stage: Stage) -> None:
    grant_id, _ = held_grant(stage)
    command = decision(stage, grant_id)
    release_grant(command, at=at(stage))
    other = replace(command, key=replace(command.key, request_hash=b"another"))

    with pytest.raises(IdempotencyKeyReused):
        release_grant(other, at=at(stage))


def test_two_people_decide_at_once_and_one_of_them_wins(stage: Stage) -> None:
    grant_id, shopper_id = held_grant(stage)
    commands = [(release_grant, decision(stage, grant_id)) for _ in range(4)]
    commands += [(deny_grant, decision(stage, grant_id)) for _ in range(4)]

    def decide(pair: tuple[Callable[..., dict[str, Any]], DecideGrant]) -> str:
        try:
            return str(pair[0](pair[1], at=at(stage))["state"])
        except (GrantNotHeld, Busy) as refused:
            return refused.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(decide, commands))

    won = [outcome for outcome in outcomes if outcome in ("issued", "denied")]
    assert len(won) == 1
    assert stage.wallet(shopper_id) == (1000 if won == ["issued"] else 0)


def test_failure_half_way_changes_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    grant_id, shopper_id = held_grant(stage)
    before = books(stage, shopper_id)

    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError("the audit log is away")

    monkeypatch.setattr(deciding_grants, "audit", break_down)
    with pytest.raises(RuntimeError):
        release_grant(decision(stage, grant_id), at=at(stage))

    assert books(stage, shopper_id) == before
    assert stage.one("SELECT state FROM grants WHERE public_id = :v", grant_id) == "held"


def test_decision_is_audited_recorded_and_told(stage: Stage) -> None:
    grant_id, shopper_id = held_grant(stage)
    command = decision(stage, grant_id)

    deny_grant(command, at=at(stage))

    inner = stage.one("SELECT id FROM grants WHERE public_id = :v", grant_id)
    assert stage.rows(
        "SELECT staff_id, action, reason, before, after FROM audit_log WHERE subject_kind = 'grant'"
        " AND subject_id = :v",
        inner,
    ) == [
        (
            command.actor.staff_id,
            "grant.denied",
            "called the shopper",
            {"state": "held", "amount_fen": 1000},
            {"state": "denied", "amount_fen": 0},
        )
    ]
    assert stage.rows(
        "SELECT from_state, to_state, actor FROM state_moves WHERE machine = 'grant'"
        " AND subject_id = :v ORDER BY id DESC LIMIT 1",
        inner,
    ) == [("held", "denied", f"staff:{command.actor.staff_id}")]
    facts = stage.rows("SELECT merchant_id, id FROM facts WHERE kind = 'grant.denied'")
    with transaction() as session:
        write_notices(session, [(m, i) for m, i in facts], at=at(stage))
    assert stage.rows("SELECT key FROM notices WHERE shopper_id = :v", shopper_id) == [
        ("grant.denied",)
    ]


def test_grant_of_another_merchant_does_not_exist(stage: Stage) -> None:
    grant_id, shopper_id = held_grant(stage)
    thief = make_stage()

    with pytest.raises(GrantNotFound):
        release_grant(decision(thief, grant_id), at=at(stage))

    assert stage.wallet(shopper_id) == 0


def test_viewer_may_not_decide(stage: Stage) -> None:
    grant_id, _ = held_grant(stage)

    with pytest.raises(RoleTooLow):
        release_grant(decision(stage, grant_id, role=Role.VIEWER), at=at(stage))


def test_subsidy_of_zero_can_only_be_denied(stage: Stage) -> None:
    grant_id, shopper_id = held_grant(stage)
    with transaction() as session:
        session.execute(
            text("UPDATE grants SET amount_fen = 0 WHERE public_id = :id"), {"id": grant_id}
        )

    with pytest.raises(GrantEmpty):
        release_grant(decision(stage, grant_id), at=at(stage))
    body = deny_grant(decision(stage, grant_id), at=at(stage))

    assert body["state"] == "denied"
    assert stage.wallet(shopper_id) == 0


def test_grant_that_was_issued_at_once_is_nobodys_to_decide(stage: Stage) -> None:
    group_id = stage.opened(stage.start)
    stage.settle(group_id, stage.start + DAY)
    inner = stage.group(group_id)["id"]
    grant_id = stage.one("SELECT public_id FROM grants WHERE group_id = :v", inner)

    with pytest.raises(GrantNotHeld):
        deny_grant(decision(stage, grant_id), at=at(stage))

    with transaction() as session:
        moved = session.execute(
            text(
                "SELECT count(*) FROM campaign_movements WHERE reason = 'grant_denied'"
                " AND group_id = :id"
            ),
            {"id": inner},
        ).scalar_one()
    assert moved == 0
