"""The sample merchant of `make run`: the founding document's shop, ready to be clicked through.

May be repeated: what is there already is kept, what has run out is renewed.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.orm import Session

from domain.campaigns.drafting import NewCampaign, change_campaign, draft_campaign
from domain.campaigns.queries import CampaignView, list_campaigns
from domain.campaigns.rules import TermsDraft
from domain.catalog.creating import NewProduct, NewVariant, create_product
from domain.clock import day_start, real_now, shanghai_day
from domain.config import settings
from domain.database import merchant_transaction, reading, transaction
from domain.gateways import GatewayCredentials
from domain.merchants import adding, passwords
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.errors import AppNotFound
from domain.merchants.queries import find_app, find_login
from domain.merchants.rules import Role
from domain.publishing.publishing import (
    Acknowledgement,
    PublishCampaign,
    check_campaign,
    publish_campaign,
)
from domain.terms import SubsidyKind, SubsidyRule

APP_ID = "wx70696e6275706962"
MERCHANT_NAME = "拼补零食"
OWNER = "owner"
STAFF = (
    (OWNER, "王店长", Role.OWNER),
    ("operator", "李运营", Role.OPERATOR),
    ("viewer", "赵会计", Role.VIEWER),
)
WINDOW = timedelta(days=90)
RENEWED_BEFORE = timedelta(days=30)
MOST_ON_PAGE = 100
BUDGET_FEN = 50_000_000
REASON = "示例商家：照创始文档的案例设置，已知其风险"


@dataclass(frozen=True, slots=True)
class Offer:
    """A product with one campaign."""

    product: NewProduct
    title: str
    group_size: int
    life_seconds: int
    group_prices_fen: tuple[int, ...]
    subsidy_fen: int

    @property
    def amounts(self) -> dict[str, int]:
        """Return the campaign's budget, and a stock that its variants have."""
        stock_units = sum(variant.stock_units for variant in self.product.variants)
        return {"budget_fen": BUDGET_FEN, "stock_units": stock_units}


OFFERS = (
    Offer(
        NewProduct(
            title="网红薯片 3 包",
            description="非油炸，三包装，保质期 9 个月。",
            category="薯片",
            variants=(
                NewVariant("原味", 3000, unit_cost_fen=1200, stock_units=1000),
                NewVariant("番茄味", 3000, unit_cost_fen=1200, stock_units=1000),
            ),
        ),
        title="19.9 元拼 3 包网红薯片",
        group_size=3,
        life_seconds=86_400,
        group_prices_fen=(1990, 1990),
        subsidy_fen=1000,
    ),
    Offer(
        NewProduct(
            title="每日坚果礼盒",
            description="六种坚果，30 小包。",
            category="坚果",
            variants=(NewVariant("30 包", 10_000, unit_cost_fen=3800, stock_units=500),),
        ),
        title="60 元拼坚果礼盒",
        group_size=5,
        life_seconds=86_400,
        group_prices_fen=(6000,),
        subsidy_fen=1500,
    ),
    Offer(
        NewProduct(
            title="手剥松子 500 克",
            description="东北松子，开口易剥。",
            category="坚果",
            variants=(
                NewVariant("原味", 3990, alone_price_fen=3690, unit_cost_fen=1500, stock_units=500),
            ),
        ),
        title="两人拼松子",
        group_size=2,
        life_seconds=4 * 3600,
        group_prices_fen=(2490,),
        subsidy_fen=500,
    ),
)


def make_sample(folder: Path, *, amounts: Mapping[str, int], at: datetime) -> dict[str, Any]:
    """Make or renew the sample merchant; returns how to sign in and what it sells.

    `amounts` may name a `budget_fen` and `stock_units` that each campaign is to have at least.
    """
    logins = _kept_passwords(folder / "sample-login.json")
    account = _open_sandbox_account()
    merchant_id, merchant_public_id = _merchant(account, logins, at=at)
    with reading() as session:
        owner = find_login(session, OWNER)
    if owner is None:
        raise RuntimeError("the sample's owner was disabled")
    actor = StaffActor(merchant_id, owner.staff_id, Role.OWNER)
    campaigns = [_campaign(actor, offer, amounts, at=at) for offer in OFFERS]
    return {
        "login": OWNER,
        "password": logins[OWNER],
        "merchant_id": merchant_public_id,
        "app_id": APP_ID,
        "mch_no": account["mchid"],
        "campaign_ids": campaigns,
    }


def _kept_passwords(path: Path) -> dict[str, str]:
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if kept.keys() >= {login for login, _, _ in STAFF}:
        return kept
    kept |= {login: secrets.token_urlsafe(9) for login, _, _ in STAFF if login not in kept}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(kept, indent=2) + "\n")
    return kept


def _open_sandbox_account() -> dict[str, Any]:
    control_url = settings().sandbox_control_url
    if control_url is None:
        raise RuntimeError("the sample merchant needs the sandbox: SANDBOX_CONTROL_URL")
    with httpx.Client(timeout=30, trust_env=False) as client:
        answer = client.post(f"{control_url}/accounts", json={"appid": APP_ID})
    answer.raise_for_status()
    account: dict[str, Any] = answer.json()
    return account


