"""Flags on shoppers: review holds their subsidies, block refuses their joins."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from domain.models import Shopper
from domain.shoppers.errors import ShopperNotFound


def flag_shopper(
    session: Session, merchant_id: int, public_id: str, flag: str | None
) -> tuple[int, str | None]:
    """Set or lift a shopper's flag; returns the inner id and the flag before.

    Locks the shopper. Raises ShopperNotFound.
    """
    row = session.execute(
        select(Shopper.id, Shopper.flag)
        .where(Shopper.merchant_id == merchant_id, Shopper.public_id == public_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise ShopperNotFound
    session.execute(
        update(Shopper)
        .where(Shopper.merchant_id == merchant_id, Shopper.id == row.id)
        .values(flag=flag)
    )
    return row.id, row.flag
