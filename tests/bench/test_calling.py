import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from bench.shoppers.calling import Caller, Refused, Request, Unanswered
from bench.shoppers.journal import Journal, Phase
from bench.shoppers.phone import Mall, Phone

Reply = httpx.Response | Exception


class Server:
    """Answers with what it is given, one after another; remembers the requests."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("Idempotency-Key") for request in self.requests]


def caller_of(
    server: Callable[[httpx.Request], httpx.Response],
    journal: Journal | None = None,
    pauses: list[float] | None = None,
) -> Caller:
    return Caller(
        "http://mall",
        journal or Journal(),
        transport=httpx.MockTransport(server),
        sleep=(pauses if pauses is not None else []).append,
    )


def order_of(key: str | None = "key-1") -> Request:
    return Request("join", "POST", "/v1/groups/g/orders", {"variant_id": "v"}, "token", key)


def test_an_unknown_outcome_is_repeated_with_the_same_key() -> None:
    server = Server(
        httpx.ReadTimeout("no answer"),
        httpx.Response(503, json={"code": "unavailable"}),
        httpx.Response(201, json={"id": "order"}),
    )

    answer = caller_of(server).call(order_of())

    assert answer.body == {"id": "order"}
    assert server.keys == ["key-1", "key-1", "key-1"]


def test_a_repeat_sends_the_same_body() -> None:
    server = Server(httpx.ReadError("reset"), httpx.Response(201, json={}))

    caller_of(server).call(order_of())

    assert server.requests[0].content == server.requests[1].content


def test_an_unknown_outcome_without_a_key_is_not_repeated() -> None:
    journal = Journal()
    server = Server(httpx.ReadTimeout("no answer"))

    with pytest.raises(Unanswered):
        caller_of(server, journal).call(order_of(None))

    assert len(server.requests) == 1
    assert journal.lost == ["join"]


def test_a_call_that_is_never_answered_is_given_up() -> None:
    journal = Journal()
    server = Server(*[httpx.ConnectError("refused")] * 8)

    with pytest.raises(Unanswered):
        caller_of(server, journal).call(order_of())

    assert len(server.requests) == 8
    assert journal.lost == ["join key-1"]


def test_a_refusal_is_an_answer() -> None:
    server = Server(httpx.Response(409, json={"code": "group_full"}))

    answer = caller_of(server).call(order_of())

    assert (answer.is_ok, answer.code) == (False, "group_full")
    assert len(server.requests) == 1


def test_busy_is_tried_again_after_the_pause_it_asks_for() -> None:
    pauses: list[float] = []
    server = Server(
        httpx.Response(409, json={"code": "busy"}, headers={"Retry-After": "2"}),
        httpx.Response(429, json={"code": "too_many_attempts"}, headers={"Retry-After": "7"}),
        httpx.Response(201, json={}),
    )

    answer = caller_of(server, pauses=pauses).call(order_of())

    assert answer.is_ok
    assert pauses == [2.0, 7.0]
    assert server.keys == ["key-1", "key-1", "key-1"]


def test_needing_a_success_raises_what_was_refused() -> None:
    server = Server(httpx.Response(404, json={"code": "not_found", "detail": "没有"}))

    with pytest.raises(Refused, match="group: 404 not_found 没有"):
        caller_of(server).need(Request("group", "GET", "/v1/groups/g"))


def test_the_journal_tells_invoke_unknown_fail_and_ok(tmp_path: Path) -> None:
    path = tmp_path / "log" / "calls.jsonl"
    server = Server(
        httpx.Response(500, json={"code": "internal_error", "request_id": "r1"}),
        httpx.Response(409, json={"code": "busy"}, headers={"Retry-After": "1"}),
        httpx.Response(201, json={}),
    )

    with Journal(path) as journal:
        caller_of(server, journal).call(order_of())

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["phase"] for line in lines] == [
        "invoke",
        "unknown",
        "invoke",
        "fail",
        "invoke",
        "ok",
    ]
    assert {line["key"] for line in lines} == {"key-1"}
    assert journal.counts["join", Phase.INVOKE] == journal.calls == 3
    assert journal.server_errors == ["join: 500 internal_error r1"]


def phone_of(api: Server, gateway: Server) -> Phone:
    mall = Mall(caller_of(api), caller_of(gateway), "wxapp", "run", sleep=lambda _: None)
    return Phone(mall, "17.0", "王小芳", channel="share")


def session(token: str) -> httpx.Response:
    return httpx.Response(201, json={"access_token": token, "refresh_token": "refresh"})


def code(value: str) -> httpx.Response:
    return httpx.Response(200, json={"code": value, "openid": "run-17-0"})


def test_a_used_login_code_is_followed_by_a_fresh_one() -> None:
    api = Server(
        httpx.ReadTimeout("no answer"),
        httpx.Response(401, json={"code": "login_code_refused"}),
        session("t1"),
    )
    gateway = Server(code("first"), code("second"))

    phone_of(api, gateway).sign_in(share_token="s1")

    sent = [json.loads(request.content) for request in api.requests]
    assert [body["code"] for body in sent] == ["first", "first", "second"]
    assert {body["share_token"] for body in sent} == {"s1"}


def test_a_session_that_ran_out_is_renewed_and_the_key_stays() -> None:
    api = Server(
        session("t1"),
        httpx.Response(401, json={"code": "session_ended"}),
        httpx.Response(201, json={"access_token": "t2", "refresh_token": "r2"}),
        httpx.Response(201, json={"id": "order"}),
    )
    phone = phone_of(api, Server(code("first")))
    phone.sign_in()

    answer = phone.join_group("g", {"variant_id": "v"})

    assert answer.body == {"id": "order"}
    _, first, _, second = api.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert second.headers["Authorization"] == "Bearer t2"


def test_each_intention_has_a_key_of_its_own() -> None:
    api = Server(session("t1"), *[httpx.Response(201, json={})] * 2)
    phone = phone_of(api, Server(code("first")))
    phone.sign_in()

    phone.join_group("g", {"variant_id": "v"})
    phone.join_group("g", {"variant_id": "v"})

    _, first, second = api.keys
    assert first != second


def test_a_visitor_who_is_not_signed_in_names_the_app() -> None:
    api = Server(httpx.Response(200, json={"group": {}}))

    phone_of(api, Server()).visit("token")

    assert api.requests[0].headers["X-App-Id"] == "wxapp"
    assert "Authorization" not in api.requests[0].headers


def test_a_payment_carries_exactly_the_client_parameters_and_the_payer() -> None:
    gateway = Server(httpx.Response(200, json={"errMsg": "requestPayment:ok"}))
    parameters = {"appId": "wxapp", "package": "prepay_id=1", "paySign": "x"}

    phone_of(Server(), gateway).pay({"payment_id": "p", "client_parameters": parameters})

    assert json.loads(gateway.requests[0].content) == {**parameters, "openid": "run-17-0"}
