"""The mini-program's server API: tokens, and what a token opens."""

import secrets
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import Merchant
from tests.sandbox_server import SandboxServer


@dataclass
class App:
    """A mini-program that calls the API as its server does."""

    server: SandboxServer
    appid: str
    secret: str
    token: str = ""

    def stable(self, **changes: Any) -> dict[str, Any]:
        body = {
            "grant_type": "client_credential",
            "appid": self.appid,
            "secret": self.secret,
            **changes,
        }
        answer: dict[str, Any] = self.server.http.post("/cgi-bin/stable_token", json=body).json()
        return answer

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.server.http.post(path, params={"access_token": self.token}, json=body)

    def ask(self, path: str, /, **body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.post(path, body).json()
        return answer

    def phone(self, code: str) -> dict[str, Any]:
        return self.ask("/wxa/business/getuserphonenumber", code=code)

    def minted(self, **values: Any) -> str:
        code: str = self.server.post("/phone-codes", appid=self.appid, **values)["code"]
        return code

    def code_image(self, **body: Any) -> httpx.Response:
        return self.post("/wxa/getwxacodeunlimit", body)

    def link(self, **body: Any) -> dict[str, Any]:
        return self.ask("/wxa/generate_urllink", **body)


def app_of(server: SandboxServer, keys: dict[str, Any]) -> App:
    app = App(server, keys["appid"], keys["app_secret"])
    app.token = app.stable()["access_token"]
    return app


@pytest.fixture
def app(sandbox: SandboxServer, shared_keys: dict[str, Any]) -> App:
    return app_of(sandbox, shared_keys)


@pytest.fixture
def own_app(own_sandbox: SandboxServer) -> App:
    """An app of a sandbox of its own, for clocks."""
    return app_of(own_sandbox, own_sandbox.open_account())


def test_token_stays_the_same_until_five_minutes_before_its_end(own_app: App) -> None:
    own_app.server.advance(7200 - 320)
    same = own_app.stable()
    own_app.server.advance(30)
    renewed = own_app.stable()

    assert same["access_token"] == own_app.token
    assert 300 < same["expires_in"] <= 320
    assert renewed["access_token"] != own_app.token
    assert 7190 < renewed["expires_in"] <= 7200


def test_both_tokens_are_good_until_the_older_ends(own_app: App) -> None:
    own_app.server.advance(7200 - 200)
    own_app.stable()

    before = own_app.phone(own_app.minted())
    own_app.server.advance(210)
    after = own_app.phone(own_app.minted())

    assert (before["errcode"], after["errcode"]) == (0, 42001)


def test_forced_token_ends_the_older_one_at_once(app: App) -> None:
    forced = app.stable(force_refresh=True)
    old = app.phone("any")
    app.token = forced["access_token"]

    assert old["errcode"] == 40001
    assert app.phone(app.minted())["errcode"] == 0


def test_forcing_again_within_half_a_minute_changes_nothing(own_app: App) -> None:
    first = own_app.stable(force_refresh=True)["access_token"]
    second = own_app.stable(force_refresh=True)["access_token"]
    own_app.server.advance(31)
    third = own_app.stable(force_refresh=True)["access_token"]

    assert first == second
    assert third != first


def test_tokens_are_forced_twenty_times_a_day(own_app: App) -> None:
    for _ in range(20):
        assert "access_token" in own_app.stable(force_refresh=True)
        own_app.server.advance(31)

    assert own_app.stable(force_refresh=True)["errcode"] == 45009
    own_app.server.advance(86400)
    assert "access_token" in own_app.stable(force_refresh=True)


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"secret": "wrong"}, 40125),
        ({"appid": "wx0000000000000000"}, 40013),
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"grant_type": "code"}, 40002),
        ({"force_refresh": "yes"}, 40097),
        ({"force_update": True}, 40097),
    ],
)
def test_bad_token_request_is_refused(app: App, changes: dict[str, Any], errcode: int) -> None:
    assert app.stable(**changes)["errcode"] == errcode


def test_missing_and_unknown_tokens_are_refused(app: App) -> None:
    app.token = ""
    missing = app.phone("any")
    app.token = "unknown"

    assert (missing["errcode"], app.phone("any")["errcode"]) == (41001, 40001)


