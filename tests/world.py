"""The product's API over real HTTP beside the gateway sandbox, and what shoppers do with it.

The API runs in this process on a free port, so that a test can look into its database; jobs are run
by the test where it wants them.
"""

import itertools
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import text
from werkzeug.serving import make_server

from domain import clock
from domain.checkout.driving_messages import drive_messages
from domain.checkout.driving_payments import drive_payments
from domain.checkout.driving_refunds import drive_refunds
from domain.checkout.driving_withdrawals import drive_withdrawals
from domain.checkout.expiring import expire_due, warn_of_expiring
from domain.checkout.reacting import consume_facts
from domain.checkout.settling import (
    fold_campaigns,
    give_due_pushes,
    issue_due_grants,
    release_due_holds,
    reward_due_groups,
    settle_due_groups,
)
from domain.config import settings
from domain.database import dispose_engines, read_clock, reading, transaction
from jobs.reactions import REACTIONS
from tests.contract import hold_to_contract
from tests.factories.campaigns import MadeCampaign, make_campaign
from tests.factories.gateway_accounts import make_gateway_account
from tests.factories.merchants import make_merchant
from tests.sandbox_server import SandboxServer, wait_until

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ADDRESS = {"recipient": "小红", "phone": "13800000000", "region": "上海市", "detail": "一号"}

_numbers = itertools.count(1)


_ENDING_DAY = "CAST(({} - interval '1 microsecond') AT TIME ZONE 'Asia/Shanghai' AS date)"
_OPENED = "SELECT min(id) FROM orders WHERE group_id = g.id"
_END_DEADLINE = (
    # The rules that the group is to have been opened under, and those of all others again.
    """
    INSERT INTO rule_versions (merchant_id, campaign_id, number, terms, text_zh, text_en,
        acknowledged, published_at, published_by)
    SELECT v.merchant_id, v.campaign_id, v.number + n, CASE n WHEN 1 THEN jsonb_set(v.terms,
            '{life_seconds}', to_jsonb(extract(epoch FROM CAST(:at AS timestamptz) - g.opened_at)))
        ELSE v.terms END, v.text_zh, v.text_en, v.acknowledged, v.published_at, v.published_by
    FROM groups g
    JOIN campaigns c ON c.merchant_id = g.merchant_id AND c.id = g.campaign_id
    JOIN rule_versions v ON v.merchant_id = c.merchant_id AND v.id = c.rule_version_id
    CROSS JOIN generate_series(1, 2) AS n
    WHERE g.public_id = :id ORDER BY n
    """,
    """
    UPDATE campaigns c SET rule_version_id = (
        SELECT id FROM rule_versions WHERE campaign_id = c.id ORDER BY number DESC LIMIT 1)
    FROM groups g WHERE g.public_id = :id AND c.id = g.campaign_id
    """,
    """
    UPDATE groups g SET deadline_at = :at, rule_version_id = (
        SELECT id FROM rule_versions WHERE campaign_id = g.campaign_id
        ORDER BY number DESC OFFSET 1 LIMIT 1)
    WHERE public_id = :id
    """,
    f"""
    UPDATE orders o SET cap_on = CASE WHEN o.id = ({_OPENED})
            THEN {_ENDING_DAY.format("(o.placed_at + (g.deadline_at - g.opened_at))")}
            ELSE {_ENDING_DAY.format("g.deadline_at")} END,
        hold_expires_at = CASE WHEN o.id = ({_OPENED}) THEN o.hold_expires_at
            ELSE least(o.hold_expires_at, g.deadline_at) END
    FROM groups g WHERE g.public_id = :id AND o.group_id = g.id
    """,  # noqa: S608 - constants only
    """
    UPDATE payments p SET expires_at = o.hold_expires_at FROM orders o, groups g
    WHERE g.public_id = :id AND o.group_id = g.id AND p.order_id = o.id
    """,
    """
    UPDATE work_rows SET due_at = :at WHERE kind = 'settle_group' AND subject_id =
        (SELECT id FROM groups WHERE public_id = :id)
    """,
)


@dataclass
class Phone:
    """A shopper's phone: a token, and an openid to pay as."""

    world: "World"
    openid: str
    id: str
    headers: dict[str, str]

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.world.http.get(
            path, headers=self.headers | options.pop("headers", {}), **options
        )

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        headers = {**self.headers, "Idempotency-Key": key or f"key-{next(_numbers)}"}
        return self.world.http.post(path, json=body, headers=headers)

    def open(self, **values: Any) -> dict[str, Any]:
        campaign = self.world.campaign
        body = {"variant_id": campaign.variant.public_id, "address": ADDRESS, **values}
        return expect(201, self.post(f"/v1/campaigns/{campaign.public_id}/groups", body))

    def join(self, group_id: str, **values: Any) -> dict[str, Any]:
        variant_id = self.world.campaign.variant.public_id
        body = {"variant_id": variant_id, "address": ADDRESS, **values}
        return expect(201, self.post(f"/v1/groups/{group_id}/orders", body))

    def prepare(self, order: dict[str, Any]) -> dict[str, Any]:
        return expect(201, self.post(f"/v1/orders/{order['id']}/payments"))

    def pay(self, prepared: dict[str, Any]) -> httpx.Response:
        parameters = {**prepared["client_parameters"], "openid": self.openid}
        return self.world.sandbox.http.post("/shopper/pay", json=parameters)

    def buy(self, order: dict[str, Any]) -> dict[str, Any]:
        """Prepare, pay, and wait until the callback has been applied."""
        expect(200, self.pay(self.prepare(order)))
        return wait_until(lambda: self._unless_placed(order))

    def _unless_placed(self, order: dict[str, Any]) -> dict[str, Any] | None:
        found = self.order(order)
        return None if found["state"] == "placed" else found

    def order(self, order: dict[str, Any]) -> dict[str, Any]:
        return expect(200, self.get(f"/v1/orders/{order['id']}"))


