from typing import Any

import pytest

from tests.console.conftest import Pages, text_of
from tests.console.fake_api import FakeApi, made_up


def asked(
    api: FakeApi, kind: str, command: dict[str, Any], *, by: str = "小周", alone: str | None = None
) -> dict[str, Any]:
    approval: dict[str, Any] = {
        "id": made_up.public_id("asked", len(api.approvals)),
        "kind": kind,
        "command": command,
        "amount_fen": 60_000,
        "reason": "大促加量",
        "state": "pending",
        "requested_by": by,
        "requested_at": "2026-12-01T02:00:00Z",
        "alone_from_at": alone,
    }
    api.approvals.append(approval)
    return approval


def test_what_is_asked_for_is_said_in_words(pages: Pages) -> None:
    asked(pages.api, "campaign_budget", {"campaign_id": "c" * 20, "budget_fen": 500_000})

    shown = text_of(pages.open("approvals"))

    assert "活动预算" in shown
    assert "预算改为 ¥5,000.00" in shown
    assert "小周 提交：大促加量" in shown


@pytest.mark.parametrize(
    ("verdict", "state", "path"),
    [("approve", "approved", "approval"), ("refuse", "refused", "refusal")],
)
def test_another_persons_is_decided(pages: Pages, verdict: str, state: str, path: str) -> None:
    approval = asked(pages.api, "grant_release", {"grant_id": "g" * 20})
    page = pages.open_dialog("app_pages.approvals", "open_decision", approval, verdict)

    page.text_area[0].input("已核实")
    page.button(key="reason_confirm").click().run()

    assert approval["state"] == state
    where = f"/v1/merchant/approvals/{approval['id']}/{path}"
    assert pages.api.asked[-1] == ("POST", where, {"reason": "已核实"})
    assert len(pages.api.asked_keys) == 1


def test_ones_own_is_withdrawn(pages: Pages) -> None:
    approval = asked(pages.api, "grant_release", {"grant_id": "g" * 20}, by="林店长")
    page = pages.open_dialog("app_pages.approvals", "open_decision", approval, "withdraw")

    page.text_area[0].input("不用了")
    page.button(key="reason_confirm").click().run()

    assert approval["state"] == "withdrawn"


def test_an_operator_does_not_decide_what_is_the_owners(pages: Pages) -> None:
    asked(pages.api, "approval_limit", {"approval_limit_fen": None}, alone="2026-12-02T02:00:00Z")

    page = pages.open("approvals", login="operator")

    assert "批准" not in [one.label for one in page.button]
    assert "限额改为 不限" in text_of(page)
    assert "起提交人可以自己批准" in text_of(page)


@pytest.mark.parametrize("login", ["owner", "operator", "viewer"])
def test_all_staff_see_that_the_limit_is_to_be_lifted(pages: Pages, login: str) -> None:
    asked(pages.api, "approval_limit", {"approval_limit_fen": None}, alone="2026-12-02T02:00:00Z")

    page = pages.open_part("parts.pending_limit", "show_pending_limit", login=login)

    [told] = [one.value for one in page.warning]
    assert "申请把审批限额改为 不限" in told
    assert "12-02 10:00" in told


def test_a_grant_above_the_limit_is_submitted_from_its_own_dialog(pages: Pages) -> None:
    pages.api.failing["POST /v1/merchant/grants"] = "approval_needed"
    grant = next(one for one in pages.api.grants if one["state"] == "held")
    page = pages.open_dialog("app_pages.grants", "open_decision", grant, "release")
    before = [one.key for one in page.button]

    page.text_area[0].input("已电话核实")
    page.button(key="reason_confirm").click().run()
    page.button(key="reason_approval").click().run()

    assert "reason_approval" not in before
    [approval] = pages.api.approvals
    assert approval["kind"] == "grant_release"
    assert approval["command"] == {"grant_id": grant["id"]}
    assert approval["reason"] == "已电话核实"
    assert grant["state"] == "held"


def test_no_approval_says_where_one_would_come_from(pages: Pages) -> None:
    assert "提交审批" in text_of(pages.open("approvals"))