def test_token_can_end_just_before_a_call(app: App) -> None:
    code = app.minted()
    app.server.fault("token_expired", count=1)

    expired = app.phone(code)
    app.token = app.stable()["access_token"]

    assert expired["errcode"] == 42001
    assert app.phone(code)["errcode"] == 0


def test_phone_code_gives_the_number_once(app: App) -> None:
    code = app.minted(phone="13800138000")

    first, second = app.phone(code), app.phone(code)

    assert first["phone_info"]["phoneNumber"] == "13800138000"
    assert first["phone_info"]["countryCode"] == "86"
    assert first["phone_info"]["watermark"]["appid"] == app.appid
    assert second["errcode"] == 40029


def test_foreign_number_carries_its_country(app: App) -> None:
    told = app.phone(app.minted(phone="5550100", country_code="1"))["phone_info"]

    assert (told["phoneNumber"], told["purePhoneNumber"]) == ("+15550100", "5550100")


def test_phone_code_dies_after_five_minutes(own_app: App) -> None:
    code = own_app.minted()
    own_app.server.advance(301)

    assert own_app.phone(code)["errcode"] == 40029


def test_phone_code_of_another_app_is_unknown(app: App) -> None:
    other = app.server.open_account()
    code = app.server.post("/phone-codes", appid=other["appid"])["code"]

    assert app.phone(code)["errcode"] == 40029


def test_code_image_is_a_png_of_the_width_asked_for(app: App) -> None:
    answer = app.code_image(scene="share=abc", page="pages/group/index", width=600)

    assert answer.headers["Content-Type"] == "image/png"
    assert answer.content[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(answer.content[16:20], "big") == 600


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"scene": "a" * 33}, 40169),
        ({"scene": ""}, 40097),
        ({}, 40169),
        ({"scene": "with space"}, 40169),
        ({"scene": "团"}, 40169),
        ({"scene": "a%20b"}, 40169),
        ({"scene": "a", "page": "/pages/index"}, 41030),
        ({"scene": "a", "page": "pages/index?x=1"}, 41030),
        ({"scene": "a", "width": 279}, 40097),
        ({"scene": "a", "widht": 430}, 40097),
    ],
)
def test_bad_code_image_is_refused_as_json(app: App, body: dict[str, Any], errcode: int) -> None:
    answer = app.code_image(**body)

    assert answer.status_code == 200
    assert answer.json()["errcode"] == errcode


def test_url_link_remembers_where_it_leads(app: App) -> None:
    made = app.link(path="pages/group/index", query="id=7", expire_type=1, expire_interval=3)

    [kept] = app.server.items("/url-links", url_link=made["url_link"])
    assert made["errcode"] == 0
    assert (kept["appid"], kept["path"], kept["query"]) == (app.appid, "pages/group/index", "id=7")


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"path": "/pages/index"}, 40165),
        ({"path": "pages/index?x=1"}, 40165),
        ({"query": "a b"}, 40212),
        ({"query": "a" * 1025}, 40212),
        ({"expire_type": 1, "expire_interval": 31}, 85401),
        ({"expire_type": 1}, 85401),
        ({"expire_type": 0, "expire_time": 1}, 85401),
        ({"expire_type": 2}, 85401),
        ({"pages": "x"}, 40097),
    ],
)
def test_bad_url_link_is_refused(app: App, body: dict[str, Any], errcode: int) -> None:
    assert app.link(**body)["errcode"] == errcode


@dataclass
class Letter:
    """A message to one shopper of an app, by a template of three keywords."""

    app: App
    openid: str
    template_id: str

    def grant(self, granted: int) -> dict[str, Any]:
        return self.app.server.post(
            "/consents",
            appid=self.app.appid,
            openid=self.openid,
            template_id=self.template_id,
            granted=granted,
        )

    def send(self, **changes: Any) -> int:
        body = {
            "touser": self.openid,
            "template_id": self.template_id,
            "page": "pages/order/index",
            "data": {
                "thing1": {"value": "薯片三人团"},
                "amount2": {"value": "10.00元"},
                "time3": {"value": "2026年11月23日 08:00"},
            },
            **changes,
        }
        errcode: int = self.app.ask("/cgi-bin/message/subscribe/send", **body)["errcode"]
        return errcode


