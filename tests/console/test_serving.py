import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from console.serving import middleware
from console.signing_in import SESSION_COOKIE, routes
from tests.console.conftest import Pages, text_of

HTML = "<!DOCTYPE html><html><head><title>Streamlit</title></head><body></body></html>"
HERE = "http://console.test"
SCRIPT = '<script src="/assets/base.js"></script>'


def streamlit(request: Request) -> Response:
    return HTMLResponse(HTML)


def packed(request: Request) -> Response:
    """Answer as Streamlit does below its first page: packed already where it may be."""
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return HTMLResponse(HTML)
    return HTMLResponse(gzip.compress(HTML.encode()), headers={"Content-Encoding": "gzip"})


def large(request: Request) -> Response:
    return PlainTextResponse("拼补" * 50_000)


class Browser:
    """Asks the console's server, signed in, and does not unpack what it gets."""

    def get(self, path: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = self._get(path, {"Accept": "text/html", **named})
        # A thread of its own: browser tests in the same process leave a loop running in this one.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, asked).result()

    async def _get(self, path: str, headers: dict[str, str]) -> httpx.Response:
        app = Starlette(
            routes=[
                *routes,
                Route("/static/large.js", large),
                Route("/campaigns", packed),
                Route("/{path:path}", streamlit),
            ],
            middleware=middleware,
        )
        cookies = {SESSION_COOKIE: "token"}
        transport = httpx.ASGITransport(app=app)
        async with (
            httpx.AsyncClient(transport=transport, base_url=HERE, cookies=cookies) as client,
            client.stream("GET", path, headers=headers) as answer,
        ):
            answer.extensions["sent"] = b"".join([part async for part in answer.aiter_raw()])
        return answer


@pytest.fixture
def browser() -> Browser:
    return Browser()


def text(answer: httpx.Response) -> str:
    sent: bytes = answer.extensions["sent"]
    is_packed = answer.headers.get("Content-Encoding") == "gzip"
    return (gzip.decompress(sent) if is_packed else sent).decode()


def test_what_is_large_is_sent_compressed(browser: Browser) -> None:
    answer = browser.get("/static/large.js")

    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.extensions["sent"]) < 3000
    assert text(answer) == "拼补" * 50_000


def test_who_cannot_unpack_gets_it_as_it_is(browser: Browser) -> None:
    answer = browser.get("/static/large.js", Accept_Encoding="identity")

    assert "Content-Encoding" not in answer.headers
    assert text(answer) == "拼补" * 50_000


@pytest.mark.parametrize("path", ["/", "/board", "/new-campaign", "/campaigns"])
def test_a_page_says_where_the_server_stands(browser: Browser, path: str) -> None:
    answer = browser.get(path)

    assert text(answer).count(SCRIPT) == 1
    assert text(answer).index(SCRIPT) < text(answer).index("<title>")
    assert browser.get("/assets/base.js").status_code == 200


@pytest.mark.parametrize("path", ["/nonsense", "/board/more", "/new_campaignx"])
def test_a_page_that_is_not_there_is_said_so_in_the_readers_language(
    browser: Browser, path: str
) -> None:
    chinese = browser.get(path, Accept_Language="zh-CN")
    english = browser.get(path, Accept_Language="en-GB")

    assert (chinese.status_code, english.status_code) == (404, 404)
    assert "没有这个页面" in text(chinese)
    assert "There is no such page" in text(english)
    assert path in text(chinese)


def test_what_the_address_says_is_shown_as_text(browser: Browser) -> None:
    answer = browser.get("/%3Cscript%3Ealert(1)%3C/script%3E")

    assert answer.status_code == 404
    assert "<script>" not in text(answer)


def test_a_file_that_is_not_there_is_left_to_streamlit(browser: Browser) -> None:
    assert browser.get("/nonsense", Accept="*/*").status_code == 200


@pytest.mark.parametrize(
    ("language", "sentence"), [("zh", "看不到这个页面"), ("en", "does not see this page")]
)
def test_a_page_that_a_role_may_not_see_says_who_does(
    pages: Pages, language: str, sentence: str
) -> None:
    shown = text_of(pages.open_refused("new_campaign", login="viewer", language=language))

    assert sentence in shown
