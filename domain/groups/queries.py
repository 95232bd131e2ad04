"""Reads of groups as shoppers see them; cheap enough to be polled."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.database import one_row
from domain.groups.errors import GroupNotFound

_GROUP = text(
    """
    SELECT g.id, g.public_id, c.public_id AS campaign_id, g.state, g.size, g.taken, g.held,
        g.releasing, g.paid_seats, g.deadline_at, g.ended_at, g.leader_id, g.version
    FROM groups g JOIN campaigns c ON c.merchant_id = g.merchant_id AND c.id = g.campaign_id
    WHERE g.merchant_id = :merchant_id AND g.public_id = :group
    """
)
_MEMBERS = text(
    """
    SELECT o.public_id, o.shopper_id, o.state, o.seat_state, o.paid_at, o.hold_expires_at,
        s.nickname
    FROM orders o JOIN shoppers s ON s.merchant_id = o.merchant_id AND s.id = o.shopper_id
    WHERE o.merchant_id = :merchant_id AND o.group_id = :id
        AND (o.paid_at IS NOT NULL OR o.state = 'placed')
    ORDER BY o.paid_at NULLS LAST, o.id
    """
)


_VERSION: Final = """
    SELECT version FROM groups WHERE merchant_id = %(merchant_id)s AND public_id = %(group)s
"""


def masked(nickname: str) -> str:
    """Mask a nickname: the first character, then stars."""
    return f"{nickname[:1]}**" if nickname else "**"


@dataclass(frozen=True, slots=True)
class Member:
    """Who is in: a masked name, whether it leads, and since when (its payment)."""

    nickname: str
    is_leader: bool
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group's progress at one version; `orders` maps shoppers (inner ids) to their order here.

    `free_at` is when the first of its held seats comes back unless it is paid.
    """

    id: str
    campaign_id: str
    state: str
    size: int
    taken: int
    held: int
    releasing: int
    deadline_at: datetime | None
    ended_at: datetime | None
    free_at: datetime | None
    members: tuple[Member, ...]
    orders: dict[int, str]
    version: int

    @property
    def seats_left(self) -> int:
        """Return the seats that can be joined now."""
        return max(0, self.size - self.taken - self.held - self.releasing)


def read_version(session: Session, merchant_id: int, public_id: str) -> int:
    """Return a group's version: it grows with each of its seats' moves. Raises GroupNotFound."""
    row = one_row(session, _VERSION, {"merchant_id": merchant_id, "group": public_id})
    if row is None:
        raise GroupNotFound
    version: int = row.version
    return version


def read_group(session: Session, merchant_id: int, public_id: str) -> GroupView:
    """Return a group's progress. Raises GroupNotFound."""
    row = session.execute(_GROUP, {"merchant_id": merchant_id, "group": public_id}).first()
    if row is None:
        raise GroupNotFound
    orders = session.execute(_MEMBERS, {"merchant_id": merchant_id, "id": row.id}).all()
    binding = [o for o in orders if o.state not in ("refunding", "refunded")] or orders
    shown = [o for o in orders if o.paid_at is not None and o.seat_state == "taken"]
    if row.paid_seats is not None and not shown:
        shown = [o for o in orders if o.paid_at is not None]
    return GroupView(
        id=row.public_id,
        campaign_id=row.campaign_id,
        state=row.state,
        size=row.size,
        taken=row.taken,
        held=row.held,
        releasing=row.releasing,
        deadline_at=row.deadline_at,
        ended_at=row.ended_at,
        free_at=min((o.hold_expires_at for o in orders if o.seat_state == "held"), default=None),
        members=tuple(
            Member(masked(o.nickname), o.shopper_id == row.leader_id, o.paid_at) for o in shown
        ),
        orders={o.shopper_id: o.public_id for o in binding},
        version=row.version,
    )


def as_json(view: GroupView, shopper_id: int | None, *, at: datetime) -> dict[str, Any]:
    """Write a group's progress as REST answers it.

    One short is a group that the next to join would fill: its last seat is neither paid nor held.
    """
    is_open = view.state == "open"
    return {
        "id": view.id,
        "campaign_id": view.campaign_id,
        "state": view.state,
        "size": view.size,
        "taken": view.taken,
        "held": view.held,
        "releasing": view.releasing,
        "seats_left": view.seats_left,
        "is_one_short": is_open and view.seats_left == 1 == view.size - view.taken,
        "seat_free_at": view.free_at if is_open and not view.seats_left else None,
        "deadline_at": view.deadline_at,
        "ended_at": view.ended_at,
        "server_time": at,
        "members": [
            {"nickname": m.nickname, "is_leader": m.is_leader, "joined_at": m.joined_at}
            for m in view.members
        ],
        "my_order_id": None if shopper_id is None else view.orders.get(shopper_id),
    }
