import pytest

from tests.api.callers import Mall

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/audit-log"


def test_log_names_staff_subject_and_change_newest_first(mall: Mall) -> None:
    product = mall.operator.post("/v1/merchant/products", title="松子").json
    mall.owner.patch("/v1/merchant/settings", daily_subsidy_cap_fen=100, reason="防刷单")

    newest, oldest = mall.viewer.get(PATH).json["items"]

    assert (newest["staff_name"], newest["action"]) == ("owner", "settings.changed")
    assert (newest["subject_id"], newest["reason"]) == (None, "防刷单")
    assert (oldest["staff_name"], oldest["subject_kind"]) == ("operator", "product")
    assert oldest["subject_id"] == product["id"]


def test_log_is_filtered_by_action_and_paged(mall: Mall) -> None:
    for title in ("一", "二", "三"):
        mall.operator.post("/v1/merchant/products", title=title)
    mall.owner.patch("/v1/merchant/settings", daily_subsidy_cap_fen=100, reason="防刷单")

    page = mall.viewer.get(PATH, action="product.created", limit=2).json
    rest = mall.viewer.get(PATH, action="product.created", limit=2, cursor=page["next_cursor"]).json

    assert [item["after"]["title"] for item in page["items"] + rest["items"]] == ["三", "二", "一"]


def test_each_merchant_sees_its_own(mall: Mall, other_mall: Mall) -> None:
    mall.operator.post("/v1/merchant/products", title="松子")

    assert other_mall.owner.get(PATH).json["items"] == []


def test_cursor_of_another_list_is_refused(mall: Mall) -> None:
    for title in ("一", "二"):
        mall.operator.post("/v1/merchant/products", title=title)
    cursor = mall.viewer.get("/v1/merchant/products", limit=1).json["next_cursor"]

    answer = mall.viewer.get(PATH, cursor=cursor)

    assert answer.status_code == 422
    assert (answer.json["code"], answer.json["field"]) == ("cursor_unreadable", "cursor")
