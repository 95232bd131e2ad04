"""What opening and joining share: limits, the promised subsidy, the order row."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, Self

from psycopg.types.json import Jsonb
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import clock, idempotency
from domain.checkout.choosing_means import choose_means
from domain.checkout.commands import Basket
from domain.database import one_row, transaction
from domain.ledger import posting
from domain.money import point_fen
from domain.orders import rules
from domain.orders.errors import (
    ExpiredHoldLimitReached,
    JoinBlocked,
    OpenGroupLimitReached,
    ParticipationLimitReached,
    ReleasesExist,
    UnpaidHoldExists,
)
from domain.orders.queries import ADDRESS_PURPOSE, OrderView, find_unpaid
from domain.public_ids import new_public_id
from domain.risk.recording import Judged, record_decisions
from domain.risk.rules import Decision, Outcome, judge_join
from domain.sealing import seal
from domain.settlement.spending import Means, take_means
from domain.settlement.taking import take_prepaid_seat
from domain.subsidies.rules import CapLeft, CapUse, Quote, quote_subsidy
from domain.terms import Caps, Limits, Terms


class Blocked(Exception):
    """A risk decision refuses the placement; the decision is recorded once this rolled back."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.outcome)
        self.decision = decision


@dataclass(frozen=True, slots=True)
class Place:
    """The place in a group that an order is to hold, and what it is sold for."""

    group_id: int
    group_public_id: str
    campaign_id: int
    campaign_public_id: str
    variant_id: int
    list_price_fen: int
    price_fen: int
    terms: Terms
    deadline_at: datetime | None
    is_open: bool
    cap_on: date
    share_id: int | None
    share_source: str | None
    flag: str | None
    caps: Caps
    points_per_yuan: int


