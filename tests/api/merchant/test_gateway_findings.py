"""What gateways said that could not be believed: listed for staff, resolved once, audited."""

from typing import Any

import pytest

from domain.database import read_clock, transaction
from domain.gateways.reading import write_said
from domain.payments.findings import Finding, FindingKind, record_finding
from tests.api.callers import Caller, Mall
from tests.factories.gateway_accounts import make_gateway_account

pytestmark = pytest.mark.transactional

FINDINGS = "/v1/merchant/gateway-findings"


@pytest.fixture
def finding(mall: Mall) -> dict[str, Any]:
    """A refund of which the gateway says less than was asked for."""
    amounts = {"amount_fen": {"ours": 1990, "theirs": 990}}
    with transaction() as session:
        account = make_gateway_account(session, mall.id)
        for _ in range(2):
            record_finding(
                session,
                Finding(
                    (mall.id, account.id),
                    FindingKind.REFUND_DIFFERS,
                    "r1",
                    "query",
                    amounts,
                    said=write_said("\x00\ud83d"),
                ),
                at=read_clock(),
            )
    [found] = mall.viewer.get(FINDINGS, state="open").json["items"]
    return dict(found)


def resolve(caller: Caller, finding_id: str, *, key: str = "k1", **body: Any) -> Any:
    return caller.call(
        "POST",
        f"{FINDINGS}/{finding_id}/resolution",
        json=body,
        headers={"Idempotency-Key": key},
    )


def test_finding_is_told_with_what_differs(mall: Mall, finding: dict[str, Any]) -> None:
    assert (finding["kind"], finding["number"], finding["times"]) == ("refund_differs", "r1", 2)
    assert finding["differing"] == [{"name": "amount_fen", "ours": 1990, "theirs": 990}]
    assert mall.viewer.get(FINDINGS, kind="unreadable").json["items"] == []
    [alarm] = mall.viewer.get("/v1/merchant/alarms").json["items"]
    assert (alarm["kind"], alarm["count"]) == ("refunds_differ", 1)
    assert alarm["account"]["mch_no"] in alarm["sentence"]


def test_operator_resolves_a_finding_once_with_a_reason(
    mall: Mall, finding: dict[str, Any]
) -> None:
    low = resolve(mall.viewer, finding["id"], reason="看过了")
    answer = resolve(mall.operator, finding["id"], key="k2", reason="渠道已更正")
    again = resolve(mall.operator, finding["id"], key="k2", reason="渠道已更正")
    other = resolve(mall.owner, finding["id"], key="k3", reason="又一次")
    unknown = resolve(mall.owner, "0" * 20, key="k4", reason="没有")

    assert low.status_code == 403
    assert answer.status_code == 200
    assert answer.json["resolution"] == "渠道已更正"
    assert again.json == answer.json
    assert (other.status_code, other.json["code"]) == (409, "finding_resolved")
    assert (unknown.status_code, unknown.json["code"]) == (404, "finding_not_found")
    assert mall.viewer.get(FINDINGS, state="open").json["items"] == []
    assert mall.viewer.get("/v1/merchant/alarms").json["items"] == []
    [entry] = mall.owner.get("/v1/merchant/audit-log").json["items"]
    assert (entry["action"], entry["reason"]) == ("gateway_finding.resolved", "渠道已更正")
