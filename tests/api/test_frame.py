import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import NullPool, create_engine, text

from api import create_app
from domain.config import settings
from domain.database import dispose_engines
from domain.logs import JsonFormatter
from launcher.addresses import DatabaseUrls
from tests.api.callers import Caller, Mall


def test_process_is_alive(anyone: Caller) -> None:
    assert anyone.get("/healthz").json == {"status": "alive"}


def test_process_is_ready_with_the_schema_of_its_release(anyone: Caller) -> None:
    assert anyone.get("/readyz").json == {
        "status": "ready",
        "schema": "current",
        "sealing": "current",
    }


def test_process_is_not_ready_on_another_schema(
    anyone: Caller, fresh_database: DatabaseUrls
) -> None:
    engine = create_engine(fresh_database.owner, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))

    answer = anyone.get("/readyz")

    assert answer.status_code == 503
    assert answer.json == {"status": "waiting", "schema": "older"}


@pytest.fixture
def database_away(database: DatabaseUrls) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nowhere")
        settings.cache_clear()
        dispose_engines()
        yield
    settings.cache_clear()
    dispose_engines()


def test_database_away_is_503_with_retry_after(anyone: Caller, database_away: None) -> None:
    answer = anyone.get("/readyz")

    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["code"] == "unavailable"
    assert answer.headers["Retry-After"] == "2"
    assert anyone.get("/healthz").status_code == 200


def test_unknown_path_is_problem_json_with_the_request_id(anyone: Caller) -> None:
    answer = anyone.call("GET", "/nowhere", headers={"X-Request-Id": "abcdef-123456"})

    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.headers["X-Request-Id"] == "abcdef-123456"
    assert answer.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "not_found",
        "detail": "There is no such thing",
        "request_id": "abcdef-123456",
    }


def test_body_may_not_be_too_large(anyone: Caller) -> None:
    answer = anyone.call(
        "POST", "/v1/auth/sessions", data=b" " * 1_048_577, content_type="application/json"
    )

    assert answer.status_code == 413
    assert answer.json is not None
    assert answer.json["code"] == "content_too_large"


def test_malformed_request_id_is_replaced(anyone: Caller) -> None:
    answer = anyone.call("GET", "/healthz", headers={"X-Request-Id": "a b;c" * 30})

    assert len(answer.headers["X-Request-Id"]) == 24


def test_wrong_method_says_which_are_allowed(anyone: Caller) -> None:
    answer = anyone.post("/healthz")

    assert answer.status_code == 405
    assert answer.json is not None
    assert answer.json["code"] == "method_not_allowed"
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("en", "There is no such thing"),
        ("en-GB,en;q=0.8", "There is no such thing"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "没有找到您要的内容"),
        ("fr", "没有找到您要的内容"),
    ],
)
def test_detail_speaks_the_callers_language(
    client: FlaskClient, language: str, detail: str
) -> None:
    answer = Caller(client, language=language).get("/nowhere")

    assert answer.json is not None
    assert answer.json["detail"] == detail


def test_docs_need_no_network(anyone: Caller) -> None:
    page = anyone.get("/docs").text

    assert "http://" not in page
    assert "https://" not in page
    assert "//cdn" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css"):
        with anyone.get(f"/docs/assets/{asset}") as answer:
            assert answer.status_code == 200
            assert asset in page


