import re

import pytest

from tests.console.conftest import Pages, text_of
from tests.console.test_pages import asked_paths


def links(page: object) -> list[str]:
    return [one.proto.label for one in page.get("page_link")]  # type: ignore[attr-defined]


def test_the_address_names_what_is_listed(pages: Pages) -> None:
    page = pages.open("refunds", view="rejected")

    shown = text_of(page)
    assert any("state=rejected" in path for path in asked_paths(pages.api, "GET"))
    assert "错误码 NO_AUTH" in shown
    assert pages.api.refunds[0]["order_id"] in shown
    assert pages.api.refunds[0]["shopper"]["nickname"] in shown


def test_a_rejected_refund_is_sent_again_once(pages: Pages) -> None:
    refund = pages.api.refunds[0]
    page = pages.open_dialog("app_pages.refunds", "open_retry", refund)

    page.text_area[0].input("权限已开通")
    page.button(key="reason_confirm").click().run()

    assert refund["state"] == "requested"
    sent = pages.api.asked[-1]
    path = f"/v1/merchant/refunds/{refund['id']}/retry"
    assert sent == ("POST", path, {"reason": "权限已开通"})
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", pages.api.asked_keys[-1])


def test_an_abnormal_refund_says_what_to_do_and_is_not_retried(pages: Pages) -> None:
    page = pages.open("refunds", view="abnormal")

    assert any("商户平台" in one.value for one in page.info)
    assert "重试" not in [one.label for one in page.button]


def test_a_viewer_retries_nothing(pages: Pages) -> None:
    page = pages.open("refunds", login="viewer", view="rejected")

    assert "重试" not in [one.label for one in page.button]


@pytest.mark.parametrize("page", ["overview", "board"])
def test_trouble_leads_to_its_refunds(pages: Pages, page: str) -> None:
    shown = pages.open(page)

    assert "看被拒退款" in links(shown)
    assert "看异常退款" not in links(shown)


def test_no_refund_says_when_there_would_be_one(pages: Pages) -> None:
    pages.api.is_empty = True

    assert "系统会自动退款" in text_of(pages.open("refunds"))


def test_another_view_is_chosen(pages: Pages) -> None:
    page = pages.open("refunds", view="rejected")

    page.segmented_control(key="refunds_view").set_value("arrived").run()

    assert page.query_params["view"] == "arrived"
    assert "已到账" in text_of(page)
