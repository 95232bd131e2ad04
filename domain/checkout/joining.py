"""Joining a group: a seat held, cap and means reserved, the subsidy quoted. One transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import clock, idempotency
from domain.checkout import placing
from domain.checkout.commands import JoinGroup
from domain.checkout.errors import VariantNotSold
from domain.database import transaction
from domain.groups.errors import (
    AlreadyInGroup,
    GroupFull,
    GroupNotFound,
    GroupNotOpen,
    TooLateToJoin,
)
from domain.orders.rules import LAST_JOIN
from domain.risk.recording import Judged, record_decisions
from domain.terms import Terms

_LOOK = text(
    """
    SELECT g.id, g.public_id, g.state, g.size, g.taken, g.held, g.releasing, g.deadline_at,
        g.campaign_id, c.public_id AS campaign_public_id, r.terms,
        v.id AS variant_id, v.list_price_fen, s.flag, m.daily_cash_cap_fen, sh.id AS share_id,
        EXISTS (
            SELECT 1 FROM orders o
            WHERE o.merchant_id = g.merchant_id AND o.group_id = g.id AND o.shopper_id = :shopper_id
                AND o.state IN ('placed', 'paid', 'fulfilling', 'fulfilled', 'aftersale')
        ) AS is_in
    FROM groups g
    JOIN campaigns c ON c.merchant_id = g.merchant_id AND c.id = g.campaign_id
    JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
    JOIN shoppers s ON s.merchant_id = g.merchant_id AND s.id = :shopper_id
    LEFT JOIN variants v ON v.merchant_id = g.merchant_id AND v.public_id = :variant
    LEFT JOIN merchant_settings m ON m.merchant_id = g.merchant_id
    LEFT JOIN shares sh ON sh.merchant_id = g.merchant_id AND sh.token = :share_token
        AND sh.shopper_id <> :shopper_id
    WHERE g.merchant_id = :merchant_id AND g.public_id = :group
    """
)
_LOCK = text(
    """
    SELECT state, size, taken, held, releasing, deadline_at FROM groups
    WHERE merchant_id = :merchant_id AND id = :id FOR NO KEY UPDATE
    """
)
_HOLD = text(
    """
    UPDATE groups SET held = held + 1, version = version + 1
    WHERE merchant_id = :merchant_id AND id = :id AND taken + held + releasing < size
    """
)


def join_group(command: JoinGroup, *, at: datetime) -> dict[str, Any]:
    """Hold a seat in an open group; returns the order's body. May be repeated with its key.

    Raises GroupNotFound, GroupNotOpen, GroupFull, AlreadyInGroup, TooLateToJoin, VariantNotSold,
    a limit of the shopper, Busy, IdempotencyKeyReused.
    """
    basket = command.basket
    try:
        with transaction() as session:
            done = idempotency.take(session, basket.key)
            return done if done is not None else _join(session, command, at=at)
    except placing.Blocked as blocked:
        with transaction() as session:
            record_decisions(
                session, [Judged(*basket.shopper, None, blocked.decision)], point="join", at=at
            )
        raise placing.refusal_of(blocked.decision) from None


def _join(session: Session, command: JoinGroup, *, at: datetime) -> dict[str, Any]:
    basket = command.basket
    merchant_id, shopper_id = basket.shopper
    seen = session.execute(
        _LOOK,
        {
            "merchant_id": merchant_id,
            "shopper_id": shopper_id,
            "group": command.group_id,
            "variant": basket.variant_id,
            "share_token": basket.share_token,
        },
    ).first()
    if seen is None:
        raise GroupNotFound
    _check_open(seen, at)
    if seen.is_in:
        raise AlreadyInGroup
    place = _place(seen)
    key = {"merchant_id": merchant_id, "id": seen.id}
    group = session.execute(_LOCK, key).one()
    _check_open(group, at)
    if basket.use_wallet and group.taken + 1 >= group.size:
        placing.lock_days_with_members(session, basket, place, at=at)
    admitted = placing.admit(session, basket, place, at=at)
    session.execute(_HOLD, key)
    return placing.place_order(session, basket, place, admitted, at=at)


def _check_open(group: Row[Any], at: datetime) -> None:
    if group.state != "open" or group.deadline_at <= at:
        raise GroupNotOpen(state=group.state)
    if group.deadline_at - at < LAST_JOIN:
        raise TooLateToJoin
    if group.taken + group.held + group.releasing >= group.size:
        raise GroupFull


def _place(seen: Row[Any]) -> placing.Place:
    terms = Terms.from_json(seen.terms)
    price_fen = None if seen.variant_id is None else terms.price_of(seen.variant_id)
    if price_fen is None:
        raise VariantNotSold(field="variant_id")
    return placing.Place(
        group_id=seen.id,
        group_public_id=seen.public_id,
        campaign_id=seen.campaign_id,
        campaign_public_id=seen.campaign_public_id,
        variant_id=seen.variant_id,
        list_price_fen=seen.list_price_fen,
        price_fen=price_fen,
        terms=terms,
        deadline_at=seen.deadline_at,
        cap_on=clock.ending_day(seen.deadline_at),
        share_id=seen.share_id,
        flag=seen.flag,
        daily_cash_cap_fen=seen.daily_cash_cap_fen,
    )
