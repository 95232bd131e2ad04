"""The merchant's staff over REST: signs in, sets the case up, reads figures."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bench.shoppers.calling import Caller, Request

OWNER = "owner"
APP_ID = "wx70696e6275706962"
"""The sample merchant's mini-program."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to sign in as staff, and the mini-program of the merchant."""

    login: str
    password: str
    app_id: str


def read_access(path: Path, *, login: str | None = None, app_id: str | None = None) -> Access:
    """Read what the sample command printed, or the passwords it keeps in `sample-login.json`.

    Raises OSError, ValueError where neither is there.
    """
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    who = login or str(told.get("login", OWNER))
    password = told.get("password", told.get(who))
    if password is None:
        raise ValueError(f"{path} holds no password of {who}")
    return Access(who, str(password), app_id or str(told.get("app_id", APP_ID)))


class Staff:
    """A member of staff who is signed in."""

    def __init__(self, api: Caller, access: Access) -> None:
        self._api = api
        self._access = access
        self._token = ""

    def sign_in(self) -> dict[str, Any]:
        """Sign in; returns who it is. Raises Refused, Unanswered."""
        body = {"login": self._access.login, "password": self._access.password}
        session = self._api.need(
            Request("staff_sign_in", "POST", "/v1/merchant/sessions", body, is_harmless=True)
        )
        self._token = session["token"]
        return session

    def add_product(self, title: str, category: str, variant: dict[str, Any]) -> dict[str, Any]:
        """Add a product with one variant; returns the variant with its `product_id`."""
        body = {"title": title, "category": category, "variants": [variant]}
        product = self._post("/v1/merchant/products", body)
        return {**product["variants"][0], "product_id": product["id"]}

    def add_campaign(self, draft: dict[str, Any], *, reason: str) -> str:
        """Draft and publish a campaign, acknowledging each warning; returns its id."""
        campaign_id = str(self._post("/v1/merchant/campaigns", draft)["id"])
        path = f"/v1/merchant/campaigns/{campaign_id}"
        warnings = self._get(f"{path}/check")["warnings"]
        acknowledged = [{"code": warning["code"], "reason": reason} for warning in warnings]
        self._post(f"{path}/publication", {"acknowledged": acknowledged})
        return campaign_id

    def read_board(self) -> dict[str, Any]:
        """Read the live board."""
        return self._get("/v1/merchant/board")

    def read_figures(
        self, first: date, last: date, *, campaign_id: str | None = None
    ) -> dict[str, Any]:
        """Read the figures of some days, of one campaign or of all."""
        parameters = {"from_on": first.isoformat(), "to_on": last.isoformat()}
        if campaign_id is not None:
            parameters["campaign_id"] = campaign_id
        return self._get("/v1/merchant/figures", parameters)

    def _get(self, path: str, parameters: dict[str, str] | None = None) -> dict[str, Any]:
        return self._api.need(
            Request("staff_read", "GET", path, token=self._token, parameters=parameters or {})
        )

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._api.need(Request("staff_change", "POST", path, body, self._token))
