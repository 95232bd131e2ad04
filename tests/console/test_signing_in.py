import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from console.signing_in import (
    SESSION_COOKIE,
    RequireSession,
    SecurityHeaders,
    routes,
    safe_path,
)
from tests.console.fake_api import FakeApi

HERE = "http://console.test"


def page(request: Request) -> Response:
    return PlainTextResponse(f"page {request.url.path}")


@pytest.fixture
def app() -> Starlette:
    return Starlette(
        routes=[*routes, Route("/{path:path}", page)],
        middleware=[Middleware(SecurityHeaders), Middleware(RequireSession)],
    )


@pytest.fixture
def browser(app: Starlette) -> "Browser":
    return Browser(app)


class Browser:
    """Sends requests to the console's own routes, without redirects."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self.cookies: dict[str, str] = {}

    def get(self, path: str, *, accept: str = "text/html", language: str = "zh") -> httpx.Response:
        headers = {"Accept": accept, "Accept-Language": language}
        return self._send("GET", path, headers=headers)

    def post(self, path: str, form: dict[str, str], *, origin: str = HERE) -> httpx.Response:
        return self._send("POST", path, data=form, headers={"Origin": origin})

    def _send(self, method: str, path: str, **options: object) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(
                transport=transport, base_url=HERE, cookies=self.cookies
            ) as client:
                return await client.request(method, path, **options)  # type: ignore[arg-type]

        # A thread of its own: browser tests in the same process leave a loop running in this one.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, send()).result()


OWNER = {"login": "owner", "password": "owner-password", "next": "/board?view=open"}


def test_a_page_without_cookie_leads_to_the_login_form(browser: Browser) -> None:
    answer = browser.get("/board?view=open")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fboard%3Fview%3Dopen"


def test_what_is_no_page_needs_no_cookie(browser: Browser) -> None:
    assert browser.get("/static/x.js").status_code == 200
    assert browser.get("/_stcore/health").status_code == 200
    assert browser.get("/board", accept="application/json").status_code == 200


def test_a_page_with_a_cookie_goes_on_to_streamlit(browser: Browser) -> None:
    browser.cookies[SESSION_COOKIE] = "whatever"

    assert browser.get("/board").text == "page /board"


def test_signing_in_sets_a_closed_cookie_and_goes_on(fake_api: FakeApi, browser: Browser) -> None:
    answer = browser.post("/login", OWNER)

    cookie = next(c for c in answer.headers.get_list("set-cookie") if SESSION_COOKIE in c)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/board?view=open"
    assert cookie.split("=", 1)[1].split(";")[0] in fake_api.tokens
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_behind_https_the_cookie_is_secure(fake_api: FakeApi, app: Starlette) -> None:
    browser = Browser(app)

    answer = browser._send(
        "POST", "/login", data=OWNER, headers={"Origin": HERE, "X-Forwarded-Proto": "https"}
    )

    cookie, device = answer.headers.get_list("set-cookie")[:2]
    assert cookie.startswith("__Host-pinbu_session=")
    assert all(part in cookie for part in ("Secure", "HttpOnly", "Path=/;"))
    assert all(part in device for part in ("pinbu_device=", "Secure", "HttpOnly", "Path=/login"))
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_device_is_shown_again_at_the_next_sign_in(fake_api: FakeApi, browser: Browser) -> None:
    first = browser.post("/login", OWNER)
    browser.cookies["pinbu_device"] = (
        next(cookie for cookie in first.headers.get_list("set-cookie") if "pinbu_device" in cookie)
        .split("=", 1)[1]
        .split(";")[0]
        .strip('"')
    )

    assert browser.post("/login", OWNER).status_code == 303
    assert fake_api.devices == [None, "device of owner"]


def test_figures_of_the_server_itself_are_not_found(browser: Browser) -> None:
    assert browser.get("/_stcore/metrics").status_code == 404
    assert "frame-ancestors 'none'" in browser.get("/login").headers["content-security-policy"]


def test_a_wrong_password_says_so_and_sets_nothing(fake_api: FakeApi, browser: Browser) -> None:
    answer = browser.post("/login", {**OWNER, "password": "wrong"})

    assert answer.status_code == 401
    assert "账号或密码不对。" in answer.text
    assert 'value="owner"' in answer.text
    assert "wrong" not in answer.text
    assert SESSION_COOKIE not in answer.headers.get("set-cookie", "")


def test_an_unreachable_api_is_said_in_our_words(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINBU_API_URL", "http://127.0.0.1:1")

    answer = browser.post("/login", OWNER)

    assert answer.status_code == 503
    assert "连不上服务" in answer.text


@pytest.mark.parametrize("origin", ["http://evil.test", "null", ""])
def test_a_post_from_elsewhere_is_refused(fake_api: FakeApi, browser: Browser, origin: str) -> None:
    answer = browser.post("/login", OWNER, origin=origin)

    assert answer.status_code == 403
    assert fake_api.asked == []


def test_the_form_speaks_the_asked_language_and_remembers_it(browser: Browser) -> None:
    answer = browser.get("/login?lang=en&next=/board")

    assert "Sign in" in answer.text
    assert "pinbu_language=en" in answer.headers["set-cookie"]


def test_the_form_speaks_the_browsers_language(browser: Browser) -> None:
    english = browser.get("/login", language="en-GB")
    chinese = browser.get("/login", language="fr")

    assert '<html lang="en">' in english.text
    assert '<html lang="zh">' in chinese.text


def test_who_is_signed_in_does_not_see_the_form(fake_api: FakeApi, browser: Browser) -> None:
    browser.cookies[SESSION_COOKIE] = fake_api.token_of("owner")

    assert browser.get("/login?next=/grants").headers["location"] == "/grants"


def test_a_dead_cookie_is_taken_away(fake_api: FakeApi, browser: Browser) -> None:
    browser.cookies[SESSION_COOKIE] = "revoked"

    answer = browser.get("/login?ended=1")

    assert answer.status_code == 200
    assert "登录已失效" in answer.text
    assert f'{SESSION_COOKIE}=""' in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("asked", "safe"),
    [
        ("/board?view=open", "/board?view=open"),
        (None, "/"),
        ("", "/"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test/", "/"),
        ("javascript:alert(1)", "/"),
        ("/login", "/"),
    ],
)
def test_onward_leads_nowhere_else(asked: str | None, safe: str) -> None:
    assert safe_path(asked) == safe


def test_what_was_typed_is_escaped(fake_api: FakeApi, browser: Browser) -> None:
    answer = browser.post("/login", {**OWNER, "login": '"><script>x</script>'})

    assert "<script>x" not in answer.text


def test_only_assets_are_served(browser: Browser) -> None:
    assert browser.get("/assets/login.css").headers["content-type"].startswith("text/css")
    assert "ApiError" not in browser.get("/assets/..%2Fclient.py").text
    assert browser.get("/assets/nothing.css").status_code == 404


def test_every_answer_keeps_the_console_out_of_frames(browser: Browser) -> None:
    headers = browser.get("/login").headers

    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