def test_document_is_openapi_31_and_names_every_route(app: Flask, anyone: Caller) -> None:
    document = anyone.get("/openapi.json").json

    assert document is not None
    assert document["openapi"] == "3.1.0"
    documented = {
        (path, method.upper())
        for path, methods in document["paths"].items()
        for method in methods.keys() & {"get", "post", "patch", "delete"}
    }
    served = {
        (re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(("/docs", "/openapi"))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == documented


def test_documented_callers_match_the_paths(anyone: Caller) -> None:
    document = anyone.get("/openapi.json").json

    assert document is not None
    for path, methods in document["paths"].items():
        for method in methods.keys() & {"get", "post", "patch", "delete"}:
            operation = methods[method]
            if path.startswith("/v1/merchant/") and path != "/v1/merchant/sessions":
                assert operation["security"] == [{"staff": []}], (path, method)
            if f"{path}/".startswith("/v1/me/"):
                assert operation["security"] == [{"shopper": []}], (path, method)


Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture
def operations(anyone: Caller) -> list[Operation]:
    """Return each documented (method, path with ids, operation)."""
    document = anyone.get("/openapi.json").json
    assert document is not None
    return [
        (method.upper(), re.sub(r"{\w+}", "0" * 20, path), operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    ]


def refused(caller: Caller, method: str, path: str) -> tuple[int, str]:
    """Call with a body and a query that no schema knows."""
    body = {"data": '{"nonsense": 1}', "content_type": "application/json"}
    answer = caller.call(method, f"{path}?nonsense=1", **({} if method == "GET" else body))
    assert answer.json is not None
    return answer.status_code, answer.json["code"]


def test_caller_is_asked_for_before_arguments_are_read(
    anyone: Caller, operations: list[Operation]
) -> None:
    asked = {
        (method, path): refused(anyone, method, path)
        for method, path, operation in operations
        if operation["security"] and {} not in operation["security"]
    }

    assert len(asked) > 40
    assert set(asked.values()) == {(401, "unauthenticated")}, asked


def test_role_is_asked_for_before_arguments_are_read(
    mall: Mall, operations: list[Operation]
) -> None:
    asked = {
        (method, path): refused(mall.viewer, method, path)
        for method, path, operation in operations
        if operation["security"] == [{"staff": []}]
        and method != "GET"
        and not path.startswith("/v1/merchant/sessions/current")
        and path != "/v1/merchant/arbitrage"
    }

    assert len(asked) > 10
    assert set(asked.values()) == {(403, "role_too_low")}, asked


@pytest.mark.parametrize("wrong", ["nothing", "0" * 19 + "%00", "0" * 19 + "I", "0" * 21])
def test_path_with_an_id_of_another_shape_is_not_found(mall: Mall, app: Flask, wrong: str) -> None:
    paths = {
        (method, re.sub(r"<id:\w+>", wrong, rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if "_id>" in rule.rule
    }

    codes = {
        (method, path): mall.owner.call(method, path).status_code for method, path in sorted(paths)
    }

    assert len(codes) > 25
    assert set(codes.values()) == {404}, codes


def test_share_token_of_another_shape_is_not_found(anyone: Caller) -> None:
    assert anyone.get("/v1/shares/a%00").status_code == 404


def test_ids_are_documented_by_their_shape(operations: list[Operation], anyone: Caller) -> None:
    document = anyone.get("/openapi.json").json
    assert document is not None
    shape = {"type": "string", "pattern": "^[0123456789abcdefghjkmnpqrstvwxyz]{20}$"}

    in_path = document["paths"]["/v1/groups/{group_id}"]["parameters"]

    assert in_path == [{"in": "path", "name": "group_id", "required": True, "schema": shape}]
    assert document["components"]["schemas"]["Order"]["properties"]["id"] == shape


def test_headers_are_documented_where_they_are_read(
    operations: list[Operation], anyone: Caller
) -> None:
    document = anyone.get("/openapi.json").json
    assert document is not None
    readers: dict[str, set[str]] = {}
    for method, path, operation in operations:
        for parameter in operation.get("parameters", []):
            if "$ref" in parameter:
                name = parameter["$ref"].removeprefix("#/components/parameters/")
                readers.setdefault(name, set()).add(f"{method} {path}".replace("0" * 20, "_"))

    placing = {"POST /v1/campaigns/_/groups", "POST /v1/groups/_/orders", "POST /v1/orders"}
    known = set(readers)
    assert len(readers.pop("Accept-Language")) == len(operations)
    assert len(readers.pop("X-App-Id")) == 7
    assert readers == {
        "Idempotency-Key": placing
        | {
            "POST /v1/orders/_/payments",
            "POST /v1/orders/_/cancellation",
            "POST /v1/merchant/grants/_/release",
            "POST /v1/merchant/grants/_/denial",
            "POST /v1/merchant/grants/_/claw-back",
            "POST /v1/merchant/rewards/_/claw-back",
            "POST /v1/merchant/gifts",
            "POST /v1/merchant/coupon-pushes",
            "POST /v1/merchant/approvals",
            "POST /v1/merchant/grants/_/retry",
            "POST /v1/merchant/programmes/_/exports",
            "POST /v1/merchant/programmes/_/confirmations",
            "POST /v1/merchant/approvals/_/approval",
            "POST /v1/merchant/approvals/_/refusal",
            "POST /v1/merchant/approvals/_/withdrawal",
            "POST /v1/merchant/gifts/_/claw-back",
            "POST /v1/merchant/refunds/_/retry",
            "POST /v1/merchant/refunds/_/offline-settlement",
            "POST /v1/me/withdrawals",
            "POST /v1/me/withdrawals/_/cancellation",
            "POST /v1/merchant/reconciliation-tasks/_/resolution",
            "POST /v1/merchant/gateway-accounts/_/topped-up",
            "POST /v1/merchant/gateway-findings/_/resolution",
        },
        "If-None-Match": {"GET /v1/groups/_"},
        "X-Device-Id": placing | {"POST /v1/auth/sessions", "GET /v1/shares/_"},
        "X-Channel": placing | {"POST /v1/auth/sessions"},
    }
    parameters = document["components"]["parameters"]
    assert {(p["in"], p["name"]) for p in parameters.values()} == {("header", n) for n in known}
    told = document["paths"]["/v1/groups/{group_id}"]["get"]["responses"]["200"]["headers"]
    assert told["ETag"]["schema"] == {"type": "string"}


def test_patterns_are_written_ecmas_way(anyone: Caller) -> None:
    patterns = re.findall(r'"pattern":\s*"((?:[^"\\]|\\.)*)"', anyone.get("/openapi.json").text)

    assert len(patterns) > 50
    assert {(p[0], p[-1]) for p in patterns} == {("^", "$")}
    assert not [p for p in patterns if "\\Z" in p or "\\A" in p or "(?P" in p]


def test_who_may_call_is_documented_for_each_operation(operations: list[Operation]) -> None:
    callers = {(method, path): operation["security"] for method, path, operation in operations}
    one = "0" * 20

    shopper, nobody = [{"shopper": []}], []
    mall = [{}, {"shopper": []}]
    assert callers["POST", f"/v1/campaigns/{one}/groups"] == shopper
    assert callers["POST", f"/v1/groups/{one}/orders"] == shopper
    assert callers["POST", f"/v1/groups/{one}/shares"] == shopper
    assert callers["GET", "/v1/campaigns"] == mall
    assert callers["GET", f"/v1/groups/{one}"] == mall
    assert callers["GET", f"/v1/leaderboards/{one}"] == mall
    assert callers["GET", f"/v1/shares/{one}"] == mall
    assert callers["POST", "/v1/auth/sessions"] == nobody


def test_answers_say_what_a_browser_may_do_with_them(anyone: Caller) -> None:
    plain = anyone.get("/healthz").headers
    page = anyone.get("/docs").headers
    secure = anyone.call("GET", "/healthz", headers={"X-Forwarded-Proto": "https"}).headers

    assert plain["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert plain["Referrer-Policy"] == "no-referrer"
    assert plain["X-Frame-Options"] == "DENY"
    assert "Strict-Transport-Security" not in plain
    assert secure["Strict-Transport-Security"] == "max-age=31536000"
    assert "default-src 'self'" in page["Content-Security-Policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_do_not_move_the_clock(anyone: Caller, headers: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        answer = anyone.call(method, "/v1/dev/clock", headers=headers)

        assert answer.status_code == 403
        assert answer.json["code"] == "called_from_elsewhere"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
def test_programs_of_this_machine_see_the_clock(anyone: Caller, host: str) -> None:
    answer = anyone.call("GET", "/v1/dev/clock", headers={"Host": host})

    # No sandbox runs here; that is asked only after the caller has been let in.
    assert answer.json is not None
    assert answer.json.get("code") != "called_from_elsewhere"


def test_process_is_not_ready_with_another_sealing_key(
    anyone: Caller, mall: Mall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINBU_SEALING_KEY", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY=")
    settings.cache_clear()

    answer = anyone.get("/readyz")

    monkeypatch.undo()
    settings.cache_clear()
    assert answer.status_code == 503
    assert answer.json == {"status": "waiting", "schema": "current", "sealing": "another"}


def test_app_does_not_start_with_a_short_key(
    database: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINBU_TOKEN_KEY", "short")
    settings.cache_clear()

    with pytest.raises(RuntimeError, match="PINBU_TOKEN_KEY"):
        create_app()

    monkeypatch.undo()
    settings.cache_clear()


def test_log_lines_are_json_with_their_fields() -> None:
    record = logging.makeLogRecord(
        {"name": "api", "levelname": "INFO", "msg": "group formed", "group_id": 7}
    )

    line = JsonFormatter(lambda: {"request_id": "-"}).format(record)

    assert '"message":"group formed"' in line
    assert '"group_id":7' in line
    assert '"request_id":"-"' in line
