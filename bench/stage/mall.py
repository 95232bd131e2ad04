"""The merchant that figures are measured with: made by the product's own code, sold to by SQL."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from bench.stage.gateway import Gateway
from domain.campaigns.drafting import NewCampaign, draft_campaign
from domain.campaigns.rules import TermsDraft
from domain.catalog.creating import NewProduct, NewVariant, create_product
from domain.clock import day_start, real_now, shanghai_day
from domain.config import settings
from domain.database import merchant_transaction, transaction
from domain.gateways import GatewayCredentials
from domain.merchants import adding
from domain.merchants.auditing import StaffActor
from domain.merchants.rules import Role
from domain.models import Campaign
from domain.publishing.publishing import (
    Acknowledgement,
    PublishCampaign,
    check_campaign,
    publish_campaign,
)
from domain.terms import SubsidyKind, SubsidyRule

APP_ID = "wx62656e6368626e63"
PRICE_FEN = 1990
LIST_PRICE_FEN = 3000
SUBSIDY_FEN = 1000
LIFE = timedelta(days=1)
PAST = timedelta(days=100)
FUTURE = timedelta(days=30)
UNLIMITED = 10**12
_REASON = "measured, never sold"


@dataclass(frozen=True)
class Mall:
    """A merchant with an app, an owner and a gateway account; nobody signs in to it."""

    merchant_id: int
    actor: StaffActor
    gateway: Gateway
    account_id: int
    account_public_id: str

    @property
    def callback_path(self) -> str:
        """Return where the gateway calls back."""
        return f"/v1/callbacks/wechat/{self.account_public_id}/payment"


@dataclass(frozen=True)
class Offer:
    """A published campaign of one variant."""

    merchant_id: int
    campaign_id: int
    rule_version_id: int
    variant_id: int
    variant_public_id: str
    size: int
    title: str


def open_mall() -> Mall:
    """Add the merchant."""
    gateway = Gateway(APP_ID)
    given = gateway.downloads
    credentials = GatewayCredentials(
        gateway="wechat",
        mch_no=given["mchid"],
        app_id=given["appid"],
        merchant_private_key_pem=given["merchant_private_key"],
        merchant_serial=given["merchant_serial"],
        platform_public_key_pem=given["platform_public_key"],
        platform_public_key_id=given["platform_public_key_id"],
        apiv3_key=given["apiv3_key"],
    )
    owner = adding.prepare_staff(
        name="Owner", role=Role.OWNER, login="bench-owner", password=gateway.account.apiv3_key
    )
    at = real_now() - PAST
    with transaction() as session:
        merchant = adding.add_merchant(session, name="Bench", at=at)
        adding.add_app(session, merchant.id, app_id=APP_ID, secret=given["apiv3_key"])
        account = adding.add_gateway_account(session, merchant.id, credentials=credentials, at=at)
        staff = adding.add_staff(session, merchant.id, owner, at=at)
        return Mall(
            merchant.id,
            StaffActor(merchant.id, staff.id, Role.OWNER),
            gateway,
            account.id,
            account.public_id,
        )


def offer(mall: Mall, *, size: int, title: str) -> Offer:
    """Publish a campaign with room for everything that is measured."""
    at, starts_at = real_now(), real_now() - PAST
    with merchant_transaction(mall.merchant_id) as session:
        product = create_product(
            session,
            mall.merchant_id,
            NewProduct(title=title, variants=(NewVariant("", LIST_PRICE_FEN, unit_cost_fen=800),)),
            at=starts_at,
        )
        variant = product.variants[0]
        terms = TermsDraft(
            group_size=size,
            life_seconds=int(LIFE.total_seconds()),
            prices=[(variant.public_id, PRICE_FEN)],
            subsidy=SubsidyRule(SubsidyKind.CASH, SUBSIDY_FEN),
            starts_at=starts_at,
            ends_at=_midnight(at + FUTURE),
        )
        new = NewCampaign(product.key[1], title, terms, UNLIMITED, UNLIMITED)
        campaign = draft_campaign(
            session, mall.merchant_id, new, moved_by=mall.actor.moved_by, at=starts_at
        )
        key, public_id = (mall.merchant_id, campaign.id), campaign.public_id
    warnings = check_campaign(mall.actor, public_id, at=at).warnings
    acknowledged = [Acknowledgement(warning.code, _REASON) for warning in warnings]
    publish_campaign(PublishCampaign(mall.actor, public_id, acknowledged), at=at)
    with merchant_transaction(mall.merchant_id) as session:
        published = session.get_one(Campaign, key)
        rule_version_id = published.rule_version_id
        variant_id = published.draft_terms["prices"][0]["variant_id"]
    if rule_version_id is None:
        raise RuntimeError("a published campaign has a rule version")
    return Offer(*key, rule_version_id, variant_id, variant.public_id, size, title)


def _midnight(at: datetime) -> datetime:
    return day_start(shanghai_day(at))


def access_token(merchant_id: int, shopper_id: int) -> str:
    """Sign a shopper's token as the API does."""
    now = real_now().replace(microsecond=0)
    claims = {
        "aud": "shopper",
        "mid": merchant_id,
        "sub": str(shopper_id),
        "iat": now,
        "exp": now + timedelta(minutes=30),
    }
    return jwt.encode(claims, settings().token_key, algorithm="HS256")
