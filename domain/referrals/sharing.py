"""Sharing a group: one share per group and shopper, with a token that finds its merchant."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.public_ids import new_public_id
from domain.referrals.errors import GroupNotFound, GroupNotShareable
from domain.states import GroupState

Key = tuple[int, int]

UNSHAREABLE = (GroupState.PENDING, GroupState.ABANDONED)
"""A group is unlisted until its leader has paid."""


@dataclass(frozen=True, slots=True)
class MadeShare:
    """A share: the token that a link carries, and the group it leads to."""

    token: str
    group_id: str


_GROUP = text(
    "SELECT id, state FROM groups WHERE merchant_id = :merchant_id AND public_id = :group"
)
_MAKE = text(
    """
    WITH made AS (
        INSERT INTO shares (merchant_id, token, group_id, shopper_id, created_at)
        VALUES (:merchant_id, :token, :group_id, :shopper_id, :at)
        ON CONFLICT (merchant_id, group_id, shopper_id) DO NOTHING
        RETURNING merchant_id, id, token
    )
    INSERT INTO share_tokens (token, merchant_id, share_id)
    SELECT token, merchant_id, id FROM made
    """
)
_FIND = text(
    """
    SELECT token FROM shares
    WHERE merchant_id = :merchant_id AND group_id = :group_id AND shopper_id = :shopper_id
    """
)


def share_group(session: Session, shopper: Key, group: str, *, at: datetime) -> MadeShare:
    """Make a shopper's share of a group (public id), or find it: the same token each time.

    Anybody may share a group, also who is not in it. Raises GroupNotFound, GroupNotShareable.
    """
    merchant_id, shopper_id = shopper
    found = session.execute(_GROUP, {"merchant_id": merchant_id, "group": group}).one_or_none()
    if found is None:
        raise GroupNotFound
    if found.state in UNSHAREABLE:
        raise GroupNotShareable(state=found.state)
    of_shopper = {"merchant_id": merchant_id, "group_id": found.id, "shopper_id": shopper_id}
    session.execute(_MAKE, {**of_shopper, "token": new_public_id(), "at": at})
    return MadeShare(session.execute(_FIND, of_shopper).scalar_one(), group)
