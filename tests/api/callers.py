"""People who call the API of this process."""

import json
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.auth import issue_access_token
from domain.database import transaction
from domain.models import Shopper, Staff
from tests.factories.merchants import MadeMerchant, make_merchant
from tests.factories.shoppers import make_shopper
from tests.factories.staff import make_staff, make_staff_session


@dataclass(frozen=True)
class Caller:
    """Somebody with a bearer token; answers are Werkzeug's."""

    client: FlaskClient
    token: str | None = None
    language: str = "en"

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Accept-Language": self.language, **options.pop("headers", {})}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if (body := options.pop("json", None)) is not None:
            options |= {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.open(path, method=method, headers=headers, **options)

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.call("GET", path, query_string=query)

    def post(self, path: str, **body: Any) -> TestResponse:
        return self.call("POST", path, json=body)

    def patch(self, path: str, **body: Any) -> TestResponse:
        return self.call("PATCH", path, json=body)

    def delete(self, path: str, **body: Any) -> TestResponse:
        return self.call("DELETE", path, json=body or None)


@dataclass(frozen=True)
class Mall:
    """A merchant, its staff of each role, a shopper, and callers for them."""

    merchant: MadeMerchant
    staff: dict[str, Staff]
    owner: Caller
    operator: Caller
    viewer: Caller
    shopper_row: Shopper
    shopper: Caller

    @property
    def id(self) -> int:
        return self.merchant.id

    def add_owner(self) -> Caller:
        with transaction() as session:
            person = make_staff(session, self.id, role="owner", name="second")
            return Caller(self.owner.client, make_staff_session(session, person))


def open_mall(client: FlaskClient) -> Mall:
    with transaction() as session:
        merchant = make_merchant(session)
        staff = {
            role: make_staff(session, merchant.id, role=role, name=role)
            for role in ("owner", "operator", "viewer")
        }
        tokens = {role: make_staff_session(session, person) for role, person in staff.items()}
        shopper = make_shopper(session, merchant.id)
    token, _ = issue_access_token(merchant.id, shopper.id)
    return Mall(
        merchant=merchant,
        staff=staff,
        owner=Caller(client, tokens["owner"]),
        operator=Caller(client, tokens["operator"]),
        viewer=Caller(client, tokens["viewer"]),
        shopper_row=shopper,
        shopper=Caller(client, token),
    )
