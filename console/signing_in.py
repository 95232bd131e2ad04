"""Login outside Streamlit: a form, a same-origin POST, and an HttpOnly cookie with the token.

The cookie holds the API's opaque token and nothing else; the API decides at each call what it is
worth. Frame and pages read it through `session.py`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.client import ApiError, Client
from console.texts import LANGUAGES, NAMES, Texts, choose_language

SESSION_COOKIE = "pinbu_session"
SECURE_SESSION_COOKIE = "__Host-pinbu_session"
"""Its name behind TLS: browsers keep it to this host, this scheme and all paths."""
DEVICE_COOKIE = "pinbu_device"
DEVICE_SECONDS = 180 * 24 * 3600
LANGUAGE_COOKIE = "pinbu_language"
LANGUAGE_SECONDS = 365 * 24 * 3600
OPEN_PATHS = ("/login", "/assets/", "/static/", "/_stcore/", "/favicon")
ASSETS = Path(__file__).parent / "assets"
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        # Streamlit compiles and styles as it goes; nothing is loaded from afar but pictures.
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval';"
        b" style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: https:;"
        b" font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:;"
        b" object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    ),
)
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
CLOSED_PATHS = ("/_stcore/metrics",)


def show_form(request: Request) -> Response:
    """Show the login form; who is signed in already goes on."""
    language = language_of(request)
    onward = safe_path(request.query_params.get("next"))
    token = session_token(request.cookies)
    if token and _is_live(token):
        return RedirectResponse(onward, status_code=303)
    notice = "login.ended" if request.query_params.get("ended") else None
    response = _form(request, language=language, onward=onward, notice=notice)
    response.delete_cookie(SESSION_COOKIE, path="/")
    if _is_https(request):
        response.delete_cookie(SECURE_SESSION_COOKIE, path="/", secure=True)
    return response


async def take_form(request: Request) -> Response:
    """Sign in with what was typed; the answer sets the cookie, or says what was wrong."""
    if not is_same_origin(request):
        return HTMLResponse("Forbidden", status_code=403)
    form = await request.form()
    language = language_of(request)
    onward = safe_path(str(form.get("next", "/")))
    login = str(form.get("login", "")).strip().lower()
    client = Client(language=language, forwarded_for=_chain_of(request))
    try:
        session = await run_in_threadpool(
            client.sign_in,
            login,
            str(form.get("password", "")),
            device_token=request.cookies.get(DEVICE_COOKIE),
        )
    except ApiError as error:
        return _form(request, language=language, onward=onward, login=login, error=error)
    response = RedirectResponse(onward, status_code=303)
    is_https = _is_https(request)
    response.set_cookie(
        SECURE_SESSION_COOKIE if is_https else SESSION_COOKIE,
        session["token"],
        expires=datetime.fromisoformat(session["expires_at"]).astimezone(UTC),
        httponly=True,
        secure=is_https,
        samesite="lax",
        path="/",
    )
    if device_token := session.get("device_token"):
        response.set_cookie(
            DEVICE_COOKIE,
            device_token,
            max_age=DEVICE_SECONDS,
            httponly=True,
            secure=is_https,
            samesite="strict",
            path="/login",
        )
    _remember_language(response, language)
    return response


def send_asset(request: Request) -> Response:
    """Serve one of the console's own files."""
    path = (ASSETS / request.path_params["name"]).resolve()
    if path.parent != ASSETS or not path.is_file():
        return Response(status_code=404)
    return FileResponse(path, headers={"Cache-Control": "public, max-age=86400"})


routes = [
    Route("/login", show_form, methods=["GET"]),
    Route("/login", take_form, methods=["POST"]),
    Route("/assets/{name}", send_asset, methods=["GET"]),
]


class RequireSession:
    """Send a page request without a session cookie to the login form, before Streamlit loads."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is not a page, or has the cookie."""
        if scope["type"] == "http" and scope["method"] == "GET" and not _is_open(scope["path"]):
            request = Request(scope)
            if session_token(request.cookies) is None and "text/html" in request.headers.get(
                "accept", ""
            ):
                query = f"?{request.url.query}" if request.url.query else ""
                onward = quote(scope["path"] + query, safe="")
                response = RedirectResponse(f"/login?next={onward}", status_code=303)
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)