def _merchant(account: dict[str, Any], logins: dict[str, str], *, at: datetime) -> tuple[int, str]:
    with reading() as session:
        try:
            merchant_id = find_app(session, APP_ID).merchant_id
        except AppNotFound:
            merchant_id = None
        stored = {login: find_login(session, login) for login, _, _ in STAFF}
    new_staff = [
        adding.prepare_staff(name=name, role=role, login=login, password=logins[login])
        for login, name, role in STAFF
    ]
    with transaction() as session:
        if merchant_id is None:
            merchant = adding.add_merchant(session, name=MERCHANT_NAME, at=at)
        else:
            merchant = adding.merchant_of(session, merchant_id)
        adding.add_app(session, merchant.id, app_id=APP_ID, secret=account["app_secret"])
        _gateway_account(session, merchant.id, account, at=at)
        for new in new_staff:
            found = stored[new.login]
            if found is None:
                adding.add_staff(session, merchant.id, new, at=at)
            elif not passwords.matches(found.password_hash, logins[new.login]):
                adding.set_password(session, new.login, new.password_hash, now=real_now())
        return merchant.id, merchant.public_id


def _gateway_account(
    session: Session, merchant_id: int, account: dict[str, Any], *, at: datetime
) -> None:
    credentials = credentials_of_sandbox(account)
    if not adding.renew_gateway_credentials(session, merchant_id, credentials):
        adding.add_gateway_account(session, merchant_id, credentials=credentials, at=at)


def credentials_of_sandbox(account: dict[str, Any]) -> GatewayCredentials:
    """Read what the sandbox answers when an account is opened."""
    return GatewayCredentials(
        gateway="wechat",
        mch_no=account["mchid"],
        app_id=account["appid"],
        merchant_private_key_pem=account["merchant_private_key"],
        merchant_serial=account["merchant_serial"],
        platform_public_key_pem=account["platform_public_key"],
        platform_public_key_id=account["platform_public_key_id"],
        apiv3_key=account["apiv3_key"],
    )


def _campaign(actor: StaffActor, offer: Offer, amounts: Mapping[str, int], *, at: datetime) -> str:
    with merchant_transaction(actor.merchant_id) as session:
        kept = _find(
            list_campaigns(session, actor.merchant_id, below_id=None, limit=MOST_ON_PAGE),
            offer.title,
        )
    if kept is None:
        campaign_id = _draft(actor, offer, {**offer.amounts, **amounts}, at=at)
        _publish(actor, campaign_id, at=at)
        return campaign_id
    campaign_id = kept.campaign.public_id
    if kept.draft.ends_at < at + RENEWED_BEFORE:
        window = TermsDraft(starts_at=at, ends_at=_end(at))
        _raise(actor, kept, {**offer.amounts, **amounts}, window, at=at)
        _publish(actor, campaign_id, at=at)
    elif amounts:
        _raise(actor, kept, amounts, None, at=at)
    return campaign_id


def _find(views: Iterable[CampaignView], title: str) -> CampaignView | None:
    return next(
        (v for v in views if v.campaign.title == title and v.campaign.state != "ended"), None
    )


def _draft(actor: StaffActor, offer: Offer, amounts: Mapping[str, int], *, at: datetime) -> str:
    with merchant_transaction(actor.merchant_id) as session:
        product = create_product(session, actor.merchant_id, offer.product, at=at)
        prices = [
            (variant.public_id, price)
            for variant, price in zip(product.variants, offer.group_prices_fen, strict=True)
        ]
        terms = TermsDraft(
            group_size=offer.group_size,
            life_seconds=offer.life_seconds,
            prices=prices,
            subsidy=SubsidyRule(SubsidyKind.CASH, offer.subsidy_fen),
            starts_at=at,
            ends_at=_end(at),
        )
        new = NewCampaign(product.key[1], offer.title, terms, **amounts)
        campaign = draft_campaign(session, actor.merchant_id, new, moved_by=actor.moved_by, at=at)
        audit(
            session,
            actor,
            "campaign.drafted",
            subject_kind="campaign",
            subject_id=campaign.id,
            at=at,
            reason=REASON,
        )
        return campaign.public_id


def _raise(
    actor: StaffActor,
    kept: CampaignView,
    amounts: Mapping[str, int],
    window: TermsDraft | None,
    *,
    at: datetime,
) -> None:
    changes = {name: max(least, getattr(kept.campaign, name)) for name, least in amounts.items()}
    with merchant_transaction(actor.merchant_id) as session:
        changed = change_campaign(
            session,
            actor.merchant_id,
            kept.campaign.public_id,
            changes,
            terms=window,
        )
        if changed.before != changed.after:
            audit(
                session,
                actor,
                "campaign.changed",
                subject_kind="campaign",
                subject_id=changed.campaign.id,
                at=at,
                reason=REASON,
                before=changed.before,
                after=changed.after,
            )


def _publish(actor: StaffActor, campaign_id: str, *, at: datetime) -> None:
    warnings = check_campaign(actor, campaign_id, at=at).warnings
    acknowledged = [Acknowledgement(warning.code, REASON) for warning in warnings]
    publish_campaign(PublishCampaign(actor, campaign_id, acknowledged), at=at)


def _end(at: datetime) -> datetime:
    return day_start(shanghai_day(at + WINDOW))
