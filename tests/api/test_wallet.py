"""My wallet over HTTP."""

from datetime import timedelta

import pytest

from domain import clock
from domain.database import transaction
from domain.public_ids import ALPHABET, LENGTH
from domain.settlement.clawing_back import ClawBack, claw_back
from domain.settlement.issuing import Source
from domain.terms import SubsidyKind
from tests.api.callers import Caller, Mall
from tests.api.stages import calling, fail_group, stage_of
from tests.factories.instruments import make_gift

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)


def test_wallet_is_empty_at_first(mall: Mall) -> None:
    assert mall.shopper.get("/v1/me/wallet").json == {"balance_fen": 0}
    assert mall.shopper.get("/v1/me/wallet/entries").json == {"items": [], "next_cursor": None}


def test_wallet_tells_what_came_and_went(mall: Mall) -> None:
    stage = stage_of(mall, days_ago=9)
    me = stage.shopper()
    fail_group(stage, me, stage.start)
    order = stage.open(me, stage.start + 2 * DAY, use_wallet=True)
    stage.pay(order, stage.start + 2 * DAY)
    stage.settle(order["group_id"], stage.start + 3 * DAY)
    caller = calling(mall, me)

    wallet = caller.get("/v1/me/wallet").json
    entries = caller.get("/v1/me/wallet/entries").json["items"]

    assert wallet == {"balance_fen": 2000}
    told = [(e["kind"], e["amount_fen"], e["balance_after_fen"]) for e in entries[::-1]]
    assert told[:2] == [("grant.issued", 1000, 1000), ("wallet.spent", -1000, 0)]
    assert {kind for kind, _, _ in told[2:]} == {"grant.issued", "wallet.returned"}
    assert [balance for _, _, balance in told[2:]] == [1000, 2000]
    assert all(len(e["id"]) == LENGTH and set(e["id"]) <= set(ALPHABET) for e in entries)


def test_entries_say_what_they_are_about(mall: Mall) -> None:
    stage = stage_of(mall, days_ago=9)
    me = stage.shopper()
    fail_group(stage, me, stage.start)
    order = stage.open(me, stage.start + 2 * DAY, use_wallet=True)
    stage.pay(order, stage.start + 2 * DAY)
    caller = calling(mall, me)
    (subsidy,) = caller.get("/v1/me/subsidies").json["items"]

    spent, issued = caller.get("/v1/me/wallet/entries").json["items"]
    in_chinese = Caller(caller.client, caller.token, language="zh").get("/v1/me/wallet/entries")

    assert (issued["order_id"], issued["grant_id"]) == (subsidy["order_id"], subsidy["id"])
    assert (spent["order_id"], spent["grant_id"]) == (order["id"], None)
    assert issued["text"] == "Subsidy for a group that did not form"
    assert [entry["text"] for entry in in_chinese.json["items"]] == ["付款使用余额", "未成团补贴"]


def test_entries_are_paged_and_keep_their_ids(mall: Mall) -> None:
    stage = stage_of(mall)
    me = stage.shopper()
    for minutes in range(3):
        fail_group(stage, me, stage.start + timedelta(minutes=minutes))
    caller = calling(mall, me)

    whole = caller.get("/v1/me/wallet/entries").json["items"]
    first = caller.get("/v1/me/wallet/entries", limit=2).json
    second = caller.get("/v1/me/wallet/entries", limit=2, cursor=first["next_cursor"]).json

    assert [e["id"] for e in first["items"] + second["items"]] == [e["id"] for e in whole]
    assert [e["balance_after_fen"] for e in whole] == [3000, 2000, 1000]
    assert second["next_cursor"] is None


def test_wallet_is_its_shoppers_alone(mall: Mall, other_mall: Mall, anyone: Caller) -> None:
    stage = stage_of(mall)
    fail_group(stage, stage.shopper(), stage.start)

    assert mall.shopper.get("/v1/me/wallet").json == {"balance_fen": 0}
    assert other_mall.shopper.get("/v1/me/wallet/entries").json["items"] == []
    for path in ("/v1/me/wallet", "/v1/me/wallet/entries"):
        assert anyone.get(path).status_code == 401
        assert mall.owner.get(path).status_code == 401


def test_gifts_and_what_was_clawed_back_are_told(mall: Mall) -> None:
    stage = stage_of(mall, days_ago=9)
    me = stage.shopper()
    fail_group(stage, me, stage.start)
    with transaction() as session:
        gift = make_gift(session, me, SubsidyKind.CASH, 700, at=stage.start + 2 * DAY)
    grant_id = stage.one("SELECT id FROM grants WHERE shopper_id = :v", me[1])
    take_back(me, Source.GRANT, grant_id, 400)
    take_back(me, Source.GIFT, gift.id, 300)
    caller = calling(mall, me)
    (subsidy,) = caller.get("/v1/me/subsidies").json["items"]

    entries = caller.get("/v1/me/wallet/entries").json["items"][::-1]

    assert [(e["text"], e["amount_fen"], e["grant_id"]) for e in entries] == [
        ("Subsidy for a group that did not form", 1000, subsidy["id"]),
        ("A gift of the merchant", 700, None),
        ("Taken back", -400, subsidy["id"]),
        ("Taken back", -300, None),
    ]
    assert [e["order_id"] for e in entries] == [
        subsidy["order_id"],
        None,
        subsidy["order_id"],
        None,
    ]
    assert entries[-1]["balance_after_fen"] == 1000


def take_back(shopper: tuple[int, int], source: Source, source_id: int, most_fen: int) -> None:
    wanted = ClawBack(source, (shopper[0], source_id), "test", at_most_fen=most_fen)
    with transaction() as session:
        claw_back(session, wanted, at=clock.real_now(), actor="test")
