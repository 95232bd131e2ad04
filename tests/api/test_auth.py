import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from api.views import auth as views
from domain import clock
from domain.config import settings
from domain.database import transaction
from domain.gateways.errors import LoginCodeRefused
from domain.models import LedgerAccount, Shopper, ShopperLogin
from tests.api.callers import Caller, Mall
from tests.factories.shares import make_share

pytestmark = pytest.mark.transactional

OPENID = "openid-of-a-phone"


def claims(mall: Mall, **changes: Any) -> dict[str, Any]:
    now = clock.real_now()
    return {
        "aud": "shopper",
        "mid": mall.id,
        "sub": str(mall.shopper_row.id),
        "iat": now,
        "exp": now + timedelta(minutes=5),
    } | changes


def signed(given: dict[str, Any], *, key: str | None = None, algorithm: str = "HS256") -> str:
    return jwt.encode(given, key or settings().token_key, algorithm=algorithm)


def unsigned(mall: Mall) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    now = int(clock.real_now().timestamp())
    body = claims(mall, iat=now, exp=now + 300)
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(body)}."


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """A mini-program's server that knows one code; keeps what it was asked."""
    asked: list[tuple[str, str, str]] = []

    def code2session(app_id: str, secret: str, code: str) -> str:
        asked.append((app_id, secret, code))
        if code == "used":
            raise LoginCodeRefused(message="code2session: 40163")
        return f"{OPENID}-{code}"

    monkeypatch.setattr(views, "code2session", code2session)
    return asked


def sign_in(caller: Caller, mall: Mall, code: str = "1", **more: Any) -> Any:
    body = {"app_id": mall.merchant.app_id, "code": code, **more}
    return caller.post("/v1/auth/sessions", **body)


