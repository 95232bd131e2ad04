"""A stand-in for the API's merchant side, for the console's tests only.

A real HTTP server on a free port that answers from made-up data. What staff change (a paused
campaign, a released grant) stays changed until the server stops. Each request and each answer is
held against the API's document (`contract.py`); `faults` names what is not as documented.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.console import contract
from tests.console import fake_data as made_up
from tests.console.fake_data import Json

STAFF = {
    "owner": (
        "owner-password",
        {"id": made_up.public_id("owner"), "name": "林店长", "role": "owner"},
    ),
    "operator": (
        "operator-password",
        {"id": made_up.public_id("operator"), "name": "小周", "role": "operator"},
    ),
    "viewer": (
        "viewer-password",
        {"id": made_up.public_id("viewer"), "name": "阿晴", "role": "viewer"},
    ),
}
MERCHANT = {"id": made_up.public_id("merchant"), "name": "云岭坚果铺"}
PROBLEMS = {
    "unauthorized": (401, "请重新登录。", "Please sign in again."),
    "wrong_password": (401, "账号或密码不对。", "Login or password is wrong."),
    "forbidden": (403, "你的角色不能做这件事。", "Your role may not do this."),
    "not_found": (404, "没有找到。", "Not found."),
    "illegal_move": (409, "当前状态不允许这个操作。", "The present state does not allow this."),
    "approval_needed": (409, "超过审批限额。", "This is above the approval limit."),
    "campaign_changed": (409, "已被别人改过。", "Somebody else changed it."),
    "warnings_not_acknowledged": (409, "还有提醒没有确认。", "Warnings are not acknowledged."),
    "reason_missing": (422, "请填写原因。", "Say why."),
    "invalid": (422, "有字段不正确。", "A field is wrong."),
    "unavailable": (503, "服务暂时不可用。", "The service is unavailable."),
}
Answer = tuple[int, Any]


class FakeProblem(Exception):
    """A refusal, by its code."""


class FakeApi:
    """The server, its data, what it was asked, and what it is told to get wrong."""

    def __init__(self) -> None:
        self.forget()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def forget(self) -> None:
        """Begin anew: fresh data, nobody signed in, nothing failing."""
        now = datetime.now(UTC).replace(microsecond=0)
        self.started_at = now
        self.tokens: dict[str, str] = {}
        self.asked: list[tuple[str, str, Json | None]] = []
        self.asked_keys: list[str] = []
        self.devices: list[str | None] = []
        self.faults: list[str] = []
        self.failing: dict[str, str] = {}
        self.is_empty = False
        self.products = made_up.products()
        self.campaigns = made_up.campaigns(now)
        self.groups = made_up.groups(now, self.campaigns)
        self.shoppers = made_up.shoppers(now)
        self.grants = made_up.grants(now, self.groups)
        self.refunds = made_up.refunds(now, self.groups)
        self.audit_log = made_up.audit_log(now, self.campaigns)
        self.settings: Json = made_up.settings()
        self.programmes: list[Json] = [{"id": made_up.public_id("programme"), "name": "云岭里程"}]
        self.refund_queue: Json = {}
        self.approvals: list[Json] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> "FakeApi":
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def token_of(self, login: str) -> str:
        """Sign a member of staff in without a request."""
        token = f"token-{login}-{len(self.tokens)}"
        self.tokens[token] = login
        return token

    def answer(
        self, method: str, path: str, query: Json, body: Json | None, headers: Any
    ) -> Answer:
        """Answer a request; whatever the document does not allow is recorded as a fault."""
        operation = contract.operation_of(method, path)
        if operation is None:
            self.faults.append(f"the API has no {method} {path}")
            return problem_answer("not_found", headers)
        self.faults.extend(operation.request_faults(query, body, headers))
        try:
            status, answer = self._answer(method, path, query, body, headers)
        except FakeProblem as problem:
            status, answer = problem_answer(str(problem), headers)
        answer = operation.filled(status, answer)
        self.faults.extend(operation.answer_faults(status, answer))
        return status, answer

    def _answer(
        self, method: str, path: str, query: Json, body: Json | None, headers: Any
    ) -> Answer:
        if "Idempotency-Key" in headers:
            self.asked_keys.append(headers["Idempotency-Key"])
        for start, code in self.failing.items():
            if f"{method} {path}".startswith(start):
                raise FakeProblem(code)
        if (method, path) == ("POST", "/v1/merchant/sessions"):
            return self._sign_in(body or {})
        token = (headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise FakeProblem("unauthorized")
        _, staff = STAFF[self.tokens[token]]
        if method != "GET" and staff["role"] == "viewer" and "sessions" not in path:
            raise FakeProblem("forbidden")
        language = headers.get("Accept-Language", "zh")
        for route_method, pattern, handler in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == route_method:
                call = Call(token, staff, query, body or {}, language, headers)
                return handler(self, call, *found.groups())
        raise FakeProblem("not_found")

    def _sign_in(self, body: Json) -> Answer:
        password, staff = STAFF.get(body.get("login", ""), ("", {}))
        if not password or body.get("password") != password:
            raise FakeProblem("wrong_password")
        self.devices.append(body.get("device_token"))
        return 201, {
            "token": self.token_of(body["login"]),
            "expires_at": made_up.stamp(datetime.now(UTC) + timedelta(hours=12)),
            "device_token": f"device of {body['login']}",
            "staff": staff,
            "merchant": MERCHANT,
        }


@dataclass(frozen=True)
class Call:
    """One request as a handler sees it."""

    token: str
    staff: Json
    query: Json
    body: Json
    language: str
    headers: Any


def read_session(_api: FakeApi, call: Call) -> Answer:
    return 200, {"staff": call.staff, "merchant": MERCHANT}


def delete_session(api: FakeApi, call: Call) -> Answer:
    del api.tokens[call.token]
    return 204, None


def read_board(api: FakeApi, call: Call) -> Answer:
    now = datetime.now(UTC)
    asked = call.query.get("campaign_id")
    groups = [] if api.is_empty else [g for g in api.groups if asked in (None, g["campaign_id"])]
    open_groups = [group for group in groups if group["state"] == "open"]
    soon = made_up.stamp(now + timedelta(minutes=30))
    unsettled = [
        group
        for group in groups
        if group["state"] in ("open", "closing") and group["deadline_at"] < made_up.stamp(now)
    ]
    return 200, {
        "open": len(open_groups),
        "pending": sum(group["state"] == "pending" for group in groups),
        "closing": sum(group["state"] == "closing" for group in groups),
        "one_short": sum(group["taken"] == group["size"] - 1 for group in open_groups),
        "ending_soon": sum(group["deadline_at"] < soon for group in open_groups),
        "unsettled_past_deadline": len(unsettled),
        "oldest_unsettled_seconds": 190 if unsettled else None,
        "rejected_refunds": 2,
        "abnormal_refunds": 0,
        "parked_work": 0,
        "server_time": made_up.stamp(now),
    }


def read_figures(api: FakeApi, call: Call) -> Answer:
    first, last = (date.fromisoformat(call.query[key]) for key in ("from_on", "to_on"))
    campaign_id = call.query.get("campaign_id")
    index = next(
        (i for i, one in enumerate(api.campaigns) if one["id"] == campaign_id),
        4 if api.is_empty else None,
    )
    length = (last - first).days + 1

    def days_from(start: date) -> list[Json]:
        spans = (start + timedelta(days=n) for n in range(length))
        return [
            {"on": on.isoformat(), **made_up.with_ratios(made_up.figures_of(on, index))}
            for on in spans
        ]

    days, before = days_from(first), days_from(first - timedelta(days=length))
    name, sentence = (2, 3) if call.language.startswith("en") else (0, 1)
    return 200, {
        "from_on": first.isoformat(),
        "to_on": last.isoformat(),
        "as_of": made_up.stamp(datetime.now(UTC)),
        "total": made_up.added(days),
        "previous": made_up.added(before),
        "previous_until": made_up.stamp(datetime.now(UTC) - timedelta(days=length)),
        "days": days,
        "definitions": [
            {"key": key, "name": words[name], "sentence": words[sentence]}
            for key, words in made_up.DEFINITIONS.items()
        ],
    }


def paged(items: list[Json], call: Call) -> Answer:
    start = int(call.query.get("cursor") or 0)
    end = start + int(call.query.get("limit") or 20)
    return 200, {
        "items": items[start:end],
        "next_cursor": str(end) if end < len(items) else None,
    }


def list_groups(api: FakeApi, call: Call) -> Answer:
    asked = {key: call.query[key] for key in ("state", "campaign_id") if key in call.query}
    groups = [] if api.is_empty else api.groups
    return paged([g for g in groups if all(g[key] == asked[key] for key in asked)], call)


def read_group(api: FakeApi, _call: Call, group_id: str) -> Answer:
    return 200, made_up.group_detail(_one(api.groups, group_id))


def list_campaigns(api: FakeApi, call: Call) -> Answer:
    campaigns = [] if api.is_empty else [with_phase(one) for one in api.campaigns]
    asked = call.query.get("phase")
    return paged([one for one in campaigns if asked in (None, one["phase"])], call)


def read_campaign(api: FakeApi, _call: Call, campaign_id: str) -> Answer:
    return 200, with_phase(_one(api.campaigns, campaign_id))


def with_phase(campaign: Json) -> Json:
    """Say where a campaign is: its state, and of a published one where the clock is."""
    now, state = made_up.stamp(datetime.now(UTC)), campaign["state"]
    phase = state
    if state in ("published", "paused"):
        is_over, is_ahead = campaign["ends_at"] <= now, campaign["starts_at"] > now
        running = "upcoming" if is_ahead else "running"
        phase = "expired" if is_over else running if state == "published" else "paused"
    return {**campaign, "phase": phase}


def list_rules(api: FakeApi, call: Call, campaign_id: str) -> Answer:
    campaign = _one(api.campaigns, campaign_id)
    return paged([one | RULES for one in made_up.versions_of(campaign)], call)


RULES = {
    "rules_text_zh": ["3 人成团。", "未成团：全额退款，并获得现金补贴。"],
    "rules_text_en": ["A group needs 3.", "If it fails: full refund and a cash subsidy."],
    "caps_text_zh": ["每人每天最多 30 元。"],
    "caps_text_en": ["At most 30 yuan a day."],
}


def create_campaign(api: FakeApi, call: Call) -> Answer:
    if call.body["starts_at"] >= call.body["ends_at"]:
        raise FakeProblem("invalid")
    campaign = {
        **call.body,
        "id": made_up.public_id("new campaign", len(api.campaigns)),
        "state": "draft",
        "rule_version": None,
        "published": None,
        "has_unpublished_changes": True,
        **dict.fromkeys(("committed_fen", "spent_fen", "stock_committed", "stock_consumed"), 0),
        "totals": dict.fromkeys(
            ("groups_opened", "groups_formed", "groups_failed", "people_paid"), 0
        ),
    }
    api.campaigns.insert(0, campaign)
    return 201, with_phase(campaign)


def check_campaign(api: FakeApi, call: Call, campaign_id: str) -> Answer:
    campaign = _one(api.campaigns, campaign_id)
    is_english = call.language.startswith("en")
    amber = (
        "The subsidy is more than half of the price gap: not sharing nearly pays as well."
        if is_english
        else "补贴超过差价的一半：不分享几乎同样划算。"
    )
    size = campaign["terms"]["group_size"]
    return 200, {
        "warnings": [{"code": "subsidy_near_gap", "severity": "amber", "sentence": amber}],
        "rules_text_zh": [
            f"{size} 人成团。",
            "未成团：全额退款，并获得现金补贴。",
            *RULES["caps_text_zh"],
        ],
        "rules_text_en": [
            f"A group needs {size}.",
            "If it fails: full refund and a cash subsidy.",
            *RULES["caps_text_en"],
        ],
    }


def publish_campaign(api: FakeApi, call: Call, campaign_id: str) -> Answer:
    campaign = _one(api.campaigns, campaign_id)
    if {one["code"] for one in call.body["acknowledged"]} != {"subsidy_near_gap"}:
        raise FakeProblem("warnings_not_acknowledged")
    _move(campaign, ("draft",), "published")
    campaign |= {"rule_version": 1, "has_unpublished_changes": False}
    campaign["published"] = made_up.published_of(campaign)
    return 201, with_phase(campaign)


def change_campaign(api: FakeApi, call: Call, campaign_id: str) -> Answer:
    campaign = _one(api.campaigns, campaign_id)
    funds = {"budget_fen", "stock_units"} & {*call.body}
    if campaign["state"] != "draft" and funds and not call.body.get("reason"):
        raise FakeProblem("reason_missing")
    raised = call.body.get("budget_fen", 0) - campaign["budget_fen"]
    limit = api.settings["approval_limit_fen"]
    if limit is not None and raised > limit:
        raise FakeProblem("approval_needed")
    for field, was in (("budget_fen", "budget_was_fen"), ("stock_units", "stock_was_units")):
        if call.body.get(was) not in (None, campaign[field]):
            raise FakeProblem("campaign_changed")
    names = ("title", "starts_at", "ends_at", "budget_fen", "stock_units", "terms")
    campaign |= {name: call.body[name] for name in names if name in call.body}
    campaign["has_unpublished_changes"] |= "terms" in call.body
    return 200, with_phase(campaign)


def pause_campaign(api: FakeApi, _call: Call, campaign_id: str) -> Answer:
    return 200, with_phase(_move(_one(api.campaigns, campaign_id), ("published",), "paused"))


def resume_campaign(api: FakeApi, _call: Call, campaign_id: str) -> Answer:
    return 200, with_phase(_move(_one(api.campaigns, campaign_id), ("paused",), "published"))


def end_campaign(api: FakeApi, _call: Call, campaign_id: str) -> Answer:
    moved = _move(_one(api.campaigns, campaign_id), ("published", "paused"), "ended")
    return 200, with_phase(moved)


def ask_approval(api: FakeApi, call: Call) -> Answer:
    approval = {
        **{name: call.body[name] for name in ("kind", "command", "reason")},
        "id": made_up.public_id("approval", len(api.approvals)),
        "amount_fen": 0,
        "state": "pending",
        "requested_by": call.staff["name"],
        "requested_at": made_up.stamp(datetime.now(UTC)),
    }
    api.approvals.append(approval)
    return 201, approval


def list_approvals(api: FakeApi, call: Call) -> Answer:
    asked = call.query.get("state")
    found = [one for one in reversed(api.approvals) if asked in (None, one["state"])]
    return paged([] if api.is_empty else found, call)


def decide_approval(api: FakeApi, call: Call, approval_id: str, how: str) -> Answer:
    approval = _one(api.approvals, approval_id)
    is_own = approval["requested_by"] == call.staff["name"]
    if is_own != (how == "withdrawal"):
        raise FakeProblem("forbidden")
    states = {"approval": "approved", "refusal": "refused", "withdrawal": "withdrawn"}
    _move(approval, ("pending",), states[how])
    decided = {"decided_by": call.staff["name"], "decision_reason": call.body["reason"]}
    approval |= {**decided, "decided_at": made_up.stamp(datetime.now(UTC))}
    return 200, approval


def list_refunds(api: FakeApi, call: Call) -> Answer:
    asked = call.query.get("state")
    found = [one for one in api.refunds if asked in (None, one["state"])]
    return paged([] if api.is_empty else found, call)


def retry_refund(api: FakeApi, _call: Call, refund_id: str) -> Answer:
    return 200, _move(_one(api.refunds, refund_id), ("rejected",), "requested")


def change_product(api: FakeApi, call: Call, product_id: str) -> Answer:
    product = _one(api.products, product_id)
    product |= call.body
    return 200, product


def add_variant(api: FakeApi, call: Call, product_id: str) -> Answer:
    product = _one(api.products, product_id)
    variant = {**call.body, "id": made_up.public_id("more", len(product["variants"]))}
    product["variants"].append(variant)
    return 201, variant


def list_products(api: FakeApi, call: Call) -> Answer:
    return paged([] if api.is_empty else api.products, call)


def create_product(api: FakeApi, call: Call) -> Answer:
    number = len(api.products)
    variants = [
        {**one, "id": made_up.public_id("new variant", number, index)}
        for index, one in enumerate(call.body["variants"])
    ]
    product = {
        **call.body,
        "id": made_up.public_id("new product", number),
        "images": [],
        "variants": variants,
    }
    api.products.insert(0, product)
    return 201, product


def read_product(api: FakeApi, _call: Call, product_id: str) -> Answer:
    return 200, _one(api.products, product_id)


def change_variant(api: FakeApi, call: Call, variant_id: str) -> Answer:
    variant = _one([one for product in api.products for one in product["variants"]], variant_id)
    variant["stock_units"] += call.body.get("stock_delta", 0)
    variant |= {key: call.body[key] for key in call.body if key in variant}
    return 200, variant


def list_shoppers(api: FakeApi, call: Call) -> Answer:
    asked = call.query.get("query", "")
    return paged([one for one in api.shoppers if asked in (one["nickname"], one["id"], "")], call)


def flag_shopper(api: FakeApi, call: Call, shopper_id: str) -> Answer:
    shopper = _one(api.shoppers, shopper_id)
    shopper["flag"] = call.body["flag"]
    return 200, shopper


def list_grants(api: FakeApi, call: Call) -> Answer:
    asked = call.query.get("state")
    return paged([one for one in api.grants if asked in (None, one["state"])], call)


def retry_grant(api: FakeApi, _call: Call, grant_id: str) -> Answer:
    grant = _one(api.grants, grant_id)
    grant["is_stuck"] = False
    return 200, grant


def list_programmes(api: FakeApi, _call: Call) -> Answer:
    return 200, {"items": api.programmes, "next_cursor": None}


def try_arbitrage(_api: FakeApi, call: Call) -> Answer:
    """Judge as the issue's paper does at first sight: by the subsidy's share of the price gap."""
    gap = call.body["list_price_fen"] - call.body["group_price_fen"]
    is_safe = call.body["subsidy"]["amount_fen"] * 2 <= gap
    return 200, {
        "verdict": "green" if is_safe else "red",
        "sentence": "分享更划算。" if is_safe else "不分享更划算：有人会故意不分享。",
    }


def decide_grant(api: FakeApi, call: Call, grant_id: str, verdict: str) -> Answer:
    return 200, _move(
        _one(api.grants, grant_id), ("held",), {"release": "issued", "denial": "denied"}[verdict]
    )


def list_audit_log(api: FakeApi, call: Call) -> Answer:
    if call.staff["role"] == "viewer":
        raise FakeProblem("forbidden")
    asked = call.query.get("action")
    return paged([one for one in api.audit_log if asked in (None, one["action"])], call)


def read_settings(api: FakeApi, _call: Call) -> Answer:
    return 200, api.settings


def change_settings(api: FakeApi, call: Call) -> Answer:
    api.settings |= {name: call.body[name] for name in call.body if name != "reason"}
    return 200, api.settings


def _one(items: list[Json], wanted: str) -> Json:
    for item in items:
        if item["id"] == wanted:
            return item
    raise FakeProblem("not_found")


def _move(item: Json, old: tuple[str, ...], new: str) -> Json:
    if item["state"] not in old:
        raise FakeProblem("illegal_move")
    item["state"] = new
    return item


def read_refund_queue(api: FakeApi, _call: Call) -> Answer:
    account = {"id": made_up.public_id("account"), "gateway": "wechat", "mch_no": "1600000001"}
    queue = {
        "account": account,
        "waiting": 0,
        "amount_fen": 0,
        "per_second": 150,
        "short_since": None,
        "oldest_requested_at": None,
        "expected_end_at": None,
    }
    return 200, {"items": [queue | api.refund_queue]}


def problem_answer(code: str, headers: Any) -> Answer:
    """Make a refusal in the language asked for."""
    status, chinese, english = PROBLEMS[code]
    is_english = headers.get("Accept-Language", "").startswith("en")
    return status, {
        "type": "about:blank",
        "title": code,
        "status": status,
        "code": code,
        "detail": english if is_english else chinese,
        "request_id": "REQ7H2K9",
    }


MERCHANT_SIDE = "/v1/merchant"
ONE = "([a-z0-9]+)"
ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = tuple(
    (method, MERCHANT_SIDE + path, handler)
    for method, path, handler in (
        ("GET", "/sessions/current", read_session),
        ("DELETE", "/sessions/current", delete_session),
        ("GET", "/board", read_board),
        ("GET", "/refunds/queue", read_refund_queue),
        ("GET", "/figures", read_figures),
        ("GET", "/groups", list_groups),
        ("GET", f"/groups/{ONE}", read_group),
        ("GET", "/campaigns", list_campaigns),
        ("POST", "/campaigns", create_campaign),
        ("GET", f"/campaigns/{ONE}", read_campaign),
        ("PATCH", f"/campaigns/{ONE}", change_campaign),
        ("GET", f"/campaigns/{ONE}/check", check_campaign),
        ("GET", f"/campaigns/{ONE}/rules", list_rules),
        ("POST", "/approvals", ask_approval),
        ("POST", f"/campaigns/{ONE}/publication", publish_campaign),
        ("POST", f"/campaigns/{ONE}/pause", pause_campaign),
        ("POST", f"/campaigns/{ONE}/resumption", resume_campaign),
        ("POST", f"/campaigns/{ONE}/end", end_campaign),
        ("GET", "/products", list_products),
        ("POST", "/products", create_product),
        ("GET", f"/products/{ONE}", read_product),
        ("PATCH", f"/products/{ONE}", change_product),
        ("POST", f"/products/{ONE}/variants", add_variant),
        ("GET", "/refunds", list_refunds),
        ("POST", f"/refunds/{ONE}/retry", retry_refund),
        ("GET", "/approvals", list_approvals),
        ("POST", f"/approvals/{ONE}/(approval|refusal|withdrawal)", decide_approval),
        ("PATCH", f"/variants/{ONE}", change_variant),
        ("GET", "/shoppers", list_shoppers),
        ("PATCH", f"/shoppers/{ONE}", flag_shopper),
        ("GET", "/grants", list_grants),
        ("POST", f"/grants/{ONE}/(release|denial)", decide_grant),
        ("POST", f"/grants/{ONE}/retry", retry_grant),
        ("GET", "/programmes", list_programmes),
        ("POST", "/arbitrage", try_arbitrage),
        ("GET", "/audit-log", list_audit_log),
        ("GET", "/settings", read_settings),
        ("PATCH", "/settings", change_settings),
    )
)


def _handler_of(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_PATCH(self) -> None:
            self._answer("PATCH")

        def do_DELETE(self) -> None:
            self._answer("DELETE")

        def _answer(self, method: str) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            api.asked.append((method, self.path, body))
            query = dict(parse_qsl(url.query))
            status, answer = api.answer(method, url.path, query, body, self.headers)
            kind = "application/json" if status < 400 else "application/problem+json"
            sent = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Handler
