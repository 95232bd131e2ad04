"""What the console's server adds to Streamlit's: compression, one base address, missing pages."""

from html import escape
from pathlib import Path
from string import Template

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.roles import PAGES
from console.signing_in import ASSETS, RequireSession, SecurityHeaders, language_of
from console.texts import Texts

LEAST_BYTES = 1000
# Levels above cost more time at each start than they save on the wire.
LEVEL = 5
BASE_SCRIPT = b'<script src="/assets/base.js"></script>'
HEAD = b"<head>"
OWN_PATHS = frozenset({"login", "assets", "static", "media", "component", "_stcore", "favicon.png"})


class OneBase:
    """Name the console's base address in Streamlit's page.

    Without it the browser looks for the server below the page's own path first, and each load of
    `/board` begins with two requests that are answered 404.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the script into the head of an HTML page; pass everything else on."""
        if scope["type"] != "http" or _first_part(scope["path"]) in OWN_PATHS:
            await self.app(scope, receive, send)
            return
        held: list[Message] = []

        async def send_with_script(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == 200 and _is_html(message):
                    held.append(message)
                    return
            elif held and message["type"] == "http.response.body":
                held.append(message)
                if message.get("more_body"):
                    return
                start, *parts = held
                body = b"".join(part.get("body", b"") for part in parts)
                body = body.replace(HEAD, HEAD + BASE_SCRIPT, 1)
                MutableHeaders(raw=start["headers"])["content-length"] = str(len(body))
                held.clear()
                await send(start)
                message = {"type": "http.response.body", "body": body}
            await send(message)

        # Streamlit packs some of its pages itself, and then there is no head to find.
        headers = [one for one in scope["headers"] if one[0] != b"accept-encoding"]
        await self.app({**scope, "headers": headers}, receive, send_with_script)


class KnownPages:
    """Answer an address that no page has in the reader's language; Streamlit would say it in
    English and show its first page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what a page has, and what is no page."""
        if scope["type"] == "http" and scope["method"] == "GET" and _is_missing(scope):
            response = HTMLResponse(_missing_page(Request(scope)), status_code=404)
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)


middleware = [
    Middleware(SecurityHeaders),
    Middleware(GZipMiddleware, minimum_size=LEAST_BYTES, compresslevel=LEVEL),
    Middleware(RequireSession),
    Middleware(KnownPages),
    Middleware(OneBase),
]


def _first_part(path: str) -> str:
    return path.strip("/").split("/")[0]


def _is_html(start: Message) -> bool:
    kind = MutableHeaders(raw=start["headers"]).get("content-type", "")
    return kind.startswith("text/html")


def _is_missing(scope: Scope) -> bool:
    path = scope["path"].strip("/")
    if not path or _first_part(path) in OWN_PATHS:
        return False
    if "text/html" not in Request(scope).headers.get("accept", ""):
        return False
    return path.replace("-", "_") not in PAGES


def _missing_page(request: Request) -> str:
    language = language_of(request)
    t = Texts(language)
    words = {
        "language": language,
        "title": t("app.title"),
        "brand": t("app.brand"),
        "slogan": t("app.slogan"),
        "heading": t("missing.heading"),
        "sentence": t("missing.sentence", path=request.url.path),
        "first": t("missing.first"),
    }
    page = Template(Path(ASSETS / "missing.html").read_text("utf-8"))
    return page.substitute({name: escape(text) for name, text in words.items()})
