import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import limits
from domain import clock
from domain.config import settings
from domain.database import read_clock, transaction
from domain.errors import TooManyAttempts
from domain.merchants import passwords
from domain.merchants.attempts import Attempt, AttemptLimits, begin_attempt
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.models import Staff, StaffSession
from tests.api.callers import Caller, Mall
from tests.concurrency.racing import race
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
    assert 0 < int(answer.headers["Retry-After"]) <= 300


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


def behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine be a proxy, so that tests come from where they like."""
    monkeypatch.setenv("PINBU_TRUSTED_PROXIES", "127.0.0.1/32")
    settings.cache_clear()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    behind(monkeypatch)
    yield
    monkeypatch.undo()
    settings.cache_clear()


def sign_in(anyone: Caller, login: str, password: str, address: str, **more: str) -> Any:
    return anyone.call(
        "POST",
        "/v1/merchant/sessions",
        json={"login": login, "password": password, **more},
        headers={"X-Forwarded-For": address},
    )


def test_guessing_one_login_from_everywhere_is_slowed(
    anyone: Caller, clerk: str, monkeypatch: pytest.MonkeyPatch, elsewhere: None
) -> None:
    monkeypatch.setenv("PINBU_PASSWORD_ATTEMPTS_PER_LOGIN", "8")
    limits.password_limits.cache_clear()

    answers = [sign_in(anyone, clerk, "guess", f"203.0.113.{n}").status_code for n in range(9)]

    assert answers == [401] * 8 + [429]


def test_owner_signs_in_from_a_known_device_while_strangers_guess(
    anyone: Caller, clerk: str, monkeypatch: pytest.MonkeyPatch, elsewhere: None
) -> None:
    monkeypatch.setenv("PINBU_PASSWORD_ATTEMPTS_PER_LOGIN", "8")
    limits.password_limits.cache_clear()
    device = sign_in(anyone, clerk, PASSWORD, "198.51.100.1").json["device_token"]
    for n in range(9):
        sign_in(anyone, clerk, "guess", f"203.0.113.{n}")
    for _ in range(6):
        sign_in(anyone, clerk, "guess", "198.51.100.1")

    stranger = sign_in(anyone, clerk, PASSWORD, "198.51.100.1")
    owner = sign_in(anyone, clerk, PASSWORD, "198.51.100.1", device_token=device)

    assert (stranger.status_code, owner.status_code) == (429, 201)


def test_known_device_may_not_guess_without_end(anyone: Caller, clerk: str) -> None:
    device = anyone.post("/v1/merchant/sessions", login=clerk, password=PASSWORD).json

    answers = [
        anyone.post(
            "/v1/merchant/sessions",
            login=clerk,
            password="guess",
            device_token=device["device_token"],
        ).status_code
        for _ in range(6)
    ]

    assert answers == [401] * 5 + [429]


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_device_that_nobody_signed_is_unknown(anyone: Caller, clerk: str, token: str) -> None:
    for _ in range(5):
        anyone.post("/v1/merchant/sessions", login=clerk, password="guess")

    answer = anyone.post(
        "/v1/merchant/sessions", login=clerk, password=PASSWORD, device_token=token
    )

    assert answer.status_code == 429


def test_device_of_another_login_is_unknown(anyone: Caller, mall: Mall, clerk: str) -> None:
    with transaction() as session:
        other = make_staff(session, mall.id, name="小王", password=PASSWORD)
    device = anyone.post(
        "/v1/merchant/sessions", login=f"staff-{other.public_id}", password=PASSWORD
    ).json["device_token"]
    for _ in range(5):
        anyone.post("/v1/merchant/sessions", login=clerk, password="guess")

    answer = anyone.post(
        "/v1/merchant/sessions", login=clerk, password=PASSWORD, device_token=device
    )

    assert answer.status_code == 429


def test_new_names_without_end_are_stopped_before_they_cost_much(
    anyone: Caller, clerk: str, monkeypatch: pytest.MonkeyPatch, elsewhere: None
) -> None:
    monkeypatch.setenv("PINBU_PASSWORD_ATTEMPTS_PER_ADDRESS", "10")
    limits.password_limits.cache_clear()

    answers = [
        sign_in(anyone, f"nobody-{n}", "guess", f"[2001:db8::{n:x}]:{4000 + n}").status_code
        for n in range(12)
    ]

    assert answers == [401] * 10 + [429] * 2
    assert sign_in(anyone, clerk, PASSWORD, "198.51.100.1").status_code == 201


def test_attempts_at_once_count_one_another(clerk: str) -> None:
    at_most = AttemptLimits(pair=5, network=50, login=100, window=timedelta(minutes=5))
    attempt = Attempt(f"{clerk}-x", "203.0.113.77", None)

    def begin() -> None:
        with transaction() as session:
            begin_attempt(session, attempt, at_most, now=clock.real_now())

    ends = race([begin] * 9)

    assert len([end for end in ends if isinstance(end, TooManyAttempts)]) == 4


def test_few_hashes_are_computed_at_once() -> None:
    running, most = [0], [0]

    def compute() -> str:
        try:
            with passwords.lane(is_known=False):
                running[0] += 1
                most[0] = max(most[0], running[0])
                time.sleep(0.2)
                running[0] -= 1
        except TooManyAttempts:
            return "sent away"
        return "computed"

    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(lambda _: compute(), range(8)))
        with passwords.lane(is_known=True):
            pass

    assert most == [1]
    assert ends.count("computed") == 3


def test_sign_ins_and_refusals_are_in_the_audit_log(
    anyone: Caller, client: FlaskClient, mall: Mall, clerk: str
) -> None:
    anyone.post("/v1/merchant/sessions", login=clerk, password="guess")
    token = anyone.post("/v1/merchant/sessions", login=clerk, password=PASSWORD).json["token"]
    Caller(client, token).delete("/v1/merchant/sessions/current")

    lines = mall.owner.get("/v1/merchant/audit-log").json["items"]

    assert [line["action"] for line in lines][:3] == [
        "session.closed",
        "session.opened",
        "session.refused",
    ]
    assert {line["staff_name"] for line in lines[:3]} == {"小李"}


def test_many_refusals_are_an_alarm(anyone: Caller, mall: Mall, clerk: str) -> None:
    actor = StaffActor(mall.id, mall.staff["viewer"].id, Role.VIEWER)
    with transaction() as session:
        for _ in range(20):
            audit(
                session,
                actor,
                "session.refused",
                subject_kind="staff",
                subject_id=actor.staff_id,
                at=read_clock(),
            )

    kinds = [alarm["kind"] for alarm in mall.viewer.get("/v1/merchant/alarms").json["items"]]

    assert "sign_ins_refused" in kinds


def test_own_password_is_changed_with_the_present_one(
    anyone: Caller, client: FlaskClient, clerk: str
) -> None:
    first, second = (
        Caller(
            client,
            anyone.post("/v1/merchant/sessions", login=clerk, password=PASSWORD).json["token"],
        )
        for _ in range(2)
    )
    path = "/v1/merchant/sessions/current/password"

    wrong = first.post(path, old_password="guess", password="a new long one")
    short = first.post(path, old_password=PASSWORD, password="short")
    done = first.post(path, old_password=PASSWORD, password="a new long one")

    assert (wrong.status_code, short.status_code, done.status_code) == (422, 422, 204)
    assert wrong.json["code"] == "wrong_password"
    assert first.get("/v1/merchant/sessions/current").status_code == 200
    assert second.get("/v1/merchant/sessions/current").status_code == 401
    again = anyone.post("/v1/merchant/sessions", login=clerk, password="a new long one")
    assert again.status_code == 201


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
