"""A rejected refund is repeated by staff: once, whole or not at all."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from domain.database import transaction
from domain.idempotency import RequestKey
from domain.interventions import retrying_refunds
from domain.interventions.retrying_refunds import RetryRefund, retry_refund
from domain.merchants.auditing import StaffActor
from domain.merchants.errors import RoleTooLow
from domain.merchants.rules import Role
from domain.refunds.errors import RefundNotRejected
from domain.states import RefundState
from tests.factories.staff import make_staff
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

STATES = (
    "SELECT r.state, w.state FROM refunds r JOIN work_rows w ON w.subject_id = r.id"
    " WHERE w.kind = 'drive_refund' AND r.public_id = :v"
)
_keys = itertools.count(1)


@pytest.fixture
def stage(database: object) -> Stage:
    return make_stage()


@pytest.fixture
def refund_id(stage: Stage) -> str:
    """The public id of a refund that the gateway has rejected."""
    return stage.refund_that(RefundState.REJECTED)


def command(stage: Stage, refund_id: str, *, role: Role = Role.OPERATOR) -> RetryRefund:
    with transaction() as session:
        staff = make_staff(session, stage.merchant_id, role=role.value)
    key = f"key-{next(_keys)}"
    return RetryRefund(
        actor=StaffActor(stage.merchant_id, staff.id, role),
        key=RequestKey.of(stage.merchant_id, f"staff:{staff.id}", key, [refund_id]),
        refund_id=refund_id,
        reason="permission granted",
    )


def test_two_retries_at_once_repeat_it_once(stage: Stage, refund_id: str) -> None:
    commands = [command(stage, refund_id) for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda c: ending(lambda: retry_refund(c, at=stage.start)), commands))

    [refused] = [end for end in ends if isinstance(end, RefundNotRejected)]
    assert refused.details == {"state": "requested"}
    assert stage.rows(STATES, refund_id) == [("requested", "due")]
    entries = "SELECT count(*) FROM audit_log WHERE action = 'refund.retried' AND merchant_id = :v"
    assert stage.one(entries, stage.merchant_id) == 1


def test_retry_that_cannot_be_audited_leaves_all_as_it_was(
    stage: Stage, refund_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **values: Any) -> None:
        raise RuntimeError("half-way")

    monkeypatch.setattr(retrying_refunds, "audit", fail)

    with pytest.raises(RuntimeError, match="half-way"):
        retry_refund(command(stage, refund_id), at=stage.start)

    assert stage.rows(STATES, refund_id) == [("rejected", "parked")]


def test_viewer_may_not(stage: Stage, refund_id: str) -> None:
    with pytest.raises(RoleTooLow):
        retry_refund(command(stage, refund_id, role=Role.VIEWER), at=stage.start)

    assert stage.rows(STATES, refund_id) == [("rejected", "parked")]


def test_retry_is_a_move_by_staff(stage: Stage, refund_id: str) -> None:
    asked = command(stage, refund_id)

    retry_refund(asked, at=stage.start)

    assert stage.rows(
        "SELECT from_state, to_state, actor FROM state_moves WHERE machine = 'refund'"
        " AND merchant_id = :v ORDER BY id DESC LIMIT 1",
        stage.merchant_id,
    ) == [("rejected", "requested", f"staff:{asked.actor.staff_id}")]


def ending(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as error:
        return error
