"""Following a merchant: who does hears of its coupons."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

Key = tuple[int, int]

_FOLLOW = text(
    """
    UPDATE shoppers SET followed_at = :at
    WHERE merchant_id = :merchant_id AND id = :id AND followed_at IS NULL
    """
)
_UNFOLLOW = text(
    "UPDATE shoppers SET followed_at = NULL WHERE merchant_id = :merchant_id AND id = :id"
)


def follow_merchant(session: Session, shopper: Key, *, at: datetime) -> None:
    """Let a shopper follow its merchant; may be repeated: the first instant stays."""
    session.execute(_FOLLOW, {"merchant_id": shopper[0], "id": shopper[1], "at": at})


def unfollow_merchant(session: Session, shopper: Key) -> None:
    """Let a shopper follow its merchant no more; may be repeated."""
    session.execute(_UNFOLLOW, {"merchant_id": shopper[0], "id": shopper[1]})
