"""Alarms, for staff: what waits for a person."""

from typing import Any

from api import auth, request_context
from api.blueprint import Blueprint
from api.schemas.merchant.alarms import AlarmsSchema
from domain.analytics.alarms import Alarm, list_alarms
from domain.database import merchant_transaction, read_clock
from domain.money import yuan
from domain.texts import text

blueprint = Blueprint(
    "merchant-alarms",
    __name__,
    url_prefix="/v1/merchant/alarms",
    description="Alarms, for staff",
    caller="staff",
)


@blueprint.route("")
@blueprint.response(200, AlarmsSchema)
def show_alarms() -> dict[str, Any]:
    """List what waits for a person, by kind and gateway account; nothing where all is well."""
    caller = auth.require_staff()
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        alarms = list_alarms(session, caller.merchant_id, at=at)
    return {"items": [_describe(alarm) for alarm in alarms], "server_time": at}


def _describe(alarm: Alarm) -> dict[str, Any]:
    account = {"id": alarm.account_id, "gateway": alarm.gateway, "mch_no": alarm.mch_no}
    return {
        "kind": alarm.kind,
        "account": None if alarm.account_id is None else account,
        "count": alarm.count,
        "amount_fen": alarm.amount_fen,
        "since": alarm.since,
        "sentence": text(
            f"alarms.{alarm.kind}",
            request_context.language(),
            count=alarm.count,
            amount=yuan(alarm.amount_fen or 0),
            mch_no=alarm.mch_no,
        ),
    }
