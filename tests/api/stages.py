"""A mall's world to play stories on before the API is asked about them."""

from datetime import datetime, timedelta

from api.auth import issue_access_token
from domain import clock, work
from domain.database import transaction
from domain.settlement.applying_refunds import move_refund
from domain.settlement.refunding import WORK as DRIVE_REFUND
from domain.states import RefundState
from tests.api.callers import Caller, Mall
from tests.factories.campaigns import make_campaign
from tests.factories.gateway_accounts import make_gateway_account
from tests.scenarios.stage import Stage


def stage_of(mall: Mall, *, days_ago: int = 3, **campaign: object) -> Stage:
    """Build a stage in a mall; its stories begin some days ago, so that deadlines are over."""
    now = clock.real_now().replace(microsecond=0)
    window = {"starts_at": now - timedelta(days=60), "ends_at": now + timedelta(days=30)}
    with transaction() as session:
        made = make_campaign(session, mall.id, **{**window, **campaign})  # type: ignore[arg-type]
        account = make_gateway_account(session, mall.id)
    return Stage(mall.id, made, account.id, now - timedelta(days=days_ago))


def calling(mall: Mall, shopper: tuple[int, int]) -> Caller:
    """Return a caller for a shopper of the stage."""
    return Caller(mall.shopper.client, issue_access_token(*shopper)[0])


def fail_group(stage: Stage, shopper: tuple[int, int], at: datetime) -> str:
    """Open a group that nobody joins, and settle it a second after its deadline."""
    order = stage.open(shopper, at)
    stage.pay(order, at)
    group_id: str = order["group_id"]
    deadline = stage.group(group_id)["deadline_at"]
    stage.settle(group_id, deadline + timedelta(seconds=1))
    return group_id


def refund_that(stage: Stage, ending: RefundState) -> str:
    """Fail a group whose refund the gateway answers so; returns the refund's public id."""
    group_id = fail_group(stage, stage.shopper(), stage.start)
    [(refund_id, order_id, public_id)] = stage.rows(
        "SELECT r.id, r.order_id, r.public_id FROM refunds r JOIN orders o ON o.id = r.order_id"
        " JOIN groups g ON g.id = o.group_id WHERE g.public_id = :v",
        group_id,
    )
    key, at = (stage.merchant_id, refund_id), stage.start + timedelta(days=2)
    with transaction() as session:
        for state in (RefundState.SENDING, ending):
            move_refund(session, key, order_id, state, at=at, actor="test", error="NO_AUTH")
        if ending is RefundState.REJECTED:
            for lease in work.claim(session, DRIVE_REFUND, limit=500, at=at):
                if lease.subject == key:
                    work.park(session, lease, error="NO_AUTH")
                else:
                    work.put_back(session, [lease], due_at=at)
    found: str = public_id
    return found


def form_group(stage: Stage, shopper: tuple[int, int], at: datetime) -> str:
    """Open a group that two newcomers fill within two minutes."""
    order = stage.open(shopper, at)
    stage.pay(order, at)
    group_id: str = order["group_id"]
    for minutes in (1, 2):
        stage.joined(group_id, at + timedelta(minutes=minutes))
    return group_id