class SecurityHeaders:
    """Add the headers that keep the console out of frames and its types unguessed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to each answer; what is for machines around is not found."""
        if scope["type"] == "http" and scope["path"] in CLOSED_PATHS:
            await Response(status_code=404)(scope, receive, send)
            return
        more = SECURITY_HEADERS
        if scope["type"] == "http" and _is_https(Request(scope)):
            more = (*more, STRICT_TRANSPORT)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self.app(scope, receive, send_with_headers)


def session_token(cookies: Mapping[str, str]) -> str | None:
    """Return the token of the session's cookie, by either of its names."""
    return cookies.get(SECURE_SESSION_COOKIE) or cookies.get(SESSION_COOKIE)


def safe_path(onward: str | None) -> str:
    """Return a path of this console to go on to; anything else becomes the first page."""
    if not onward or not onward.startswith("/") or onward[1:2] in ("/", "\\"):
        return "/"
    parts = urlsplit(onward)
    return "/" if parts.scheme or parts.netloc or parts.path == "/login" else onward


def is_same_origin(request: Request) -> bool:
    """Tell whether a POST came from a page of this console."""
    origin = request.headers.get("origin") or request.headers.get("referer") or ""
    return urlsplit(origin).netloc == request.headers.get("host")


def forwarded_chain(forwarded: str | None, peer: str | None) -> str:
    """Append the peer to the addresses that proxies before us reported; no peer is this machine."""
    return ", ".join(filter(None, (forwarded, peer or "127.0.0.1")))


def _form(
    request: Request,
    *,
    language: str,
    onward: str,
    login: str = "",
    notice: str | None = None,
    error: ApiError | None = None,
) -> Response:
    t = Texts(language)
    message, tone, status = "", "none", 200
    if error is not None:
        message = error.detail if error.status else t(f"error.{error.code}")
        tone, status = "error", error.status or 503
    elif notice:
        message, tone = t(notice), "notice"
    here = f"/login?next={quote(onward, safe='')}"
    page = Template((ASSETS / "login.html").read_text("utf-8")).substitute(
        language=language,
        title=escape(t("app.title")),
        brand=escape(t("app.brand")),
        slogan=escape(t("app.slogan")),
        heading=escape(t("login.heading")),
        login_label=escape(t("login.login")),
        password_label=escape(t("login.password")),
        submit=escape(t("login.submit")),
        show=escape(t("login.show_password")),
        help=escape(t("login.help")),
        login=escape(login, quote=True),
        onward=escape(onward, quote=True),
        message=escape(message),
        tone=tone,
        languages=" ".join(
            f'<a href="{escape(here, quote=True)}&amp;lang={code}" lang="{code}"'
            f' aria-current="{str(code == language).lower()}">{NAMES[code]}</a>'
            for code in LANGUAGES
        ),
    )
    response = HTMLResponse(page, status_code=status, headers={"Cache-Control": "no-store"})
    if request.query_params.get("lang") in LANGUAGES:
        _remember_language(response, language)
    return response


def language_of(request: Request) -> str:
    """Return the language of a request: asked for, chosen before, or the browser's."""
    return choose_language(
        asked=request.query_params.get("lang"),
        remembered=request.cookies.get(LANGUAGE_COOKIE),
        accepted=request.headers.get("accept-language"),
    )


def _remember_language(response: Response, language: str) -> None:
    response.set_cookie(
        LANGUAGE_COOKIE, language, max_age=LANGUAGE_SECONDS, samesite="lax", path="/"
    )


def _is_live(token: str) -> bool:
    try:
        Client(token).read_session()
    except ApiError:
        return False
    return True


def _is_open(path: str) -> bool:
    return path.startswith(OPEN_PATHS)


def _is_https(request: Request) -> bool:
    forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip()
    return (forwarded or request.url.scheme) == "https"


def _chain_of(request: Request) -> str:
    peer = request.client.host if request.client else None
    return forwarded_chain(", ".join(request.headers.getlist("x-forwarded-for")), peer)
