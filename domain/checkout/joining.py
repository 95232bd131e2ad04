"""Joining a group: a seat held, cap and means reserved, the subsidy quoted. One transaction."""

import time
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.orm import Session

from domain import clock, idempotency
from domain.checkout import placing
from domain.checkout.commands import JoinGroup
from domain.checkout.errors import VariantNotSold
from domain.database import one_row, reading
from domain.groups.errors import (
    AlreadyInGroup,
    GroupFull,
    GroupNotFound,
    GroupNotOpen,
    ShareNeeded,
    TooLateToJoin,
)
from domain.orders.queries import find_in_group
from domain.orders.rules import LAST_JOIN
from domain.states import GroupState
from domain.terms import read_terms

_PREPARE: Final = """
    SELECT * FROM prepare_join(%(merchant_id)s, %(shopper_id)s, %(caller)s, %(key)s, %(lock_id)s,
        %(group)s, %(variant)s, %(share_token)s, %(at)s, %(today)s)
"""


_FULL_SECONDS: Final = 1.0
_MOST_FULL: Final = 1_000
_full: dict[tuple[int, str], float] = {}
"""Groups that this process has found full, and when: those who come next look first."""


def join_group(command: JoinGroup, *, at: datetime) -> dict[str, Any]:
    """Hold a seat in an open group; returns the order's body. May be repeated with its key.

    Raises GroupNotFound, GroupNotOpen, GroupFull, AlreadyInGroup, TooLateToJoin, VariantNotSold,
    ShareNeeded, a limit of the shopper, what is wrong with its means, Busy, IdempotencyKeyReused.
    """
    group = (command.basket.shopper[0], command.group_id)
    try:
        if time.monotonic() - _full.get(group, -_FULL_SECONDS) < _FULL_SECONDS:
            _look(command, at=at)
        with placing.placement(command.basket, at=at) as session:
            return _join(session, command, at=at)
    except AlreadyInGroup:
        with reading() as session:
            order_id = find_in_group(session, command.basket.shopper, command.group_id)
        raise AlreadyInGroup(**({} if order_id is None else {"order_id": order_id})) from None
    except GroupFull:
        if len(_full) >= _MOST_FULL:
            _full.clear()
        _full[group] = time.monotonic()
        raise


def _look(command: JoinGroup, *, at: datetime) -> None:
    """Refuse a join that cannot be, in one statement: its locks are gone when it returns."""
    with reading() as session:
        seen = one_row(session, _PREPARE, _sought(command, at))
    if idempotency.answer_of(command.basket.key, seen) is None:
        _check_group(seen, at)


def _join(session: Session, command: JoinGroup, *, at: datetime) -> dict[str, Any]:
    basket = command.basket
    seen = one_row(session, _PREPARE, _sought(command, at))
    done = idempotency.answer_of(basket.key, seen)
    if done is not None:
        return done
    _check_group(seen, at)
    place = _place(seen, command.group_id)
    counts = placing.Counts.of(seen)
    decision = placing.admit(counts, place)
    return placing.place_order(session, basket, place, counts, decision, at=at)


def _sought(command: JoinGroup, at: datetime) -> dict[str, Any]:
    """Say what to take, look at and lock."""
    basket = command.basket
    return {
        "merchant_id": basket.shopper[0],
        "shopper_id": basket.shopper[1],
        "caller": basket.key.caller,
        "key": basket.key.key,
        "lock_id": basket.key.lock_id,
        "group": command.group_id,
        "variant": basket.variant_id,
        "share_token": basket.share_token,
        "at": at,
        "today": clock.shanghai_day(at),
    }


def _check_group(group: Row[Any], at: datetime) -> None:
    if group.id is None:
        raise GroupNotFound
    if group.is_in:
        raise AlreadyInGroup
    if group.state in (GroupState.FORMED, GroupState.FORMED_SHORT):
        raise GroupFull
    if group.state != "open" or group.deadline_at <= at:
        raise GroupNotOpen(state=group.state)
    if group.deadline_at - at < LAST_JOIN:
        raise TooLateToJoin
    if group.taken + group.held + group.releasing >= group.size:
        raise GroupFull


def _place(seen: Row[Any], group_public_id: str) -> placing.Place:
    terms = read_terms(seen.terms)
    price_fen = None if seen.variant_id is None else terms.price_of(seen.variant_id)
    if price_fen is None:
        raise VariantNotSold(field="variant_id")
    if not terms.levers.is_pool_open and not seen.is_of_share:
        raise ShareNeeded
    return placing.Place(
        group_id=seen.id,
        group_public_id=group_public_id,
        campaign_id=seen.campaign_id,
        campaign_public_id=seen.campaign_public_id,
        variant_id=seen.variant_id,
        list_price_fen=seen.list_price_fen,
        price_fen=price_fen,
        terms=terms,
        deadline_at=seen.deadline_at,
        is_open=True,
        cap_on=clock.ending_day(seen.deadline_at),
        share_id=seen.share_id,
        share_source=seen.share_source,
        flag=seen.flag,
        caps=placing.merchant_caps(seen),
        points_per_yuan=seen.points_per_yuan,
    )
