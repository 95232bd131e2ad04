from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from api import limits
from domain import clock
from domain.database import transaction
from domain.merchants import passwords
from domain.models import Staff, StaffSession
from tests.api.callers import Caller, Mall
from tests.factories.staff import make_staff, make_staff_session

pytestmark = pytest.mark.transactional

PASSWORD = "correct horse battery"


@pytest.fixture
def clerk(mall: Mall) -> str:
    """A login with a password; the answer is its name."""
    with transaction() as session:
        staff = make_staff(session, mall.id, role="operator", name="小李", password=PASSWORD)
    return f"staff-{staff.public_id}"


def test_password_opens_a_session(
    client: FlaskClient, anyone: Caller, mall: Mall, clerk: str
) -> None:
    answer = anyone.post("/v1/merchant/sessions", login=f" {clerk.upper()} ", password=PASSWORD)

    assert answer.status_code == 201
    assert answer.json is not None
    assert answer.json["staff"]["name"] == "小李"
    assert answer.json["staff"]["role"] == "operator"
    assert answer.json["merchant"] == {"id": mall.merchant.public_id, "name": mall.merchant.name}
    me = Caller(client, answer.json["token"]).get("/v1/merchant/sessions/current")
    assert me.json == {"staff": answer.json["staff"], "merchant": answer.json["merchant"]}


def test_token_is_stored_hashed(anyone: Caller, mall: Mall, clerk: str) -> None:
    token = anyone.post("/v1/merchant/sessions", login=clerk, password=PASSWORD).json["token"]

    with transaction() as session:
        kept = session.query(StaffSession).filter_by(merchant_id=mall.id).all()
    assert all(token.encode() not in row.token_hash for row in kept)


@pytest.mark.parametrize(("login", "password"), [(None, "wrong"), ("nobody-at-all", PASSWORD)])
def test_wrong_login_and_wrong_password_look_the_same(
    anyone: Caller, clerk: str, login: str | None, password: str
) -> None:
    answer = anyone.post("/v1/merchant/sessions", login=login or clerk, password=password)

    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["code"] == "wrong_login"
    assert set(answer.json) == {"type", "title", "status", "code", "detail", "request_id"}


def test_unknown_login_costs_a_verification_too(
    anyone: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str | None] = []
    genuine = passwords.matches

    def matches(password_hash: str | None, password: str) -> bool:
        verified.append(password_hash)
        return genuine(password_hash, password)

    monkeypatch.setattr(passwords, "matches", matches)

    anyone.post("/v1/merchant/sessions", login="nobody-at-all", password="x")

    assert verified == [None]


def test_guessing_is_stopped(anyone: Caller, clerk: str) -> None:
    for _ in range(5):
        anyone.post("/v1/merchant/sessions", login=clerk, password="guess")

    answer = anyone.post("/v1/merchant/sessions", login=clerk, password=PASSWORD)

    assert answer.status_code == 429
    assert answer.json is not None
    assert answer.json["code"] == "too_many_attempts"
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_guessing_one_login_leaves_the_others_alone(anyone: Caller, clerk: str) -> None:
    for _ in range(6):
        anyone.post("/v1/merchant/sessions", login="somebody-else", password="guess")

    assert anyone.post("/v1/merchant/sessions", login=clerk, password=PASSWORD).status_code == 201


def test_success_forgets_earlier_attempts(anyone: Caller, clerk: str) -> None:
    for _ in range(3):
        for _ in range(4):
            anyone.post("/v1/merchant/sessions", login=clerk, password="guess")
        answer = anyone.post("/v1/merchant/sessions", login=clerk, password=PASSWORD)
        assert answer.status_code == 201


def test_guessing_one_login_from_everywhere_is_slowed(
    anyone: Caller, clerk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINBU_PASSWORD_ATTEMPTS_PER_LOGIN", "8")
    monkeypatch.setenv("PINBU_PASSWORD_ATTEMPTS", "100")
    limits.password_limiters.cache_clear()

    answers = [
        anyone.post("/v1/merchant/sessions", login=clerk, password="guess").status_code
        for _ in range(9)
    ]

    assert answers == [401] * 8 + [429]


def test_signed_out_token_is_refused(client: FlaskClient, mall: Mall) -> None:
    assert mall.owner.delete("/v1/merchant/sessions/current").status_code == 204

    answer = mall.owner.get("/v1/merchant/sessions/current")

    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["code"] == "session_ended"


def test_expired_token_is_refused(client: FlaskClient, mall: Mall) -> None:
    with transaction() as session:
        token = make_staff_session(session, mall.staff["owner"], lives=timedelta(seconds=-1))

    assert Caller(client, token).get("/v1/merchant/sessions/current").status_code == 401


def test_disabled_staff_is_refused_at_once(
    client: FlaskClient, anyone: Caller, mall: Mall, clerk: str
) -> None:
    token = anyone.post("/v1/merchant/sessions", login=clerk, password=PASSWORD).json["token"]
    with transaction() as session:
        staff = session.query(Staff).filter_by(merchant_id=mall.id, name="小李").one()
        staff.disabled_at = clock.real_now()

    assert Caller(client, token).get("/v1/merchant/products").status_code == 401
    answer = anyone.post("/v1/merchant/sessions", login=clerk, password=PASSWORD)
    assert answer.status_code == 401


def test_no_token_is_refused(anyone: Caller) -> None:
    assert anyone.get("/v1/merchant/products").status_code == 401