_LOCK_SHOPPER = text(
    "SELECT * FROM lock_shopper(:merchant_id, :shopper_id, :campaign_id, :today, :cap_on)"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What limits and caps look at; the shopper and its day are locked."""

    participations: int
    expired_holds: int
    holds: int
    releases: int
    running: int
    at_merchant: CapUse
    in_campaign: CapUse

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read the counts out of a row that has them among others."""
        return cls(
            row.participations,
            row.expired_holds,
            row.holds,
            row.releases,
            row.running,
            CapUse(row.day_fen, row.month_fen, row.day_failures, row.month_failures),
            CapUse(
                row.campaign_day_fen,
                row.campaign_month_fen,
                row.campaign_day_failures,
                row.campaign_month_failures,
                row.campaign_failures,
            ),
        )


def merchant_caps(row: Row[Any]) -> Caps:
    """Read a merchant's caps out of a row that has them among others."""
    return Caps(
        row.daily_subsidy_cap_fen,
        row.monthly_subsidy_cap_fen,
        row.daily_failures_cap,
        row.monthly_failures_cap,
    )


def lock_shopper(session: Session, basket: Basket, place: Place, *, at: datetime) -> Counts:
    """Lock a shopper, then its day; returns what limits and caps look at."""
    row = session.execute(
        _LOCK_SHOPPER,
        {
            "merchant_id": basket.shopper[0],
            "shopper_id": basket.shopper[1],
            "campaign_id": place.campaign_id,
            "today": clock.shanghai_day(at),
            "cap_on": place.cap_on,
        },
    ).one()
    return Counts.of(row)


def admit(counts: Counts, place: Place) -> Decision:
    """Check a shopper's limits and risk. Raises the limit that is reached, or Blocked."""
    limits = place.terms.limits
    decision = judge_join(
        participations=counts.participations,
        participations_limit=limits.participations_per_day,
        has_unpaid_hold=counts.holds > 0,
        flag=place.flag,
    )
    if decision.outcome is Outcome.BLOCK:
        raise Blocked(decision)
    _check_counts(counts, limits)
    return decision


def check_releases(releases: int) -> None:
    """Raise ReleasesExist if a shopper may place nothing more beside what is being released.

    What is placed may become a release itself.
    """
    if releases >= rules.RELEASES_AT_ONCE:
        raise ReleasesExist(limit=rules.RELEASES_AT_ONCE)


def _check_counts(counts: Counts, limits: Limits) -> None:
    check_releases(counts.releases)
    if counts.expired_holds >= limits.expired_holds_per_day:
        raise ExpiredHoldLimitReached(limit=limits.expired_holds_per_day)
    if counts.running >= limits.open_groups:
        raise OpenGroupLimitReached(limit=limits.open_groups)


@contextmanager
def placement(basket: Basket, *, at: datetime) -> Iterator[Session]:
    """Open the transaction that places an order; a decision that blocks it is recorded afterwards.

    Raises what the shopper is told instead of Blocked.
    """
    try:
        with transaction() as session:
            yield session
    except Blocked as blocked:
        with transaction() as session:
            record_decisions(
                session, [Judged(*basket.shopper, None, blocked.decision)], point="join", at=at
            )
            unpaid_id = find_unpaid(session, basket.shopper)
        raise _refusal_of(blocked.decision, unpaid_id) from None


def _refusal_of(decision: Decision, unpaid_id: str | None) -> Exception:
    """Turn a blocking decision into what the shopper is told: a class of reason, not the rule.

    An unpaid order in the way is named, unless it was paid or given up by now.
    """
    fired = {rule["rule"]: rule for rule in decision.fired}
    if "participations_per_day" in fired:
        return ParticipationLimitReached(limit=decision.inputs["participations_limit"])
    if "one_hold_at_a_time" in fired:
        return UnpaidHoldExists(**({} if unpaid_id is None else {"order_id": unpaid_id}))
    return JoinBlocked(reason_class="account")


_PLACE: Final = """
    WITH held AS (
        UPDATE groups SET held = held + 1, version = version + 1
        WHERE merchant_id = %(merchant_id)s AND id = %(group_id)s AND %(is_open)s
    ), counted AS (
        UPDATE shopper_days SET participations = participations + 1
        WHERE merchant_id = %(merchant_id)s AND shopper_id = %(shopper_id)s
            AND on_day = %(placed_on)s
    ), placed AS (
        INSERT INTO orders (
            merchant_id, public_id, group_id, campaign_id, shopper_id, variant_id, state,
            seat_state, price_fen, list_price_fen, instrument_id, instrument_fen, points_fen,
            wallet_fen, payable_fen, quote_fen, quote_least_fen, quote_parts, placed_on, cap_on,
            cap_fen, placed_at, hold_expires_at, address_sealed, client_address, device, channel,
            share_id, share_source, risk_outcome, moved_at, moved_by)
        VALUES (
            %(merchant_id)s, %(public_id)s, %(group_id)s, %(campaign_id)s, %(shopper_id)s,
            %(variant_id)s, 'placed', 'held', %(price)s, %(list_price)s, %(instrument_id)s,
            %(instrument)s, %(points)s, %(wallet)s, %(payable)s, %(quote)s,
            %(quote_least)s, %(quote_parts)s,
            %(placed_on)s, %(cap_on)s, %(quote)s, %(at)s, %(hold_expires_at)s, %(address)s,
            %(client_address)s, %(device)s, %(channel)s, %(share_id)s, %(share_source)s,
            %(risk_outcome)s, %(at)s, %(actor)s)
        RETURNING id
    ), judged AS (
        INSERT INTO risk_decisions
            (merchant_id, occurred_at, point, shopper_id, order_id, outcome, fired, inputs)
        SELECT %(merchant_id)s, %(at)s, 'join', %(shopper_id)s, id, %(risk_outcome)s, %(fired)s,
            %(inputs)s
        FROM placed
    ), remembered AS (
        INSERT INTO idempotency_keys
            (merchant_id, caller, key, request_hash, status, body, created_at)
        SELECT %(merchant_id)s, %(caller)s, %(key)s, %(request_hash)s, 201, %(body)s, %(at)s
        WHERE %(payable)s > 0
    )
    SELECT id FROM placed
"""


_IS_KNOWN = text(
    """
    SELECT EXISTS (
        SELECT FROM orders
        WHERE merchant_id = :merchant_id AND shopper_id = :shopper_id AND paid_at IS NOT NULL
            AND left_at IS NULL)
    """
)


def place_order(
    session: Session,
    basket: Basket,
    place: Place,
    counts: Counts,
    decision: Decision,
    *,
    at: datetime,
) -> dict[str, Any]:
    """Insert an order that holds a seat, reserve cap and means, store and return the answer.

    A group that is being opened counts its leader's seat already. Locks the means that are used;
    where they leave nothing payable, the seat is taken at once.
    """
    merchant_id, shopper_id = basket.shopper
    means = choose_means(
        session, basket, place.price_fen, points_per_yuan=place.points_per_yuan, at=at
    )
    quote = _quote(session, basket, place, counts, means, at=at)
    view = OrderView(
        id=new_public_id(),
        state="placed",
        seat_state="held",
        group_id=place.group_public_id,
        campaign_id=place.campaign_public_id,
        variant_id=basket.variant_id,
        price_fen=place.price_fen,
        instrument_fen=means.instrument_fen,
        points_fen=means.points_fen,
        wallet_fen=means.wallet_fen,
        payable_fen=place.price_fen - means.total_fen,
        quote_fen=quote.amount_fen,
        quote_least_fen=quote.least_fen,
        quote_parts=quote.parts,
        placed_at=at,
        hold_expires_at=rules.hold_until(at, place.deadline_at),
        address=basket.address,
        coupon_id=basket.coupon_id,
        pass_id=basket.pass_id,
    )
    placed = one_row(
        session,
        _PLACE,
        {
            "merchant_id": merchant_id,
            "shopper_id": shopper_id,
            "public_id": view.id,
            "group_id": place.group_id,
            "is_open": place.is_open,
            "campaign_id": place.campaign_id,
            "variant_id": place.variant_id,
            "price": place.price_fen,
            "list_price": place.list_price_fen,
            "instrument_id": means.instrument_id,
            "instrument": means.instrument_fen,
            "points": means.points_fen,
            "wallet": means.wallet_fen,
            "payable": view.payable_fen,
            "quote": quote.amount_fen,
            "quote_least": quote.least_fen,
            "quote_parts": Jsonb(quote.parts),
            "placed_on": clock.shanghai_day(at),
            "cap_on": place.cap_on,
            "at": at,
            "hold_expires_at": view.hold_expires_at,
            "address": None
            if basket.address is None
            else seal(basket.address, purpose=ADDRESS_PURPOSE),
            "client_address": basket.client.address,
            "device": basket.client.device,
            "channel": basket.client.channel,
            "share_id": place.share_id,
            "share_source": place.share_source,
            "risk_outcome": decision.outcome.value,
            "fired": Jsonb(decision.fired),
            "inputs": Jsonb(decision.inputs),
            "actor": f"shopper:{shopper_id}",
            "caller": basket.key.caller,
            "key": basket.key.key,
            "request_hash": basket.key.request_hash,
            "body": Jsonb(view.to_json()),
        },
    )
    order = (merchant_id, placed.id)
    posting.post(session, take_means(session, order, shopper_id, means, at=at), at=at)
    if view.payable_fen:
        return view.to_json()
    state = take_prepaid_seat(session, order, at=at)
    body = replace(view, state=state, seat_state="taken", paid_at=at).to_json()
    idempotency.store(session, basket.key, body, at=at)
    return body


def _quote(
    session: Session,
    basket: Basket,
    place: Place,
    counts: Counts,
    means: Means,
    *,
    at: datetime,
) -> Quote:
    """Quote the subsidy: what counts is paid from wallet and gateway.

    Whether it is too late is judged here, once: the promise holds however long the shopper takes to
    pay. A leader's group ends with the campaign at the latest.
    """
    rule, levers = place.terms.subsidy, place.terms.levers
    is_new = (
        bool(rule.new_shopper_fen)
        and not session.execute(
            _IS_KNOWN, {"merchant_id": basket.shopper[0], "shopper_id": basket.shopper[1]}
        ).scalar_one()
    )
    deadline_at = place.deadline_at or place.terms.ends_at
    ahead = (deadline_at - at).total_seconds()
    return quote_subsidy(
        rule,
        levers,
        paid_fen=place.price_fen - means.instrument_fen - means.points_fen,
        is_new=is_new,
        caps=(
            CapLeft("merchant", place.caps, counts.at_merchant),
            CapLeft("campaign", place.terms.caps, counts.in_campaign),
        ),
        unit_fen=rule.unit_fen(point_fen(place.points_per_yuan)),
        is_too_late=ahead < levers.least_paid_seconds,
    )
