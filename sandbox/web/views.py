"""The page's views: lists, forms, and one place that takes what the forms send."""

import hmac
import secrets
from http import HTTPStatus
from typing import Any

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from sandbox.strangers import is_stranger
from sandbox.web import texts
from sandbox.web.actions import ACTIONS, Unreadable
from sandbox.web.asking import Refusal, ask, look
from sandbox.web.boards import BOARDS
from sandbox.web.fault_texts import explain_fault
from sandbox.wechat.transfer_steps import FAIL_REASONS

web = Blueprint(
    "web", __name__, template_folder="templates", static_folder="static", static_url_path="/web"
)

KINDS = ("orders", "refunds", "transfers", "callbacks", "messages", "accounts", "faults")
PAGES = (*BOARDS, "accounts", "faults")
_PAGE_ROWS = "50"
_LANGUAGE_SECONDS = 365 * 86400
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@web.before_request
def refuse_strangers() -> Response | None:
    """Serve this machine only; a form must carry this browser's own token."""
    if is_stranger(request):
        return _refusal("stranger")
    if request.method == "POST" and not hmac.compare_digest(
        request.form.get("token", "").encode(), session.get("token", secrets.token_hex()).encode()
    ):
        return _refusal("reload")
    return None


def _refusal(key: str) -> Response:
    return Response(
        texts.say(key, language()), HTTPStatus.FORBIDDEN, content_type="text/plain; charset=utf-8"
    )


@web.after_request
def protect(response: Response) -> Response:
    """Let nothing from elsewhere into the page, and the page into nothing else."""
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def language() -> str:
    """Return the language chosen, or else the browser's."""
    chosen = request.cookies.get("sandbox_language")
    if chosen in texts.LANGUAGES:
        return chosen
    return request.accept_languages.best_match(list(texts.LANGUAGES)) or "zh"


@web.get("/")
def home() -> AnyResponse:
    """Lead to the orders."""
    return redirect(url_for("web.show", page="orders"))


@web.get("/<any({}):page>".format(", ".join(f'"{name}"' for name in BOARDS)))
def show(page: str) -> Response:
    """Show one list, newest first, of one state or all."""
    board = BOARDS[page]
    state = request.args.get("state", "")
    if state not in {"", *board.states}:
        raise NotFound
    parameters = {board.state: state} if board.state else {}
    try:
        found = look(
            board.path,
            **parameters,
            order="newest",
            limit=_PAGE_ROWS,
            after=request.args.get("after", ""),
        )
    except Refusal:
        raise NotFound from None
    siblings = [one.name for one in BOARDS.values() if one.kind == board.kind]
    return _render(
        "board.html", page, kind=board.kind, board=board, siblings=siblings, state=state, **found
    )


@web.get("/accounts")
def show_accounts() -> Response:
    """Show the accounts with their funds."""
    sellers = look("/alipay/accounts", order="newest", limit=_PAGE_ROWS)["items"]
    return _render("accounts.html", "accounts", accounts=_accounts(), sellers=sellers)


@web.get("/faults")
def show_faults() -> Response:
    """Show the faults in force, and the form for another."""
    found = look("/faults")
    found["names"] = {
        name: explain_fault(name, meaning, language()) for name, meaning in found["names"].items()
    }
    return _render("faults.html", "faults", accounts=_accounts(), reasons=FAIL_REASONS, **found)


def _accounts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = look("/accounts", order="newest", limit=_PAGE_ROWS)["items"]
    return found


@web.post("/act/<any({}):action>".format(", ".join(f'"{name}"' for name in ACTIONS)))
def act(action: str) -> AnyResponse:
    """Do what a button says, and go back to its page with what came of it."""
    try:
        ask(ACTIONS[action](request.form))
        session["said"] = ["done", ""]
    except Refusal as refusal:
        session["said"] = ["refused", str(refusal)]
    except Unreadable as unreadable:
        session["said"] = ["refused", texts.say(unreadable.key, language())]
    return _back()


@web.post("/language/<any(zh, en):chosen>")
def choose_language(chosen: str) -> AnyResponse:
    """Keep the language chosen."""
    response = _back()
    response.set_cookie(
        "sandbox_language",
        chosen,
        max_age=_LANGUAGE_SECONDS,
        httponly=True,
        samesite="Strict",
    )
    return response


def _back() -> AnyResponse:
    """Lead back to the page a form stood on."""
    page = request.form.get("page", "")
    known = page if page in PAGES else PAGES[0]
    return redirect(f"{url_for('web.home')}{known}", HTTPStatus.SEE_OTHER)


def _render(template: str, page: str, **values: Any) -> Response:
    spoken = language()
    if "token" not in session:
        session["token"] = secrets.token_hex(16)
    response = make_response(
        render_template(
            f"web/{template}",
            page=page,
            kinds=KINDS,
            language=spoken,
            languages=texts.LANGUAGES,
            say=lambda key: texts.say(key, spoken),
            has_text=texts.has_text,
            yuan=texts.yuan,
            short_instant=texts.short_instant,
            token=session["token"],
            said=session.pop("said", None),
            clock=look("/clock"),
            drained=look("/drained"),
            ahead=texts.duration(look("/clock")["offset_seconds"], spoken),
            **{"kind": page, **values},
        )
    )
    response.headers["Cache-Control"] = "no-store"
    return response
