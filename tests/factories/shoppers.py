"""Shoppers."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain import clock
from domain.models import MerchantApp, Shopper
from domain.public_ids import new_public_id


def make_shopper(
    session: Session,
    merchant_id: int,
    *,
    nickname: str = "小明",
    openid: str | None = None,
    flag: str | None = None,
    came_by_share_id: int | None = None,
) -> Shopper:
    app_id = session.scalars(
        select(MerchantApp.app_id).where(MerchantApp.merchant_id == merchant_id).limit(1)
    ).one()
    public_id = new_public_id()
    shopper = Shopper(
        merchant_id=merchant_id,
        public_id=public_id,
        app_id=app_id,
        openid=openid or f"o{public_id}",
        nickname=nickname,
        flag=flag,
        came_by_share_id=came_by_share_id,
        created_at=clock.real_now(),
    )
    session.add(shopper)
    session.flush()
    return shopper


def make_shoppers(session: Session, merchant_id: int, count: int) -> list[Shopper]:
    return [make_shopper(session, merchant_id, nickname=f"用户{i}") for i in range(count)]
