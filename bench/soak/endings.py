"""The end of a seed: faults cease, funds come, staff mend what waits for them, time runs out."""

from datetime import timedelta

from sqlalchemy import text

from bench.shoppers.calling import Request
from bench.soak.house import House
from bench.soak.theatre import Stuck
from domain import work
from domain.clock import shanghai_day
from domain.database import read_clock, reading, transaction
from domain.idempotency import RequestKey
from domain.interventions.retrying_refunds import RetryRefund, retry_refund
from domain.reconciliation.driving import reconcile_day
from domain.reconciliation.planning import ready_at

_MOST_JUMPS = 400
_UNFINISHED = text(
    """
    SELECT 'group' AS what, count(*) FROM groups WHERE merchant_id = :m
        AND state IN ('pending', 'open', 'frozen', 'closing')
    UNION ALL SELECT 'order', count(*) FROM orders WHERE merchant_id = :m
        AND state IN ('placed', 'paid', 'refunding')
    UNION ALL SELECT 'payment', count(*) FROM payments WHERE merchant_id = :m
        AND state NOT IN ('succeeded', 'closed')
    UNION ALL SELECT 'refund', count(*) FROM refunds WHERE merchant_id = :m
        AND state NOT IN ('arrived', 'closed')
    UNION ALL SELECT 'withdrawal', count(*) FROM withdrawals WHERE merchant_id = :m
        AND ended_at IS NULL
    """
)
_REJECTED = text(
    "SELECT public_id FROM refunds WHERE merchant_id = :m AND state = 'rejected' ORDER BY id"
)
_ABNORMAL = text(
    "SELECT public_id FROM refunds WHERE merchant_id = :m AND state = 'abnormal' ORDER BY id"
)
_STUCK_TRANSFERS = ("ACCEPTED", "PROCESSING")


def finish(house: House) -> None:
    """Bring a seed to rest, and reconcile its days. Raises Stuck."""
    mend_the_gateway(house)
    for _ in range(_MOST_JUMPS):
        house.theatre.drain()
        unfinished = unfinished_of(house)
        if not unfinished:
            break
        _mend_by_hand(house)
        house.theatre.jump()
    else:
        raise Stuck(f"never at rest: {unfinished}")
    _reconcile(house)


def mend_the_gateway(house: House) -> None:
    """Take the faults out of force, let callbacks go and funds come; counts what struck."""
    gateway = house.theatre.gateway
    for rule in gateway.need(Request("control/faults", "GET", "/control/faults"))["items"]:
        house.fired[rule["name"]] += rule["fired"]
    gateway.call(Request("control/faults", "DELETE", "/control/faults", is_harmless=True))
    house.control("/callbacks/release")
    house.control(f"/accounts/{house.mch_no}", balance_fen=10**9, is_unlimited=True)


def unfinished_of(house: House) -> dict[str, int]:
    """Count what is not at its end yet, by what it is."""
    with reading() as session:
        rows = session.execute(_UNFINISHED, {"m": house.merchant_id})
        return {what: count for what, count in rows if count}


def _mend_by_hand(house: House) -> None:
    """Do what waits for a person: retry rejected refunds, send abnormal ones on, unpark work."""
    at = read_clock()
    with transaction() as session:
        of_merchant = {"m": house.merchant_id}
        rejected = session.execute(_REJECTED, of_merchant).scalars().all()
        abnormal = session.execute(_ABNORMAL, of_merchant).scalars().all()
        for parked in work.list_parked(session):
            if parked.merchant_id == house.merchant_id and parked.kind != "drive_refund":
                work.unpark(session, parked.kind, [parked.subject], due_at=at)
    for number in rejected:
        key = RequestKey.of(house.merchant_id, "staff:soak", f"{number}-{at.timestamp()}", number)
        retry_refund(RetryRefund(house.actor, key, number, "the gateway was mended"), at=at)
    for number in abnormal:
        house.control("/refunds/end", out_refund_no=number, mchid=house.mch_no, status="SUCCESS")
    for transfer in house.record("/transfers"):
        if transfer["state"] in _STUCK_TRANSFERS:
            number = transfer["out_bill_no"]
            house.control(
                "/transfers/act", out_bill_no=number, mchid=house.mch_no, action="proceed"
            )


def _reconcile(house: House) -> None:
    """Reconcile every day of the seed, once its bill is there."""
    last = shanghai_day(read_clock())
    house.theatre.jump_to(ready_at(last) + timedelta(minutes=1))
    house.theatre.drain()
    day = house.opened_on
    while day <= last:
        reconcile_day(day, merchant_id=house.merchant_id, at=read_clock())
        day += timedelta(days=1)
    house.theatre.drain()
