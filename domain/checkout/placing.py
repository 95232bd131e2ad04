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
from domain.arrays import array
from domain.checkout.commands import Basket
from domain.database import one_row, transaction
from domain.ledger import balances, posting
from domain.orders import rules
from domain.orders.errors import (
    ExpiredHoldLimitReached,
    JoinBlocked,
    OpenGroupLimitReached,
    ParticipationLimitReached,
    UnpaidHoldExists,
)
from domain.orders.queries import ADDRESS_PURPOSE, OrderView
from domain.public_ids import new_public_id
from domain.risk.recording import Judged, record_decisions
from domain.risk.rules import Decision, Outcome, judge_join
from domain.sealing import seal
from domain.settlement.locking import lock_days_of
from domain.settlement.taking import take_prepaid_seat
from domain.terms import Limits, Terms


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
    flag: str | None
    daily_cash_cap_fen: int | None


_MAKE_DAYS = text(
    """
    WITH shopper AS MATERIALIZED (
        SELECT merchant_id, id FROM shoppers
        WHERE merchant_id = :merchant_id AND id = :shopper_id FOR NO KEY UPDATE
    )
    INSERT INTO shopper_days (merchant_id, shopper_id, on_day)
    SELECT shopper.merchant_id, shopper.id, d
    FROM shopper CROSS JOIN unnest(CAST(:days AS date[])) AS t (d) ORDER BY d
    ON CONFLICT (merchant_id, shopper_id, on_day) DO NOTHING
    """
)


def lock_days_with_members(session: Session, basket: Basket, place: Place, *, at: datetime) -> None:
    """Lock a joiner's days among the members', in one order: it may fill the group at once."""
    merchant_id, shopper_id = basket.shopper
    days = sorted({clock.shanghai_day(at), place.cap_on})
    session.execute(
        _MAKE_DAYS, {"merchant_id": merchant_id, "shopper_id": shopper_id, "days": array(days)}
    )
    lock_days_of(
        session,
        [(merchant_id, place.group_id)],
        also=[(merchant_id, shopper_id, on_day) for on_day in days],
    )


_LOCK_DAYS = text("SELECT * FROM lock_shopper_days(:merchant_id, :shopper_id, :today, :cap_on)")


@dataclass(frozen=True, slots=True)
class Counts:
    """What limits look at; the shopper and its days are locked."""

    participations: int
    expired_holds: int
    cap_day_cash_fen: int
    holds: int
    running: int

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read the counts out of a row that has them among others."""
        return cls(
            row.participations,
            row.expired_holds,
            row.cap_day_cash_fen,
            row.holds,
            row.running,
        )


def lock_days(session: Session, basket: Basket, place: Place, *, at: datetime) -> Counts:
    """Lock a shopper, then its days; returns what limits look at."""
    row = session.execute(
        _LOCK_DAYS,
        {
            "merchant_id": basket.shopper[0],
            "shopper_id": basket.shopper[1],
            "today": clock.shanghai_day(at),
            "cap_on": place.cap_on,
        },
    ).one()
    return Counts.of(row)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A shopper within limits: the risk decision, and the cash promised or paid on the cap day."""

    decision: Decision
    cap_day_cash_fen: int


def admit(counts: Counts, place: Place) -> Admitted:
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
    return Admitted(decision, counts.cap_day_cash_fen)


def _check_counts(counts: Counts, limits: Limits) -> None:
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
        raise _refusal_of(blocked.decision) from None


def _refusal_of(decision: Decision) -> Exception:
    """Turn a blocking decision into what the shopper is told: a class of reason, not the rule."""
    fired = {rule["rule"]: rule for rule in decision.fired}
    if "participations_per_day" in fired:
        return ParticipationLimitReached(limit=decision.inputs["participations_limit"])
    if "one_hold_at_a_time" in fired:
        return UnpaidHoldExists()
    return JoinBlocked(reason_class="account")