@pytest.fixture
def letter(app: App) -> Letter:
    openid = app.server.post("/codes", appid=app.appid)["openid"]
    template_id = secrets.token_hex(20)
    app.server.post(
        "/templates",
        appid=app.appid,
        template_id=template_id,
        keywords=["thing1", "amount2", "time3"],
    )
    return Letter(app, openid, template_id)


def test_each_consent_is_good_for_one_message(letter: Letter) -> None:
    letter.grant(1)
    assert letter.grant(1)["remaining"] == 2

    assert [letter.send() for _ in range(3)] == [0, 0, 43101]
    sent = letter.app.server.items("/messages", openid=letter.openid)
    assert [one["data"]["thing1"] for one in sent] == ["薯片三人团"] * 2


def test_shopper_who_was_not_asked_or_takes_it_back_refuses(letter: Letter) -> None:
    unasked = letter.send()
    letter.grant(5)
    letter.grant(0)

    assert (unasked, letter.send()) == (43101, 43101)


def test_refusal_can_be_forced_and_costs_no_consent(letter: Letter) -> None:
    letter.grant(1)
    letter.app.server.fault("subscribe_refused", count=1)

    assert [letter.send(), letter.send()] == [43101, 0]


@pytest.mark.parametrize(
    "data",
    [
        {"thing1": {"value": "长" * 21}},
        {"thing1": {"value": ""}},
        {"thing1": {"value": 7}},
        {"thing1": "plain"},
        {"amount2": {"value": "ten"}},
        {"time3": {"value": "tomorrow"}},
        {"thing9": {"value": "too many"}},
    ],
)
def test_keyword_that_does_not_fit_is_refused(letter: Letter, data: dict[str, Any]) -> None:
    letter.grant(1)
    good = {
        "thing1": {"value": "团"},
        "amount2": {"value": "1.00元"},
        "time3": {"value": "08:00"},
    }

    assert letter.send(data=good | data) == 47003
    assert letter.send(data=good) == 0


def test_missing_keyword_is_refused(letter: Letter) -> None:
    letter.grant(1)

    assert letter.send(data={"thing1": {"value": "团"}}) == 47003


def test_unknown_receiver_and_template_are_refused(letter: Letter) -> None:
    letter.grant(1)

    assert letter.send(touser="o-nobody") == 40003
    assert letter.send(template_id="none") == 40037


def upload(app: App, paid: dict[str, Any], mchid: str, **changes: Any) -> int:
    body = {
        "order_key": {
            "order_number_type": 1,
            "mchid": mchid,
            "out_trade_no": paid["out_trade_no"],
        },
        "logistics_type": 1,
        "delivery_mode": 1,
        "shipping_list": [{"tracking_no": "T1", "express_company": "STO", "item_desc": "薯片*1"}],
        "upload_time": "2026-11-23T08:00:00.000+08:00",
        "payer": {"openid": paid["payer"]["openid"]},
        **changes,
    }
    errcode: int = app.ask("/wxa/sec/order/upload_shipping_info", **body)["errcode"]
    return errcode


def parcel(number: str, **changes: Any) -> dict[str, Any]:
    return {"tracking_no": number, "express_company": "STO", "item_desc": "薯片*1", **changes}


def test_shipping_is_kept_and_told_again_changes_nothing(app: App, merchant: Merchant) -> None:
    paid = merchant.paid()

    assert upload(app, paid, merchant.mchid) == 0
    assert upload(app, paid, merchant.mchid) == 10060023
    [kept] = app.server.items("/shippings", out_trade_no=paid["out_trade_no"])
    assert kept["is_complete"] is True
    assert kept["shipping_list"] == [parcel("T1")]


def test_shipped_order_may_be_changed_once(app: App, merchant: Merchant) -> None:
    paid = merchant.paid()

    answers = [
        upload(app, paid, merchant.mchid, shipping_list=[parcel(number)])
        for number in ("T1", "T2", "T3")
    ]

    assert answers == [0, 0, 10060003]


