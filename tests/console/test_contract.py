"""The check of the fake API can fail, in each direction."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.console import contract
from tests.console.fake_api import FakeApi

CAMPAIGNS = "/v1/merchant/campaigns"


@pytest.fixture
def api() -> Iterator[FakeApi]:
    api = FakeApi().start()
    yield api
    api.stop()


def call(api: FakeApi, method: str, path: str, **sent: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {api.token_of('owner')}"}
    return httpx.request(method, api.url + path, headers=headers, **sent)


def test_a_path_that_the_api_has_not_is_a_fault(api: FakeApi) -> None:
    call(api, "GET", "/v1/merchant/nonsense")

    assert api.faults == ["the API has no GET /v1/merchant/nonsense"]


def test_a_query_that_the_api_has_not_is_a_fault(api: FakeApi) -> None:
    call(api, "GET", f"{CAMPAIGNS}?limit=500&sort=title")

    [limit, name] = api.faults
    assert "500 is greater than the maximum of 100" in limit
    assert name == f"GET {CAMPAIGNS}: no query parameter sort"


def test_a_body_with_a_wrong_field_is_a_fault(api: FakeApi) -> None:
    campaign = api.campaigns[0]

    call(api, "POST", f"{CAMPAIGNS}/{campaign['id']}/pause", json={"why": "Stocktaking"})

    assert any("'why' was unexpected" in fault for fault in api.faults)
    assert any("'reason' is a required property" in fault for fault in api.faults)


def test_a_key_that_is_missing_is_a_fault(api: FakeApi) -> None:
    grant = next(one for one in api.grants if one["state"] == "held")

    call(api, "POST", f"/v1/merchant/grants/{grant['id']}/release", json={"reason": "Called"})

    assert any("Idempotency-Key is missing" in fault for fault in api.faults)


def test_an_answer_with_a_field_too_many_is_a_fault(api: FakeApi) -> None:
    api.products[0]["weight_grams"] = 300

    call(api, "GET", "/v1/merchant/products")

    assert any("'weight_grams' was unexpected" in fault for fault in api.faults)


def test_an_answer_of_another_type_is_a_fault(api: FakeApi) -> None:
    api.shoppers[0] |= {"orders": "two", "created_at": "2026-12-01T00:00:00"}

    call(api, "GET", "/v1/merchant/shoppers")

    assert any("'two' is not of type 'integer'" in fault for fault in api.faults)
    assert any("'2026-12-01T00:00:00' is not a 'date-time'" in fault for fault in api.faults)


def test_every_field_of_an_answer_is_demanded() -> None:
    operation = contract.operation_of("GET", "/v1/merchant/board")
    assert operation is not None

    faults = list(operation.answer_faults(200, {"open": 3}))

    assert any("'server_time' is a required property" in fault for fault in faults)


def test_what_the_made_up_data_does_not_name_is_null_or_least() -> None:
    operation = contract.operation_of("GET", "/v1/merchant/board")
    assert operation is not None

    filled = operation.filled(200, {"open": 3})

    assert filled["open"] == 3
    assert filled["pending"] == 0
    assert filled["oldest_unsettled_seconds"] is None
    assert list(operation.answer_faults(200, filled)) == []