class TestSigningIn:
    def test_first_sign_in_registers_the_shopper(
        self, anyone: Caller, mall: Mall, phone: list[tuple[str, str, str]]
    ) -> None:
        answer = sign_in(anyone, mall, nickname=" 小红 ")

        assert answer.status_code == 201
        assert answer.json["shopper"]["nickname"] == "小红"
        assert answer.json["shopper"]["language"] == "en"
        assert answer.json["shopper"]["is_new"] is True
        assert len(answer.json["shopper"]["id"]) == 20
        assert phone == [(mall.merchant.app_id, "app-secret", "1")]

    def test_token_of_a_sign_in_is_good(
        self, client: FlaskClient, anyone: Caller, mall: Mall, phone: object
    ) -> None:
        answer = sign_in(anyone, mall, nickname="小红")

        me = Caller(client, answer.json["access_token"]).get("/v1/me")

        assert me.json == {
            "id": answer.json["shopper"]["id"],
            "nickname": "小红",
            "language": "en",
            "phone": None,
            "followed_at": None,
        }

    def test_next_sign_in_finds_the_shopper(
        self, anyone: Caller, mall: Mall, phone: object
    ) -> None:
        first = sign_in(anyone, mall, nickname="小红")

        again = sign_in(anyone, mall)

        assert again.json["shopper"] == {**first.json["shopper"], "is_new": False}

    def test_new_shopper_without_a_name_gets_one_and_a_wallet(
        self, anyone: Caller, mall: Mall, phone: object
    ) -> None:
        answer = sign_in(anyone, mall, "2")

        assert answer.json["shopper"]["nickname"].startswith("用户")
        with transaction() as session:
            shopper = session.scalars(
                select(Shopper).where(Shopper.public_id == answer.json["shopper"]["id"])
            ).one()
            wallet = session.scalars(
                select(LedgerAccount).where(
                    LedgerAccount.merchant_id == mall.id,
                    LedgerAccount.kind == "wallet",
                    LedgerAccount.owner_id == shopper.id,
                )
            ).one()
        assert wallet.balance_fen == 0

    def test_address_device_and_channel_are_recorded(
        self, anyone: Caller, mall: Mall, phone: object
    ) -> None:
        answer = anyone.call(
            "POST",
            "/v1/auth/sessions",
            json={"app_id": mall.merchant.app_id, "code": "3"},
            headers={"X-Device-Id": "device-9", "X-Channel": "moments"},
        )

        assert answer.status_code == 201
        with transaction() as session:
            login = session.scalars(
                select(ShopperLogin).where(ShopperLogin.merchant_id == mall.id)
            ).one()
        assert (login.client_address, login.device, login.channel) == (
            "127.0.0.1",
            "device-9",
            "moments",
        )

    def test_share_brings_a_new_shopper_once(
        self, anyone: Caller, mall: Mall, phone: object
    ) -> None:
        with transaction() as session:
            first = make_share(session, mall.shopper_row)
            second = make_share(session, mall.shopper_row)

        answer = sign_in(anyone, mall, share_token=first.token)
        sign_in(anyone, mall, share_token=second.token)

        with transaction() as session:
            shopper = session.scalars(
                select(Shopper).where(Shopper.public_id == answer.json["shopper"]["id"])
            ).one()
        assert shopper.came_by_share_id == first.id

    def test_share_of_another_merchant_brings_nobody(
        self, anyone: Caller, mall: Mall, other_mall: Mall, phone: object
    ) -> None:
        with transaction() as session:
            share = make_share(session, other_mall.shopper_row)

        answer = sign_in(anyone, mall, share_token=share.token)

        assert answer.status_code == 201
        with transaction() as session:
            shopper = session.scalars(
                select(Shopper).where(Shopper.public_id == answer.json["shopper"]["id"])
            ).one()
        assert shopper.came_by_share_id is None

    def test_used_code_is_refused(self, anyone: Caller, mall: Mall, phone: object) -> None:
        answer = sign_in(anyone, mall, "used")

        assert answer.status_code == 401
        assert answer.json["code"] == "login_code_refused"

    def test_unknown_app_is_refused(self, anyone: Caller, mall: Mall, phone: list[Any]) -> None:
        answer = anyone.post("/v1/auth/sessions", app_id="wx-nobody", code="1")

        assert answer.status_code == 404
        assert answer.json is not None
        assert (answer.json["code"], answer.json["field"]) == ("app_not_found", "app_id")
        assert phone == []

    @pytest.mark.parametrize("field", ["app_id", "code", "share_token", "nickname"])
    def test_text_that_cannot_be_kept_is_refused_before_the_code_is_spent(
        self, anyone: Caller, mall: Mall, phone: list[Any], field: str
    ) -> None:
        body = {"app_id": mall.merchant.app_id, "code": "1", field: "a\x00"}

        answer = anyone.post("/v1/auth/sessions", **body)

        assert (answer.status_code, answer.json["field"]) == (422, field)
        assert phone == []

    def test_bad_body_names_each_field(self, anyone: Caller, phone: object) -> None:
        answer = anyone.post("/v1/auth/sessions", code="", colour="red")

        assert answer.status_code == 422
        assert answer.json is not None
        assert answer.json["code"] == "invalid_request"
        found = {failure["field"]: failure["code"] for failure in answer.json["errors"]}
        assert found == {"app_id": "required", "code": "wrong_length", "colour": "unknown_field"}

    def test_body_that_is_not_json_is_refused(self, anyone: Caller) -> None:
        answer = anyone.call(
            "POST", "/v1/auth/sessions", data=b"{", content_type="application/json"
        )

        assert answer.status_code == 400
        assert answer.json is not None
        assert answer.json["code"] == "malformed_json"

    def test_body_of_another_type_is_refused(self, anyone: Caller) -> None:
        answer = anyone.call("POST", "/v1/auth/sessions", data=b"code=1")

        assert answer.status_code == 415
        assert answer.json is not None
        assert answer.json["code"] == "unsupported_media_type"

    def test_body_that_is_a_list_is_refused(self, anyone: Caller) -> None:
        answer = anyone.call("POST", "/v1/auth/sessions", json=[1])

        assert answer.status_code == 422
        assert answer.json is not None
        assert answer.json["errors"][0]["code"] == "not_an_object"