def test_order_goes_out_in_parcels_until_all_is_delivered(app: App, merchant: Merchant) -> None:
    paid = merchant.paid()

    answers = [
        upload(
            app,
            paid,
            merchant.mchid,
            delivery_mode=2,
            is_all_delivered=number == "T3",
            shipping_list=[parcel(number)],
        )
        for number in ("T1", "T2", "T3")
    ]

    assert answers == [0, 0, 0]
    kept = app.server.items("/shippings", out_trade_no=paid["out_trade_no"])
    assert [one["is_complete"] for one in kept] == [False, False, True]


def test_order_is_found_by_the_transaction(app: App, merchant: Merchant) -> None:
    paid = merchant.paid()
    transaction_id = merchant.query(paid)[1]["transaction_id"]
    key = {"order_number_type": 2, "transaction_id": transaction_id}

    assert upload(app, paid, merchant.mchid, order_key=key) == 0


def test_order_that_is_not_paid_cannot_be_shipped(app: App, merchant: Merchant) -> None:
    placed = merchant.placed()

    assert upload(app, placed, merchant.mchid) == 10060004


def test_order_that_went_back_cannot_be_shipped(app: App, merchant: Merchant) -> None:
    paid = merchant.paid()
    app.server.post(f"/accounts/{merchant.mchid}", is_unlimited=True)
    merchant.refund(paid)

    assert upload(app, paid, merchant.mchid) == 10060004


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"logistics_type": 5}, 10060005),
        ({"delivery_mode": 3}, 268485224),
        ({"delivery_mode": 2}, 10060007),
        ({"delivery_mode": 2, "logistics_type": 2, "is_all_delivered": True}, 10060006),
        ({"shipping_list": []}, 10060014),
        ({"shipping_list": [parcel("T1"), parcel("T2")]}, 268485228),
        ({"shipping_list": [parcel("T1", item_desc="")]}, 10060008),
        ({"shipping_list": [parcel("T1", item_desc="长" * 121)]}, 10060009),
        ({"shipping_list": [parcel("")]}, 268485226),
        ({"shipping_list": [parcel("T1", express_company="")]}, 268485227),
        ({"shipping_list": [parcel("T1", express_company="SF")]}, 10060014),
        (
            {"shipping_list": [parcel("T1", contact={"receiver_contact": "138****"})]},
            10060014,
        ),
        ({"upload_time": "2026-11-23 08:00"}, 268485216),
        ({"payer": {"openid": "o-somebody"}}, 10060031),
        ({"order_key": {"order_number_type": 1, "mchid": "1"}}, 268485197),
        ({"order_key": {"order_number_type": 1, "out_trade_no": "x"}}, 268485196),
        ({"order_key": {"order_number_type": 2}}, 268485195),
        ({"order_key": {"order_number_type": 3}}, 268485194),
        ({"order_key": {"order_number_type": 2, "transaction_id": "no"}}, 10060001),
        ({"weight": 1}, 10060014),
    ],
)
def test_bad_shipping_is_refused(
    app: App, merchant: Merchant, changes: dict[str, Any], errcode: int
) -> None:
    assert upload(app, merchant.paid(), merchant.mchid, **changes) == errcode


def test_order_of_another_app_is_not_there(app: App, merchant: Merchant) -> None:
    paid = merchant.paid()
    other = app_of(app.server, app.server.open_account())

    assert upload(other, paid, merchant.mchid) == 10060001


@pytest.mark.parametrize(("fault", "errcode"), [("error_before", -1), ("frequency_limited", 45011)])
def test_faults_answer_with_errcodes(app: App, fault: str, errcode: int) -> None:
    app.server.fault(fault, operation="phone_number", count=1)

    assert app.phone("any")["errcode"] == errcode


def test_call_that_is_cut_off_may_have_had_its_effect(app: App) -> None:
    code = app.minted()
    app.server.fault("drop_after", operation="phone_number", count=1)

    with pytest.raises(httpx.RemoteProtocolError):
        app.phone(code)

    assert app.phone(code)["errcode"] == 40029


def test_login_code_can_have_been_used_by_somebody_else(app: App) -> None:
    minted = app.server.post("/codes", appid=app.appid)
    app.server.fault("login_code_used", count=1)

    answer = app.server.http.get(
        "/sns/jscode2session",
        params={
            "appid": app.appid,
            "secret": app.secret,
            "js_code": minted["code"],
            "grant_type": "authorization_code",
        },
    ).json()

    assert answer["errcode"] == 40163