def expect(status: int, response: httpx.Response) -> dict[str, Any]:
    """Return the body of an answer of this status."""
    assert response.status_code == status, f"{response.status_code} {response.text}"
    body: dict[str, Any] = response.json()
    return body


@dataclass
class World:
    """One merchant behind the API, with an account at the sandbox."""

    http: httpx.Client
    sandbox: SandboxServer
    merchant_id: int
    campaign: MadeCampaign
    app_id: str
    mch_no: str
    account_public_id: str
    phones: list[Phone] = field(default_factory=list)

    def phone(self, **login: Any) -> Phone:
        """Log a new shopper in."""
        app_id = login.setdefault("app_id", self.app_id)
        code = self.sandbox.post("/codes", appid=app_id)
        body = {"code": code["code"], "nickname": "小红", **login}
        session = expect(201, self.http.post("/v1/auth/sessions", json=body))
        return Phone(
            self,
            code["openid"],
            session["shopper"]["id"],
            {"Authorization": f"Bearer {session['access_token']}"},
        )

    def opened(self) -> tuple[Phone, dict[str, Any]]:
        """Open a group with a leader who has paid."""
        leader = self.phone()
        return leader, leader.buy(leader.open())

    def end_deadline(self, group_id: str) -> None:
        """Move a group's deadline to now, as if it had been opened under rules of that life."""
        at = read_clock()
        with transaction() as session:
            for statement in _END_DEADLINE:
                session.execute(text(statement), {"at": at, "id": group_id})

    def set_platform(self, platform: str) -> None:
        """Let the mini-program be on another platform."""
        with transaction() as session:
            session.execute(
                text("UPDATE merchant_apps SET platform = :platform WHERE app_id = :app_id"),
                {"platform": platform, "app_id": self.app_id},
            )

    def other_mall(self) -> Phone:
        """Log a shopper in at another merchant of the same installation."""
        account = self.sandbox.open_account()
        with transaction() as session:
            make_merchant(session, app_id=account["appid"], app_secret=account["app_secret"])
        return self.phone(app_id=account["appid"])

    def run_jobs(self) -> None:
        """Do all due work, as the workers would."""
        for _ in range(20):
            at = read_clock()
            done = settle_due_groups(at=at) + release_due_holds(at=at) + fold_campaigns(at=at)
            done += issue_due_grants(at=at) + reward_due_groups(at=at) + give_due_pushes(at=at)
            done += expire_due(at=at) + warn_of_expiring(at=at)
            done += drive_payments(at=at) + drive_refunds(at=at)
            done += consume_facts("notify", REACTIONS["notify"], at=at)
            done += drive_messages(at=at) + drive_withdrawals(at=at)
            if not done:
                return

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with reading() as session:
            return [tuple(row) for row in session.execute(text(statement), values)]


@dataclass
class _Closable:
    """A WSGI application that can be closed: kept connections may bring callbacks to the end."""

    app: "WSGIApplication"
    under_way: int = 0
    is_closed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        with self.lock:
            if self.is_closed:
                start_response("503 Service Unavailable", [])
                return []
            self.under_way += 1
        try:
            return self.app(environ, start_response)
        finally:
            with self.lock:
                self.under_way -= 1

    def close(self) -> None:
        """Refuse requests from now on, and wait for those under way."""
        with self.lock:
            self.is_closed = True
        wait_until(lambda: self.under_way == 0)


@contextmanager
def _serving(host: str, port: int) -> Iterator[None]:
    """Serve the API; at the end nothing of it holds a database connection any more."""
    from api import create_app  # noqa: PLC0415 - the app reads the settings of this world

    app = _Closable(create_app())
    server = make_server(host, port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        app.close()


@pytest.fixture
def world(
    fresh_database: object,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """The API and the sandbox, with one merchant and its campaign."""
    from tests.sandbox_server import free_port  # noqa: PLC0415

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    for name, value in {
        "PINBU_ENV": "development",
        "PUBLIC_BASE_URL": url,
        "WECHATPAY_BASE_URL": sandbox.url,
        "WEIXIN_BASE_URL": sandbox.url,
        "ALIPAY_BASE_URL": f"{sandbox.url}/gateway.do",
        "SANDBOX_CONTROL_URL": f"{sandbox.url}/control",
        "PINBU_DATABASE_POOL": "20",
    }.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    dispose_engines()
    account = sandbox.open_account()
    with transaction() as session:
        merchant = make_merchant(session, app_id=account["appid"], app_secret=account["app_secret"])
        campaign = make_campaign(
            session, merchant.id, ends_at=clock.real_now() + timedelta(days=30)
        )
        made = make_gateway_account(
            session,
            merchant.id,
            mch_no=account["mchid"],
            credentials={
                "gateway": "wechat",
                "mch_no": account["mchid"],
                "app_id": account["appid"],
                "merchant_private_key_pem": account["merchant_private_key"],
                "merchant_serial": account["merchant_serial"],
                "platform_public_key_pem": account["platform_public_key"],
                "platform_public_key_id": account["platform_public_key_id"],
                "apiv3_key": account["apiv3_key"],
            },
        )
    with _serving("127.0.0.1", port), httpx.Client(base_url=url, timeout=30) as http:
        hold_to_contract(http)
        yield World(
            http,
            sandbox,
            merchant.id,
            campaign,
            account["appid"],
            account["mchid"],
            made.public_id,
        )
    settings.cache_clear()
    dispose_engines()