_PLACE: Final = """
    WITH held AS (
        UPDATE groups SET held = held + 1, version = version + 1
        WHERE merchant_id = %(merchant_id)s AND id = %(group_id)s AND %(is_open)s
    ), counted AS (
        UPDATE shopper_days SET
            participations = participations + CASE WHEN on_day = %(placed_on)s THEN 1 ELSE 0 END,
            cash_reserved_fen = cash_reserved_fen
                + CASE WHEN on_day = %(cap_on)s THEN %(quote)s ELSE 0 END
        WHERE merchant_id = %(merchant_id)s AND shopper_id = %(shopper_id)s
            AND on_day IN (%(placed_on)s, %(cap_on)s)
    ), placed AS (
        INSERT INTO orders (
            merchant_id, public_id, group_id, campaign_id, shopper_id, variant_id, state,
            seat_state, price_fen, list_price_fen, wallet_fen, payable_fen, quote_fen, quote_parts,
            placed_on, cap_on, placed_at, hold_expires_at, address_sealed,
            client_address, device, channel, share_id, risk_outcome, moved_at, moved_by)
        VALUES (
            %(merchant_id)s, %(public_id)s, %(group_id)s, %(campaign_id)s, %(shopper_id)s,
            %(variant_id)s, 'placed', 'held', %(price)s, %(list_price)s, %(wallet)s, %(payable)s,
            %(quote)s, %(quote_parts)s, %(placed_on)s, %(cap_on)s, %(at)s, %(hold_expires_at)s,
            %(address)s, %(client_address)s, %(device)s, %(channel)s, %(share_id)s,
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


def place_order(
    session: Session, basket: Basket, place: Place, admitted: Admitted, *, at: datetime
) -> dict[str, Any]:
    """Insert an order that holds a seat, reserve cap and wallet, store and return the answer.

    A group that is being opened counts its leader's seat already. Locks the shopper's wallet if it
    is used; where that leaves nothing payable, the seat is taken at once.
    """
    merchant_id, shopper_id = basket.shopper
    wallet_fen = 0
    if basket.use_wallet:
        balance = balances.locked_wallet_balance(session, basket.shopper)
        wallet_fen = min(balance, place.price_fen)
    cap = place.daily_cash_cap_fen
    quote = rules.quote_cash(
        place.terms.subsidy.amount_fen,
        price_fen=place.price_fen,
        cap_left_fen=None if cap is None else max(0, cap - admitted.cap_day_cash_fen),
    )
    view = OrderView(
        id=new_public_id(),
        state="placed",
        seat_state="held",
        group_id=place.group_public_id,
        campaign_id=place.campaign_public_id,
        variant_id=basket.variant_id,
        price_fen=place.price_fen,
        wallet_fen=wallet_fen,
        payable_fen=place.price_fen - wallet_fen,
        quote_fen=quote.amount_fen,
        quote_parts=quote.parts,
        placed_at=at,
        hold_expires_at=rules.hold_until(at, place.deadline_at),
        address=basket.address,
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
            "wallet": wallet_fen,
            "payable": view.payable_fen,
            "quote": quote.amount_fen,
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
            "risk_outcome": admitted.decision.outcome.value,
            "fired": Jsonb(admitted.decision.fired),
            "inputs": Jsonb(admitted.decision.inputs),
            "actor": f"shopper:{shopper_id}",
            "caller": basket.key.caller,
            "key": basket.key.key,
            "request_hash": basket.key.request_hash,
            "body": Jsonb(view.to_json()),
        },
    )
    spend_wallet(session, basket.shopper, placed.id, wallet_fen, at=at)
    if view.payable_fen:
        return view.to_json()
    state = take_prepaid_seat(session, (merchant_id, placed.id), at=at)
    body = replace(view, state=state, seat_state="taken", paid_at=at).to_json()
    idempotency.store(session, basket.key, body, at=at)
    return body


def spend_wallet(
    session: Session, shopper: tuple[int, int], order_id: int, wallet_fen: int, *, at: datetime
) -> None:
    """Take an order's wallet part out of the wallet."""
    if wallet_fen:
        posting.post(
            session,
            [
                posting.Posting(
                    shopper[0],
                    "wallet.spent",
                    order_id,
                    posting.WALLET,
                    posting.ORDER_DEPOSITS,
                    wallet_fen,
                    source_owner_id=shopper[1],
                )
            ],
            at=at,
        )
