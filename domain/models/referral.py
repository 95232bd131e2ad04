"""Referrals, and the rewards that the referrer gets for them."""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, TenantRow, refers


class Referral(TenantRow, Base):
    """Who brought a shopper, for life: the sharer of the last share visited before `order_id`.

    That is the shopper's first order that formed or failed.
    """

    __tablename__ = "referrals"
    __table_args__ = (
        UniqueConstraint("merchant_id", "shopper_id"),
        CheckConstraint("shopper_id <> referrer_id", name="never_oneself"),
        refers("shopper_id", to="shoppers"),
        refers("referrer_id", to="shoppers"),
        refers("share_id", to="shares"),
        refers("order_id", to="orders"),
        Index("ix_referrals_referrer", "merchant_id", "referrer_id", "id"),
    )

    shopper_id: Mapped[int]
    referrer_id: Mapped[int]
    share_id: Mapped[int]
    order_id: Mapped[int]
    bound_at: Mapped[Instant]


class Reward(TenantRow, Base):
    """The coupon a referrer is given for one referral, once, out of the campaign's budget."""

    __tablename__ = "rewards"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        UniqueConstraint("merchant_id", "referral_id"),
        UniqueConstraint("merchant_id", "order_id"),
        CheckConstraint("outcome IN ('formed', 'failed')", name="outcome_known"),
        CheckConstraint(
            "amount_fen > 0 AND clawed_back_fen BETWEEN 0 AND amount_fen", name="amounts_ordered"
        ),
        refers("referral_id", to="referrals"),
        refers("referrer_id", to="shoppers"),
        refers("order_id", to="orders"),
        refers("group_id", to="groups"),
        refers("campaign_id", to="campaigns"),
        Index("ix_rewards_referrer", "merchant_id", "referrer_id", "id"),
        Index("ix_rewards_campaign", "merchant_id", "campaign_id"),
    )

    public_id: Mapped[str]
    referral_id: Mapped[int]
    referrer_id: Mapped[int]
    order_id: Mapped[int]
    group_id: Mapped[int]
    campaign_id: Mapped[int]
    outcome: Mapped[str]
    amount_fen: Mapped[FenColumn]
    clawed_back_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    issued_at: Mapped[Instant]
