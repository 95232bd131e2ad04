"""A client that is generated from the document plays a group and a withdrawal over REST.

The generator refuses what it cannot read, and the client what the document does not allow.
"""

import importlib
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.auditing.running import audit
from domain.database import read_clock
from tests.sandbox_server import wait_until
from tests.world import ADDRESS, World, expect

pytestmark = pytest.mark.transactional

NAME = "pinbu_client"
CONFIGURATION = """
content_type_overrides:
  image/png: application/octet-stream
post_hooks: []
"""

_keys = itertools.count(1)


class Generated:
    """The generated package: operations by tag and name, models by name."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.models = importlib.import_module(f"{NAME}.models")
        self._client = importlib.import_module(f"{NAME}.client")

    def shopper(self, token: str) -> Any:
        return self._client.AuthenticatedClient(
            base_url=self.url, token=token, raise_on_unexpected_status=True
        )

    def anyone(self) -> Any:
        return self._client.Client(base_url=self.url, raise_on_unexpected_status=True)

    def call(self, client: Any, operation: str, *path: str, **arguments: Any) -> Any:
        return importlib.import_module(f"{NAME}.api.{operation}").sync(
            *path, client=client, **arguments
        )

    def move(self, client: Any, operation: str, *path: str, **arguments: Any) -> Any:
        """Call what touches money, with a key of its own."""
        key = f"key-{next(_keys)}"
        return self.call(client, operation, *path, idempotency_key=key, **arguments)


@pytest.fixture
def generated(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Generated]:
    document = tmp_path / "openapi.json"
    document.write_bytes(world.http.get("/openapi.json").content)
    configuration = tmp_path / "configuration.yml"
    configuration.write_text(CONFIGURATION)
    command = [
        *(str(Path(sys.executable).parent / "openapi-python-client"), "generate"),
        *("--path", str(document), "--config", str(configuration)),
        *("--output-path", str(tmp_path / "generated" / NAME)),
        *("--meta", "none", "--fail-on-warning"),
    ]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    monkeypatch.syspath_prepend(str(tmp_path / "generated"))
    yield Generated(str(world.http.base_url))
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def sign_in(world: World, generated: Generated) -> tuple[Any, str]:
    """Sign a new shopper in; returns its client, and its openid to pay as."""
    code = world.sandbox.post("/codes", appid=world.app_id)
    session = generated.call(
        generated.anyone(),
        "auth.sign_in",
        body=generated.models.SignIn(app_id=world.app_id, code=code["code"], nickname="小红"),
    )
    assert session.shopper.is_new is True
    return generated.shopper(session.access_token), code["openid"]


def place(world: World, generated: Generated, client: Any, operation: str, place_id: str) -> Any:
    body = generated.models.PlaceArguments(
        variant_id=world.campaign.variant.public_id,
        address=generated.models.DeliveryAddress(**ADDRESS),
    )
    order = generated.move(client, operation, place_id, body=body)
    assert isinstance(order, generated.models.Order), order
    return order


def pay(world: World, generated: Generated, client: Any, openid: str, order: Any) -> Any:
    prepared = generated.move(client, "orders.pay_order", order.id, body=generated.models.Nothing())
    parameters = {**prepared.client_parameters.to_dict(), "openid": openid}
    expect(200, world.sandbox.http.post("/shopper/pay", json=parameters))

    def paid() -> Any:
        found = generated.call(client, "orders.show_order", order.id)
        return None if found.state == "placed" else found

    return wait_until(paid)


def test_generated_client_forms_a_group(world: World, generated: Generated) -> None:
    leader, openid = sign_in(world, generated)
    campaigns = generated.call(leader, "campaigns.list_campaigns")
    assert [one.id for one in campaigns.items] == [world.campaign.public_id]
    opened = place(world, generated, leader, "groups.open_group", world.campaign.public_id)
    assert pay(world, generated, leader, openid, opened).state == "paid"

    for _ in range(2):
        member, openid = sign_in(world, generated)
        joined = place(world, generated, member, "groups.join_group", opened.group_id)
        last = pay(world, generated, member, openid, joined)

    group = generated.call(leader, "groups.show_group", opened.group_id)
    assert (last.state, group.state, group.taken) == ("fulfilling", "formed", 3)
    late, _ = sign_in(world, generated)
    refused = generated.move(
        late,
        "groups.join_group",
        opened.group_id,
        body=generated.models.PlaceArguments(
            variant_id=world.campaign.variant.public_id,
            address=generated.models.DeliveryAddress(**ADDRESS),
        ),
    )
    assert (refused.status, refused.code) in {(409, "group_full"), (409, "group_not_open")}


def test_generated_client_withdraws_what_a_failed_group_gave(
    world: World, generated: Generated
) -> None:
    leader, openid = sign_in(world, generated)
    opened = place(world, generated, leader, "groups.open_group", world.campaign.public_id)
    pay(world, generated, leader, openid, opened)
    world.sandbox.post(f"/accounts/{world.mch_no}", balance_fen=100_000)
    world.end_deadline(opened.group_id)
    world.run_jobs()
    refunded = wait_until(
        lambda: (
            found
            if (found := generated.call(leader, "orders.show_order", opened.id)).state == "refunded"
            else None
        )
    )
    assert (refunded.subsidy.state, refunded.subsidy.amount_fen) == ("issued", 1000)
    assert generated.call(leader, "wallet.show_wallet").balance_fen == 1000

    started = generated.move(
        leader,
        "withdrawals.withdraw",
        body=generated.models.WithdrawArguments(amount_fen=600),
    )
    world.run_jobs()
    awaiting = generated.call(leader, "withdrawals.show_withdrawal", started.id)
    assert (awaiting.state, awaiting.advice) == ("awaiting_shopper", None)
    parameters = {**awaiting.client_parameters.to_dict(), "openid": openid}
    expect(200, world.sandbox.http.post("/shopper/transfer", json=parameters))
    wait_until(
        lambda: (
            generated.call(leader, "withdrawals.show_withdrawal", started.id).state == "succeeded"
        )
    )

    listed = generated.call(leader, "withdrawals.list_withdrawals")
    assert [(one.state, one.net_fen) for one in listed.items] == [("succeeded", 600)]
    assert generated.call(leader, "wallet.show_wallet").balance_fen == 400
    assert audit(at=read_clock(), at_rest=False).is_ok