class TestRefreshing:
    def test_refresh_token_gives_a_new_access_token(
        self, client: FlaskClient, anyone: Caller, mall: Mall, phone: object
    ) -> None:
        session = sign_in(anyone, mall).json

        answer = anyone.post("/v1/auth/tokens", refresh_token=session["refresh_token"])

        assert answer.status_code == 201
        assert answer.json is not None
        assert Caller(client, answer.json["access_token"]).get("/v1/me").status_code == 200

    def test_refresh_token_brings_the_next_one(
        self, anyone: Caller, mall: Mall, phone: object
    ) -> None:
        token = sign_in(anyone, mall).json["refresh_token"]

        for _ in range(3):
            answer = anyone.post("/v1/auth/tokens", refresh_token=token)
            assert answer.status_code == 201
            assert answer.json["refresh_token"] != token
            token = answer.json["refresh_token"]

    def test_repeat_of_a_renewal_whose_answer_was_lost_is_taken(
        self, anyone: Caller, mall: Mall, phone: object
    ) -> None:
        token = sign_in(anyone, mall).json["refresh_token"]

        answers = [anyone.post("/v1/auth/tokens", refresh_token=token) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [201, 201]

    def test_refresh_token_shown_again_later_ends_its_whole_login(
        self, anyone: Caller, mall: Mall, phone: object
    ) -> None:
        stolen = sign_in(anyone, mall).json["refresh_token"]
        other = sign_in(anyone, mall).json["refresh_token"]
        kept = anyone.post("/v1/auth/tokens", refresh_token=stolen).json["refresh_token"]
        with transaction() as session:
            for login in session.scalars(
                select(ShopperLogin).where(ShopperLogin.replaced_at.is_not(None))
            ):
                login.replaced_at = clock.real_now() - timedelta(minutes=2)

        again = anyone.post("/v1/auth/tokens", refresh_token=stolen)

        assert (again.status_code, again.json["code"]) == (401, "refresh_token_invalid")
        assert anyone.post("/v1/auth/tokens", refresh_token=kept).status_code == 401
        assert anyone.post("/v1/auth/tokens", refresh_token=other).status_code == 201

    def test_signing_out_ends_the_family(self, anyone: Caller, mall: Mall, phone: object) -> None:
        first = sign_in(anyone, mall).json["refresh_token"]
        second = anyone.post("/v1/auth/tokens", refresh_token=first).json["refresh_token"]

        anyone.delete("/v1/auth/sessions/current", refresh_token=first)

        assert anyone.post("/v1/auth/tokens", refresh_token=second).status_code == 401

    def test_revoked_refresh_token_is_refused(
        self, anyone: Caller, mall: Mall, phone: object
    ) -> None:
        token = sign_in(anyone, mall).json["refresh_token"]

        first = anyone.delete("/v1/auth/sessions/current", refresh_token=token)
        again = anyone.delete("/v1/auth/sessions/current", refresh_token=token)

        assert (first.status_code, again.status_code) == (204, 204)
        answer = anyone.post("/v1/auth/tokens", refresh_token=token)
        assert answer.status_code == 401
        assert answer.json is not None
        assert answer.json["code"] == "refresh_token_invalid"

    def test_expired_refresh_token_is_refused(
        self, anyone: Caller, mall: Mall, phone: object
    ) -> None:
        token = sign_in(anyone, mall).json["refresh_token"]
        with transaction() as session:
            login = session.scalars(
                select(ShopperLogin).where(ShopperLogin.merchant_id == mall.id)
            ).one()
            login.expires_at = clock.real_now() - timedelta(seconds=1)

        assert anyone.post("/v1/auth/tokens", refresh_token=token).status_code == 401

    def test_secret_under_another_merchants_name_is_refused(
        self, anyone: Caller, mall: Mall, other_mall: Mall, phone: object
    ) -> None:
        secret = sign_in(anyone, mall).json["refresh_token"].partition(".")[2]

        answer = anyone.post(
            "/v1/auth/tokens", refresh_token=f"{other_mall.merchant.public_id}.{secret}"
        )

        assert answer.status_code == 401

    def test_tokens_are_not_stored(self, anyone: Caller, mall: Mall, phone: object) -> None:
        token = sign_in(anyone, mall).json["refresh_token"]

        with transaction() as session:
            login = session.scalars(
                select(ShopperLogin).where(ShopperLogin.merchant_id == mall.id)
            ).one()
        assert token.partition(".")[2].encode() not in login.refresh_hash


class TestAccessTokens:
    def test_good_token_is_accepted(self, client: FlaskClient, mall: Mall) -> None:
        assert Caller(client, signed(claims(mall))).get("/v1/me").status_code == 200

    def test_no_token_is_refused(self, anyone: Caller) -> None:
        answer = anyone.get("/v1/me")

        assert answer.status_code == 401
        assert answer.json is not None
        assert answer.json["code"] == "unauthenticated"
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_unsigned_token_is_refused(self, client: FlaskClient, mall: Mall) -> None:
        assert Caller(client, unsigned(mall)).get("/v1/me").status_code == 401

    def test_token_of_another_key_is_refused(self, client: FlaskClient, mall: Mall) -> None:
        token = signed(claims(mall), key="x" * 44)

        assert Caller(client, token).get("/v1/me").status_code == 401

    def test_token_of_another_algorithm_is_refused(self, client: FlaskClient, mall: Mall) -> None:
        token = signed(claims(mall), key=settings().token_key * 2, algorithm="HS512")

        assert Caller(client, token).get("/v1/me").status_code == 401

    def test_expired_token_says_so(self, client: FlaskClient, mall: Mall) -> None:
        past = clock.real_now() - timedelta(seconds=5)

        answer = Caller(client, signed(claims(mall, exp=past))).get("/v1/me")

        assert answer.status_code == 401
        assert answer.json is not None
        assert answer.json["code"] == "session_ended"

    @pytest.mark.parametrize("audience", ["staff", None, ["other"]])
    def test_token_for_another_audience_is_refused(
        self, client: FlaskClient, mall: Mall, audience: Any
    ) -> None:
        given = claims(mall)
        given["aud"] = audience
        if audience is None:
            del given["aud"]

        assert Caller(client, signed(given)).get("/v1/me").status_code == 401

    @pytest.mark.parametrize("missing", ["exp", "iat", "sub", "mid"])
    def test_token_without_a_claim_is_refused(
        self, client: FlaskClient, mall: Mall, missing: str
    ) -> None:
        given = claims(mall)
        del given[missing]

        assert Caller(client, signed(given)).get("/v1/me").status_code == 401

    @pytest.mark.parametrize("changes", [{"mid": "x"}, {"mid": None}, {"sub": "x"}])
    def test_token_with_strange_ids_is_refused(
        self, client: FlaskClient, mall: Mall, changes: dict[str, Any]
    ) -> None:
        assert Caller(client, signed(claims(mall, **changes))).get("/v1/me").status_code == 401

    def test_changed_token_is_refused(self, client: FlaskClient, mall: Mall) -> None:
        head, body, signature = signed(claims(mall)).split(".")
        forged = json.loads(base64.urlsafe_b64decode(body + "=="))
        forged["sub"] = "1"
        other = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")

        assert Caller(client, f"{head}.{other}.{signature}").get("/v1/me").status_code == 401

    def test_shoppers_token_opens_no_merchants_door(self, mall: Mall) -> None:
        answer = mall.shopper.get("/v1/merchant/products")

        assert answer.status_code == 401

    def test_staffs_token_opens_no_shoppers_door(self, mall: Mall) -> None:
        assert mall.owner.get("/v1/me").status_code == 401

    def test_token_is_checked_before_the_body(self, anyone: Caller) -> None:
        assert anyone.post("/v1/me/addresses", nonsense=1).status_code == 401
