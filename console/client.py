"""The only HTTP of the console: small typed calls to the REST API, and one exception.

Every answer is plain JSON in the shapes of `docs/rest.md`. Whatever goes wrong, the caller sees an
`ApiError`: the problem+json of the API, or a code of our own where no answer came.
"""

import os
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

Json = dict[str, Any]

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT = httpx.Timeout(10.0, connect=2.0)
UNREACHABLE = "api_unreachable"
TIMED_OUT = "api_timed_out"
UNREADABLE = "api_answer_unreadable"


class ApiError(Exception):
    """A call that did not succeed; `status` is 0 where no answer came."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        request_id: str | None = None,
        body: Json | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.request_id = request_id
        self.body = body or {}


@dataclass(frozen=True)
class Page:
    """One page of a list, and the cursor of the next."""

    items: list[Json]
    next_cursor: str | None


def api_url() -> str:
    """Return where the API is."""
    return os.environ.get("PINBU_API_URL", DEFAULT_URL).rstrip("/")


def new_idempotency_key() -> str:
    """Make a key for one intended effect; keep it for as long as the same effect is retried."""
    return secrets.token_urlsafe(24)


class Client:
    """The API as one member of staff sees it, in one language.

    The console is a proxy to the API: `forwarded_for` is the chain of addresses it was called by.
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        language: str = "zh",
        forwarded_for: str | None = None,
        base_url: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Accept-Language": language}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if forwarded_for:
            headers["X-Forwarded-For"] = forwarded_for
        self._http = httpx.Client(
            base_url=base_url or api_url(),
            headers=headers,
            timeout=TIMEOUT,
            transport=transport or _connections(),
        )

    def sign_in(self, login: str, password: str, *, device_token: str | None = None) -> Json:
        """Open a session of staff; returns its token, the person and the merchant."""
        body = {"login": login, "password": password}
        if device_token:
            body["device_token"] = device_token
        return self._call("POST", "/v1/merchant/sessions", json=body)

    def read_session(self) -> Json:
        """Ask who the token belongs to; 401 if to nobody any more."""
        return self._call("GET", "/v1/merchant/sessions/current")

    def sign_out(self) -> None:
        """Revoke the token."""
        self._call("DELETE", "/v1/merchant/sessions/current")

    def read_board(self, *, campaign_id: str | None = None) -> Json:
        """Return the live counts of groups and work, of all or one campaign, and the clock."""
        return self._call("GET", "/v1/merchant/board", query={"campaign_id": campaign_id})

    def read_refund_queue(self) -> list[Json]:
        """Return how many refunds wait at each gateway account, and until when."""
        found: list[Json] = self._call("GET", "/v1/merchant/refunds/queue")["items"]
        return found

    def read_figures(self, *, from_on: str, to_on: str, campaign_id: str | None = None) -> Json:
        """Return the figures of a span of local days, of the span before, and of each day."""
        query = {"from_on": from_on, "to_on": to_on, "campaign_id": campaign_id}
        return self._call("GET", "/v1/merchant/figures", query=query)

    def list_groups(
        self,
        *,
        state: str | None = None,
        campaign_id: str | None = None,
        cursor: str | None = None,
        limit: int = 20,
    ) -> Page:
        """List groups, newest first, in one state or in all."""
        query = {"state": state, "campaign_id": campaign_id, "cursor": cursor, "limit": limit}
        return self._list("/v1/merchant/groups", query)

    def read_group(self, group_id: str) -> Json:
        """Return one group with its members and recorded moves."""
        return self._call("GET", f"/v1/merchant/groups/{group_id}")

    def list_campaigns(
        self, *, phase: str | None = None, cursor: str | None = None, limit: int = 20
    ) -> Page:
        """List campaigns, newest first, in one phase or in all."""
        query = {"phase": phase, "cursor": cursor, "limit": limit}
        return self._list("/v1/merchant/campaigns", query)

    def list_rules(self, campaign_id: str, *, limit: int = 20) -> Page:
        """List the published rules of a campaign, newest version first."""
        return self._list(f"/v1/merchant/campaigns/{campaign_id}/rules", {"limit": limit})

    def read_campaign(self, campaign_id: str) -> Json:
        """Return one campaign."""
        return self._call("GET", f"/v1/merchant/campaigns/{campaign_id}")

    def create_campaign(self, body: Json) -> Json:
        """Create a draft."""
        return self._call("POST", "/v1/merchant/campaigns", json=body)

    def change_campaign(self, campaign_id: str, body: Json) -> Json:
        """Change a campaign; a published one gets a new rule version."""
        return self._call("PATCH", f"/v1/merchant/campaigns/{campaign_id}", json=body)

    def check_campaign(self, campaign_id: str) -> Json:
        """Return what publishing would warn of, and the rules text in both languages."""
        return self._call("GET", f"/v1/merchant/campaigns/{campaign_id}/check")

    def publish_campaign(self, campaign_id: str, acknowledged: list[Json]) -> Json:
        """Publish a draft, with a reason for each warning."""
        path = f"/v1/merchant/campaigns/{campaign_id}/publication"
        return self._call("POST", path, json={"acknowledged": acknowledged})

    def pause_campaign(self, campaign_id: str, reason: str) -> Json:
        """Stop new groups; open ones live on."""
        return self._move_campaign(campaign_id, "pause", reason)

    def resume_campaign(self, campaign_id: str, reason: str) -> Json:
        """Let new groups open again."""
        return self._move_campaign(campaign_id, "resumption", reason)

    def end_campaign(self, campaign_id: str, reason: str) -> Json:
        """End a campaign before its time; open groups live on."""
        return self._move_campaign(campaign_id, "end", reason)

    def list_products(self, *, cursor: str | None = None, limit: int = 20) -> Page:
        """List products."""
        return self._list("/v1/merchant/products", {"cursor": cursor, "limit": limit})

    def read_product(self, product_id: str) -> Json:
        """Return one product with its variants."""
        return self._call("GET", f"/v1/merchant/products/{product_id}")

    def create_product(self, body: Json) -> Json:
        """Create a product with its variants."""
        return self._call("POST", "/v1/merchant/products", json=body)

    def change_product(self, product_id: str, body: Json) -> Json:
        """Change a product's words and pictures."""
        return self._call("PATCH", f"/v1/merchant/products/{product_id}", json=body)

    def add_variant(self, product_id: str, body: Json) -> Json:
        """Add a variant to a product."""
        return self._call("POST", f"/v1/merchant/products/{product_id}/variants", json=body)

    def change_variant(self, variant_id: str, body: Json) -> Json:
        """Change a variant; stock moves by `stock_delta`."""
        return self._call("PATCH", f"/v1/merchant/variants/{variant_id}", json=body)

    def list_programmes(self) -> list[Json]:
        """Return the programmes of outside brands."""
        found: list[Json] = self._call("GET", "/v1/merchant/programmes")["items"]
        return found

    def try_arbitrage(self, offer: Json) -> Json:
        """Ask whether an offer pays more to who does not share; changes nothing."""
        return self._call("POST", "/v1/merchant/arbitrage", json=offer)

    def list_shoppers(
        self, *, query: str | None = None, cursor: str | None = None, limit: int = 20
    ) -> Page:
        """List shoppers whose nickname or id matches."""
        values = {"query": query, "cursor": cursor, "limit": limit}
        return self._list("/v1/merchant/shoppers", values)

    def flag_shopper(self, shopper_id: str, flag: str | None, reason: str) -> Json:
        """Flag a shopper for review or block, or lift the flag."""
        body = {"flag": flag, "reason": reason}
        return self._call("PATCH", f"/v1/merchant/shoppers/{shopper_id}", json=body)

    def list_grants(
        self, *, state: str | None = None, cursor: str | None = None, limit: int = 20
    ) -> Page:
        """List subsidy grants, in one state or in all."""
        return self._list("/v1/merchant/grants", {"state": state, "cursor": cursor, "limit": limit})

    def release_grant(self, grant_id: str, reason: str, *, idempotency_key: str) -> Json:
        """Pay a held grant; the same key never pays twice."""
        return self._decide_grant(grant_id, "release", reason, idempotency_key)

    def deny_grant(self, grant_id: str, reason: str, *, idempotency_key: str) -> Json:
        """Refuse a held grant for good."""
        return self._decide_grant(grant_id, "denial", reason, idempotency_key)

    def retry_grant(self, grant_id: str, reason: str, *, idempotency_key: str) -> Json:
        """Have a stuck grant issued, or told to its brand, again."""
        return self._decide_grant(grant_id, "retry", reason, idempotency_key)

    def read_settings(self) -> Json:
        """Return the merchant's own limits."""
        return self._call("GET", "/v1/merchant/settings")

    def change_settings(self, changes: Json, *, reason: str) -> Json:
        """Change what is named of the merchant's own limits."""
        return self._call("PATCH", "/v1/merchant/settings", json={**changes, "reason": reason})

    def list_audit_log(
        self, *, action: str | None = None, cursor: str | None = None, limit: int = 20
    ) -> Page:
        """List what staff did, newest first, one kind of act or all."""
        query = {"action": action, "cursor": cursor, "limit": limit}
        return self._list("/v1/merchant/audit-log", query)

    def list_refunds(
        self, *, state: str | None = None, cursor: str | None = None, limit: int = 20
    ) -> Page:
        """List refunds, newest first, in one state or in all."""
        query = {"state": state, "cursor": cursor, "limit": limit}
        return self._list("/v1/merchant/refunds", query)

    def retry_refund(self, refund_id: str, reason: str, *, idempotency_key: str) -> Json:
        """Send a rejected refund again, under the same number."""
        return self._call(
            "POST",
            f"/v1/merchant/refunds/{refund_id}/retry",
            json={"reason": reason},
            headers={"Idempotency-Key": idempotency_key},
        )

    def list_approvals(
        self, *, state: str | None = None, cursor: str | None = None, limit: int = 20
    ) -> Page:
        """List what was asked for above the limit, newest first."""
        query = {"state": state, "cursor": cursor, "limit": limit}
        return self._list("/v1/merchant/approvals", query)

    def decide_approval(
        self, approval_id: str, verdict: str, reason: str, *, idempotency_key: str
    ) -> Json:
        """Approve or refuse what another asked for, or withdraw what one asked for oneself."""
        part = {"approve": "approval", "refuse": "refusal", "withdraw": "withdrawal"}[verdict]
        return self._call(
            "POST",
            f"/v1/merchant/approvals/{approval_id}/{part}",
            json={"reason": reason},
            headers={"Idempotency-Key": idempotency_key},
        )

    def ask_approval(self, kind: str, command: Json, reason: str, *, idempotency_key: str) -> Json:
        """Ask a second person for an act; the same key never asks twice."""
        return self._call(
            "POST",
            "/v1/merchant/approvals",
            json={"kind": kind, "command": command, "reason": reason},
            headers={"Idempotency-Key": idempotency_key},
        )

    def _move_campaign(self, campaign_id: str, move: str, reason: str) -> Json:
        path = f"/v1/merchant/campaigns/{campaign_id}/{move}"
        return self._call("POST", path, json={"reason": reason})

    def _decide_grant(self, grant_id: str, verdict: str, reason: str, key: str) -> Json:
        path = f"/v1/merchant/grants/{grant_id}/{verdict}"
        return self._call("POST", path, json={"reason": reason}, headers={"Idempotency-Key": key})

    def _list(self, path: str, query: Json) -> Page:
        answer = self._call("GET", path, query=query)
        return Page(answer["items"], answer.get("next_cursor"))

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Json | None = None,
        json: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> Json:
        params = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            response = self._http.request(method, path, params=params, json=json, headers=headers)
        except httpx.TimeoutException as error:
            raise ApiError(0, TIMED_OUT, str(error)) from error
        except httpx.HTTPError as error:
            raise ApiError(0, UNREACHABLE, str(error)) from error
        if response.is_success:
            return _read_json(response) if response.content else {}
        raise _problem(response)


@cache
def _connections() -> httpx.HTTPTransport:
    """Return the process's connection pool: it carries no cookie and no token of anybody."""
    return httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=8))


def _read_json(response: httpx.Response) -> Json:
    try:
        answer: Json = response.json()
    except ValueError as error:
        raise ApiError(response.status_code, UNREADABLE, response.text[:200]) from error
    return answer


def _problem(response: httpx.Response) -> ApiError:
    """Turn a refusal into the exception; one without problem+json keeps its status."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return ApiError(response.status_code, f"http_{response.status_code}", "")
    return ApiError(
        response.status_code,
        body.get("code", f"http_{response.status_code}"),
        body.get("detail") or body.get("title") or "",
        request_id=body.get("request_id"),
        body=body,
    )
