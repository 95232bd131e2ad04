import json
from collections.abc import Callable

import httpx
import pytest

from console.client import (
    TIMED_OUT,
    UNREACHABLE,
    UNREADABLE,
    ApiError,
    Client,
    api_url,
    new_idempotency_key,
)
from tests.console.fake_api import FakeApi

Answering = Callable[[Callable[[httpx.Request], httpx.Response]], Client]


def test_the_address_of_the_api_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PINBU_API_URL", "https://api.example/")
    named = api_url()
    monkeypatch.delenv("PINBU_API_URL")

    assert named == "https://api.example"
    assert api_url() == "http://127.0.0.1:8000"


def test_calls_carry_token_language_and_address(transport: Answering) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"open": 1})

    client = Client(
        "secret",
        language="en",
        forwarded_for="203.0.113.9",
        transport=httpx.MockTransport(answer),
        base_url="http://api.test",
    )
    client.read_board()

    assert seen[0].headers["Authorization"] == "Bearer secret"
    assert seen[0].headers["Accept-Language"] == "en"
    assert seen[0].headers["X-Forwarded-For"] == "203.0.113.9"


def test_a_problem_becomes_one_exception_with_code_detail_and_request_id(
    transport: Answering,
) -> None:
    problem = {"code": "group_full", "detail": "满员了。", "request_id": "R1", "field": "x"}
    client = transport(lambda _: httpx.Response(409, json=problem))

    with pytest.raises(ApiError) as raised:
        client.read_board()

    error = raised.value
    assert (error.status, error.code, error.detail) == (409, "group_full", "满员了。")
    assert error.request_id == "R1"
    assert error.body["field"] == "x"


def test_a_refusal_that_is_no_problem_json_keeps_its_status(transport: Answering) -> None:
    client = transport(lambda _: httpx.Response(502, text="<html>bad gateway</html>"))

    with pytest.raises(ApiError) as raised:
        client.read_board()

    assert (raised.value.status, raised.value.code) == (502, "http_502")


def test_an_answer_that_is_not_json_is_an_error(transport: Answering) -> None:
    client = transport(lambda _: httpx.Response(200, text="hello"))

    with pytest.raises(ApiError) as raised:
        client.read_board()

    assert raised.value.code == UNREADABLE


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (httpx.ConnectError("refused"), UNREACHABLE),
        (httpx.ReadTimeout("slow"), TIMED_OUT),
        (httpx.ConnectTimeout("slow"), TIMED_OUT),
    ],
)
def test_no_answer_is_an_error_without_status(
    transport: Answering, failure: httpx.HTTPError, code: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise failure

    with pytest.raises(ApiError) as raised:
        transport(answer).read_board()

    assert (raised.value.status, raised.value.code) == (0, code)


def test_filters_that_are_not_set_are_not_sent(transport: Answering) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json={"items": [{"id": "A"}], "next_cursor": None})

    page = transport(answer).list_groups(state="open")

    assert seen == ["http://api.test/v1/merchant/groups?state=open&limit=20"]
    assert (page.items, page.next_cursor) == ([{"id": "A"}], None)


def test_a_decision_on_money_sends_its_idempotency_key(transport: Answering) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["Idempotency-Key"], json.loads(request.content)))
        return httpx.Response(200, json={})

    client = transport(answer)
    key = new_idempotency_key()
    client.release_grant("G", "checked", idempotency_key=key)
    client.release_grant("G", "checked", idempotency_key=key)

    assert seen == [(key, {"reason": "checked"})] * 2


def test_idempotency_keys_are_as_the_api_wants_them_and_differ() -> None:
    keys = {new_idempotency_key() for _ in range(50)}

    assert len(keys) == 50
    assert all(len(key) <= 64 and set(key) <= ALLOWED for key in keys)


def test_no_cookie_of_an_answer_reaches_another_call(transport: Answering) -> None:
    cookies = []

    def answer(request: httpx.Request) -> httpx.Response:
        cookies.append(request.headers.get("Cookie"))
        return httpx.Response(200, json={}, headers={"Set-Cookie": "who=me"})

    mock = httpx.MockTransport(answer)
    for token in ("first", "second"):
        Client(token, transport=mock, base_url="http://api.test").read_board()

    assert cookies == [None, None]


def test_signing_in_and_out_over_real_http(fake_api: FakeApi) -> None:
    opened = Client().sign_in("owner", "owner-password")
    client = Client(opened["token"])
    name = client.read_session()["staff"]["name"]
    client.sign_out()

    with pytest.raises(ApiError) as raised:
        client.read_session()

    assert name == "林店长"
    assert raised.value.status == 401


ALLOWED = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
