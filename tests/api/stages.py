"""A mall's world to play stories on before the API is asked about them."""

from datetime import datetime, timedelta

from api.auth import issue_access_token
from domain import clock
from domain.database import transaction
from tests.api.callers import Caller, Mall
from tests.factories.campaigns import make_campaign
from tests.factories.gateway_accounts import make_gateway_account
from tests.scenarios.stage import Stage

ADDRESS = {"recipient": "小明", "phone": "13800000000", "region": "上海市徐汇区", "detail": "1号"}


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


def form_group(stage: Stage, shopper: tuple[int, int], at: datetime) -> str:
    """Open a group that two newcomers fill within two minutes."""
    order = stage.open(shopper, at)
    stage.pay(order, at)
    group_id: str = order["group_id"]
    for minutes in (1, 2):
        stage.joined(group_id, at + timedelta(minutes=minutes))
    return group_id
