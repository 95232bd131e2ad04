"""One seed's merchant: a campaign, an account at the sandbox, and shoppers who come by."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from bench.shoppers.calling import Request
from bench.shoppers.phone import Mall, Phone
from bench.soak.theatre import Theatre
from domain.campaigns.drafting import NewCampaign, draft_campaign
from domain.campaigns.rules import TermsDraft
from domain.catalog.creating import NewProduct, NewVariant, create_product
from domain.clock import shanghai_day
from domain.database import merchant_transaction, read_clock, transaction
from domain.gateways import GatewayCredentials
from domain.merchants import adding
from domain.merchants.auditing import StaffActor
from domain.merchants.rules import Role
from domain.models import Campaign
from domain.notices.templates import KEYS, Template, keep_templates
from domain.publishing.publishing import (
    Acknowledgement,
    PublishCampaign,
    check_campaign,
    publish_campaign,
)
from domain.terms import SubsidyKind, SubsidyRule

PRICE_FEN, LIST_PRICE_FEN = 1990, 3000
ADDRESS = {"recipient": "小红", "phone": "13800000000", "region": "上海市", "detail": "一号"}
TEMPLATE = "soak"
_PLENTY = 10**9
_TOLD = {
    key: Template(TEMPLATE, "pages/group", {"thing1": "text", "time2": "time"}) for key in KEYS
}


@dataclass
class Guest:
    """A shopper, and what they have prepared to pay: (payment number, client parameters)."""

    phone: Phone
    orders: list[str] = field(default_factory=list)
    unpaid: list[str] = field(default_factory=list)
    prepared: list[dict[str, Any]] = field(default_factory=list)
    withdrawals: list[str] = field(default_factory=list)


@dataclass
class House:
    """A merchant of the mall, its gateway account, what is on offer, and who came."""

    theatre: Theatre
    seed: int
    merchant_id: int
    actor: StaffActor
    account_id: str
    mch_no: str
    mall: Mall
    campaign_id: str
    variant_id: str
    opened_on: date
    guests: list[Guest] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)

    def welcome(self) -> Guest:
        """Let a new shopper sign in."""
        number = f"{self.seed}.{len(self.guests)}"
        phone = Phone(self.mall, number, f"客{number}", channel="soak")
        phone.sign_in()
        self.control(
            "/consents",
            appid=self.mall.app_id,
            openid=phone.openid,
            template_id=TEMPLATE,
            granted=len(self.guests) % 3,
        )
        guest = Guest(phone)
        self.guests.append(guest)
        return guest

    def control(self, path: str, **body: Any) -> dict[str, Any]:
        """Call the sandbox's control API; refusals are the caller's to read."""
        request = Request(f"control{path}", "POST", f"/control{path}", body, is_harmless=True)
        return self.theatre.gateway.call(request).body

    def record(self, path: str) -> list[dict[str, Any]]:
        """Read the sandbox's own record of this merchant."""
        items: list[dict[str, Any]] = []
        after: str | None = "0"
        while after is not None:
            parameters = {"mchid": self.mch_no, "after": after, "limit": "1000"}
            page = self.theatre.gateway.need(
                Request("record", "GET", f"/control{path}", parameters=parameters)
            )
            items += page["items"]
            after = page["next"]
        return items


Drawing = Callable[[str, datetime], TermsDraft]


def open_house(
    theatre: Theatre, seed: int, dice: random.Random, *, draw_terms: Drawing | None = None
) -> House:
    """Add a merchant whose campaign's groups live an hour or two, unless told other terms."""
    app_id = f"wx{seed:016d}"
    keys = theatre.gateway.need(
        Request("accounts", "POST", "/control/accounts", {"appid": app_id}, is_harmless=True)
    )
    credentials = GatewayCredentials(
        gateway="wechat",
        mch_no=keys["mchid"],
        app_id=keys["appid"],
        merchant_private_key_pem=keys["merchant_private_key"],
        merchant_serial=keys["merchant_serial"],
        platform_public_key_pem=keys["platform_public_key"],
        platform_public_key_id=keys["platform_public_key_id"],
        apiv3_key=keys["apiv3_key"],
    )
    at = read_clock()
    owner = adding.NewStaff("Owner", Role.OWNER, f"owner-{seed}", "no password opens this")
    with transaction() as session:
        merchant = adding.add_merchant(session, name=f"Seed {seed}", at=at)
        adding.add_app(session, merchant.id, app_id=app_id, secret=keys["app_secret"])
        account = adding.add_gateway_account(session, merchant.id, credentials=credentials, at=at)
        staff = adding.add_staff(session, merchant.id, owner, at=at)
        merchant_id, account_id = merchant.id, account.public_id
        actor = StaffActor(merchant_id, staff.id, Role.OWNER)
        keep_templates(session, app_id, _TOLD)
    theatre.gateway.need(
        Request(
            "templates",
            "POST",
            "/control/templates",
            {"appid": app_id, "template_id": TEMPLATE, "keywords": ["thing1", "time2"]},
            is_harmless=True,
        )
    )
    campaign_id, variant_id = _offer(actor, draw_terms or partial(_draw_terms, dice))
    mall = Mall(theatre.api, theatre.gateway, app_id, run=f"soak{seed}", sleep=_doze)
    return House(
        theatre,
        seed,
        merchant_id,
        actor,
        account_id,
        keys["mchid"],
        mall,
        campaign_id,
        variant_id,
        shanghai_day(at),
    )


def _doze(seconds: float) -> None:
    """Wait as a phone does between polls, but not as long."""
    time.sleep(min(seconds, 0.02))


def _draw_terms(dice: random.Random, variant_id: str, at: datetime) -> TermsDraft:
    return TermsDraft(
        group_size=dice.randint(2, 4),
        life_seconds=dice.choice((1800, 3600, 7200)),
        prices=[(variant_id, PRICE_FEN)],
        subsidy=SubsidyRule(SubsidyKind.CASH, dice.choice((1, 500, 1200))),
        starts_at=at - timedelta(days=1),
        ends_at=at + timedelta(days=60),
    )


def _offer(actor: StaffActor, draw_terms: Drawing) -> tuple[str, str]:
    """Publish a campaign; returns its public id and its variant's."""
    at = read_clock()
    with merchant_transaction(actor.merchant_id) as session:
        product = create_product(
            session,
            actor.merchant_id,
            NewProduct(title="苹果", variants=(NewVariant("", LIST_PRICE_FEN, unit_cost_fen=800),)),
            at=at,
        )
        variant_id = product.variants[0].public_id
        terms = draw_terms(variant_id, at)
        new = NewCampaign(product.key[1], "苹果五斤", terms, _PLENTY, 10**6)
        campaign = draft_campaign(session, actor.merchant_id, new, moved_by=actor.moved_by, at=at)
        public_id = campaign.public_id
    warnings = check_campaign(actor, public_id, at=at).warnings
    said = [Acknowledgement(warning.code, "played, never sold") for warning in warnings]
    publish_campaign(PublishCampaign(actor, public_id, said), at=at)
    with merchant_transaction(actor.merchant_id) as session:
        published = session.query(Campaign).filter_by(public_id=public_id).one()
        return published.public_id, variant_id
