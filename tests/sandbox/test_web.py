"""The sandbox's web page: lists, buttons, and who may press them."""

import html
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.sandbox.alipay import AlipayMerchant
from tests.sandbox.conftest import Merchant
from tests.sandbox_server import Receiver, SandboxServer, wait_until


@dataclass
class Browser:
    """A browser with its cookies; follows redirects."""

    http: httpx.Client

    def open(self, path: str, **headers: str) -> str:
        answer = self.http.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    def token(self, path: str = "/orders") -> str:
        found = re.search(r'name="token" value="(\w+)"', self.open(path))
        assert found
        return found[1]

    def send(self, button: str, page: str = "orders", /, **fields: str) -> str:
        answer = self.http.post(
            f"/act/{button}", data={"token": self.token(), "page": page, **fields}
        )
        assert answer.status_code == 200, answer.text
        assert answer.url.path == f"/{page}"
        return answer.text


def browser_of(server: SandboxServer, language: str = "en") -> Browser:
    return Browser(
        httpx.Client(
            base_url=server.url,
            follow_redirects=True,
            trust_env=False,
            headers={"Accept-Language": language},
        )
    )


@pytest.fixture
def browser(sandbox: SandboxServer) -> Iterator[Browser]:
    made = browser_of(sandbox)
    yield made
    made.http.close()


@pytest.fixture
def own_browser(own_sandbox: SandboxServer) -> Iterator[Browser]:
    made = browser_of(own_sandbox)
    yield made
    made.http.close()


def said(page: str) -> tuple[str, str]:
    found = re.search(r'class="said (\w+)" role="status"><strong>[^<]*</strong> ([^<]*)<', page)
    assert found, page
    return found[1], html.unescape(found[2]).strip()


PAGES = (
    *("orders", "refunds", "transfers", "callbacks", "messages", "accounts", "faults"),
    *("alipay-orders", "alipay-refunds", "alipay-transfers"),
)


@pytest.mark.parametrize(
    ("language", "spoken", "nothing"),
    [("zh", "zh-CN", "暂无记录"), ("en", "en", "Nothing here yet")],
)
def test_every_page_is_there_in_both_languages(
    own_browser: Browser, language: str, spoken: str, nothing: str
) -> None:
    for page in PAGES:
        text = own_browser.open(f"/{page}", **{"Accept-Language": language})

        assert f'<html lang="{spoken}">' in text
        assert nothing in text


def test_every_word_of_the_pages_has_its_text(
    fresh_merchant: Merchant, fresh_alipay: AlipayMerchant, browser: Browser
) -> None:
    fresh_merchant.refund(fresh_merchant.paid())
    transfer(fresh_merchant)
    fresh_alipay.placed()
    fresh_alipay.refund(fresh_alipay.paid(), "5.00", "r1")
    fresh_alipay.transfer()

    for page in PAGES:
        labels = re.findall(r"<(?:th|button)[^>]*>([^<]+)<", browser.open(f"/{page}"))
        assert labels
        assert not [label for label in labels if "_" in label], page


def test_every_fault_is_explained_in_both_languages(own_browser: Browser) -> None:
    meanings = {
        language: dict(
            re.findall(
                r'<option value="(\w+)">\w+ – ([^<]+)<',
                own_browser.open("/faults", **{"Accept-Language": language}),
            )
        )
        for language in ("zh", "en")
    }

    assert meanings["zh"].keys() == meanings["en"].keys() != set()
    assert not [name for name, text in meanings["zh"].items() if text == meanings["en"][name]]


def test_home_leads_to_the_orders(browser: Browser) -> None:
    assert browser.http.get("/").url.path == "/orders"


def test_newest_order_comes_first_and_others_on_further_pages(
    own_merchant: Merchant, own_browser: Browser
) -> None:
    numbers = [own_merchant.placed()["out_trade_no"] for _ in range(53)]

    first = own_browser.open("/orders")
    [older] = re.findall(r'href="(/orders\?state=&amp;after=\d+)"', first)
    second = own_browser.open(html.unescape(older))

    shown = [n for text in (first, second) for n in re.findall(r'<span title="(\w{20})">', text)]
    assert shown == numbers[::-1]


def test_orders_are_shown_by_state(own_merchant: Merchant, own_browser: Browser) -> None:
    unpaid, paid = own_merchant.placed()["out_trade_no"], own_merchant.paid()["out_trade_no"]

    text = own_browser.open("/orders?state=SUCCESS")

    assert paid in text
    assert unpaid not in text
    assert own_browser.http.get("/orders?state=NONSENSE").status_code == 404


def test_order_is_paid_by_its_button(merchant: Merchant, browser: Browser) -> None:
    order = merchant.placed()

    page = browser.send("pay", prepay_id=order["prepay_id"])

    assert said(page) == ("done", "")
    assert merchant.query(order)[1]["trade_state"] == "SUCCESS"


def test_refusal_is_shown_in_its_words(merchant: Merchant, browser: Browser) -> None:
    order = merchant.paid()

    page = browser.send("pay", prepay_id=order["prepay_id"])

    assert said(page) == ("refused", "该订单已支付")


def test_failed_attempt_leaves_the_order_unpaid(merchant: Merchant, browser: Browser) -> None:
    order = merchant.placed()

    assert said(browser.send("fail", prepay_id=order["prepay_id"])) == ("done", "")
    assert merchant.query(order)[1]["trade_state"] == "NOTPAY"


def test_closed_order_is_paid_anyway(merchant: Merchant, browser: Browser) -> None:
    order = merchant.placed()
    merchant.close(order)

    browser.send("pay", prepay_id=order["prepay_id"], anyway="on")

    assert merchant.query(order)[1]["trade_state"] == "SUCCESS"


@pytest.mark.parametrize("end", ["SUCCESS", "ABNORMAL", "CLOSED"])
def test_refund_ends_as_its_button_says(
    fresh_merchant: Merchant, browser: Browser, end: str
) -> None:
    server, mchid = fresh_merchant.server, fresh_merchant.mchid
    server.post(f"/accounts/{mchid}", refund_delay_seconds=86400)
    _, refund = fresh_merchant.refund(fresh_merchant.paid())
    number = refund["out_refund_no"]

    before = browser.open("/refunds?status=PROCESSING")
    browser.send("end-refund", "refunds", mchid=mchid, out_refund_no=number, status=end)

    assert number in before
    [ended] = server.items("/refunds", out_refund_no=number)
    assert ended["status"] == end


def transfer(merchant: Merchant, **settings: Any) -> str:
    """Ask for a transfer from an account that can pay it; returns its number."""
    mchid, number = merchant.mchid, secrets.token_hex(10)
    merchant.server.post(f"/accounts/{mchid}", balance_fen=100_000, **settings)
    status, _ = merchant.sdk.mch_transfer_bills(
        out_bill_no=number,
        transfer_scene_id="1000",
        openid=f"o{secrets.token_hex(13)}",
        transfer_amount=188,
        transfer_remark="活动奖励",
        transfer_scene_report_infos=[
            {"info_type": "活动名称", "info_content": "薯片三人团"},
            {"info_type": "奖励说明", "info_content": "未成团补贴"},
        ],
        notify_url=merchant.notify_url,
    )
    assert status == 200
    return number


def state_of(merchant: Merchant, number: str) -> tuple[str, str | None]:
    [found] = merchant.server.items("/transfers", out_bill_no=number)
    return found["state"], found["fail_reason"]


def test_transfer_is_confirmed_by_its_button(
    fresh_merchant: Merchant, browser: Browser, receiver: Receiver
) -> None:
    number = transfer(fresh_merchant)
    fields = {"mchid": fresh_merchant.mchid, "out_bill_no": number}
    assert number in browser.open("/transfers?state=WAIT_USER_CONFIRM")

    browser.send("move-transfer", "transfers", action="ignore", **fields)
    ignored = state_of(fresh_merchant, number)
    browser.send("move-transfer", "transfers", action="confirm", **fields)

    assert ignored == ("WAIT_USER_CONFIRM", None)
    assert receiver.wait_for(fresh_merchant.notify_url)
    assert state_of(fresh_merchant, number) == ("SUCCESS", None)


@pytest.mark.parametrize(
    ("fields", "ended"),
    [
        ({"action": "expire"}, ("FAIL", "OVERDUE_CLOSE")),
        ({"action": "fail", "reason": "ACCOUNT_FROZEN"}, ("FAIL", "ACCOUNT_FROZEN")),
    ],
)
def test_transfer_ends_as_its_button_says(
    fresh_merchant: Merchant, browser: Browser, fields: dict[str, str], ended: tuple[str, str]
) -> None:
    number = transfer(fresh_merchant)

    page = browser.send(
        "move-transfer", "transfers", mchid=fresh_merchant.mchid, out_bill_no=number, **fields
    )

    assert said(page) == ("done", "")
    assert state_of(fresh_merchant, number) == ended


def test_transfer_s_callback_is_sent_again(
    fresh_merchant: Merchant, browser: Browser, receiver: Receiver
) -> None:
    number, mchid = transfer(fresh_merchant), fresh_merchant.mchid
    browser.send("move-transfer", "transfers", mchid=mchid, out_bill_no=number, action="confirm")
    receiver.wait_for(fresh_merchant.notify_url)

    browser.send("resend", "callbacks", mchid=mchid, out_bill_no=number)

    assert len(receiver.wait_for(fresh_merchant.notify_url, 2)) == 2


def test_alipay_trade_is_paid_by_its_button_and_told_again(
    fresh_alipay: AlipayMerchant, browser: Browser, receiver: Receiver
) -> None:
    order = fresh_alipay.placed()
    fields = {"seller_id": fresh_alipay.seller_id, "out_trade_no": order["out_trade_no"]}
    assert order["out_trade_no"] in browser.open("/alipay-orders?state=WAIT_BUYER_PAY")

    failed = said(browser.send("fail-trade", "alipay-orders", **fields))
    browser.send("pay-trade", "alipay-orders", **fields)
    receiver.wait_for(fresh_alipay.notify_url)
    browser.send(
        "resend",
        "callbacks",
        mchid=fresh_alipay.seller_id,
        out_trade_no=order["out_trade_no"],
    )

    assert failed == ("done", "")
    assert fresh_alipay.query(order)["trade_status"] == "TRADE_SUCCESS"
    assert len(receiver.wait_for(fresh_alipay.notify_url, 2)) == 2


def test_alipay_transfer_is_returned_by_its_button(
    fresh_alipay: AlipayMerchant, browser: Browser
) -> None:
    server, seller_id = fresh_alipay.server, fresh_alipay.seller_id
    server.post(f"/alipay/accounts/{seller_id}", balance_fen=1000)
    fresh_alipay.transfer(out_biz_no="b1")

    browser.send(
        "end-alipay-transfer",
        "alipay-transfers",
        seller_id=seller_id,
        out_biz_no="b1",
        status="REFUND",
    )

    assert server.items("/alipay/transfers", seller_id=seller_id)[0]["status"] == "REFUND"
    assert fresh_alipay.balance() == 1000


def test_alipay_account_is_topped_up(fresh_alipay: AlipayMerchant, browser: Browser) -> None:
    browser.send("top-up", "accounts", seller_id=fresh_alipay.seller_id, amount="12.34")

    assert fresh_alipay.balance() == 1234
    assert fresh_alipay.seller_id in browser.open("/accounts")


def test_operation_account_is_topped_up_apart(fresh_merchant: Merchant, browser: Browser) -> None:
    mchid = fresh_merchant.mchid

    browser.send("top-up", "accounts", mchid=mchid, held="operation_fen", amount="5")

    shown = fresh_merchant.server.get(f"/accounts/{mchid}")
    assert (shown["balance_fen"], shown["operation_fen"]) == (0, 500)


def test_callback_is_sent_again(merchant: Merchant, browser: Browser, receiver: Receiver) -> None:
    order = merchant.paid()
    receiver.wait_for(merchant.notify_url)

    page = browser.send(
        "resend", "callbacks", mchid=merchant.mchid, out_trade_no=order["out_trade_no"]
    )

    assert said(page)[0] == "done"
    assert len(receiver.wait_for(merchant.notify_url, 2)) == 2


def test_balance_is_set_and_topped_up(fresh_merchant: Merchant, browser: Browser) -> None:
    mchid = fresh_merchant.mchid

    browser.send("set-balance", "accounts", mchid=mchid, amount="1,000.50")
    browser.send("top-up", "accounts", mchid=mchid, amount="0.05")

    assert fresh_merchant.server.get(f"/accounts/{mchid}")["balance_fen"] == 100055
    assert "1,000.55" in browser.open("/accounts")


@pytest.mark.parametrize("amount", ["", "ten", "1.005", "NaN", "1e30"])
def test_amount_that_is_none_changes_nothing(
    fresh_merchant: Merchant, browser: Browser, amount: str
) -> None:
    mchid = fresh_merchant.mchid

    page = browser.send("set-balance", "accounts", mchid=mchid, amount=amount)

    assert said(page)[0] == "refused"
    assert fresh_merchant.server.get(f"/accounts/{mchid}")["balance_fen"] == 0


def test_account_s_rules_are_kept(fresh_merchant: Merchant, browser: Browser) -> None:
    fields = {"mchid": fresh_merchant.mchid, "refund_delay_seconds": "30"}

    browser.send("set-rules", "accounts", is_unlimited="on", **fields)

    shown = fresh_merchant.server.get(f"/accounts/{fresh_merchant.mchid}")
    assert (shown["is_unlimited"], shown["refund_delay_seconds"]) == (True, 30.0)


def test_clock_is_advanced(own_sandbox: SandboxServer, own_browser: Browser) -> None:
    own_browser.send("advance", seconds="3600")
    page = own_browser.send("advance", seconds="60")

    assert own_sandbox.get("/clock")["offset_seconds"] == 3660
    assert "ahead of real time by 1 h 1 min" in page


def test_clock_goes_to_the_next_thing_due(own_merchant: Merchant, own_browser: Browser) -> None:
    server = own_merchant.server
    server.post(f"/accounts/{own_merchant.mchid}", refund_delay_seconds=86400)
    _, refund = own_merchant.refund(own_merchant.paid())
    server.wait_drained()

    own_browser.send("to-next")

    number = refund["out_refund_no"]
    wait_until(lambda: server.items("/refunds", out_refund_no=number, status="SUCCESS"))
    assert server.get("/clock")["offset_seconds"] > 86000


def test_fault_is_added_shown_and_removed(own_sandbox: SandboxServer, own_browser: Browser) -> None:
    page = own_browser.send(
        "add-fault",
        "faults",
        name="latency",
        operation="refund",
        mchid="",
        probability="0.25",
        count="3",
        latency_ms="200",
        reason="",
        days="",
    )
    [rule] = own_sandbox.get("/faults")["items"]

    assert (rule["name"], rule["operation"], rule["mchid"]) == ("latency", "refund", None)
    assert (rule["probability"], rule["remaining"], rule["latency_ms"]) == (0.25, 3, 200)
    assert "25 %" in page
    own_browser.send("remove-fault", "faults", id=str(rule["id"]))
    assert own_sandbox.get("/faults")["items"] == []


def test_all_faults_are_removed_at_once(own_sandbox: SandboxServer, own_browser: Browser) -> None:
    own_sandbox.fault("drop_before")
    own_sandbox.fault("drop_after")

    own_browser.send("remove-faults", "faults")

    assert own_sandbox.get("/faults")["items"] == []


def test_impossible_fault_is_refused(own_sandbox: SandboxServer, own_browser: Browser) -> None:
    page = own_browser.send("add-fault", "faults", name="latency", probability="2")

    assert said(page) == ("refused", "probability: must be from 0 to 1")
    assert own_sandbox.get("/faults")["items"] == []


def test_language_is_chosen_and_kept(browser: Browser) -> None:
    browser.http.post("/language/zh", data={"token": browser.token(), "page": "faults"})

    assert "支付网关沙箱" in browser.open("/orders")


def test_what_the_record_says_is_text_and_nothing_else(
    own_merchant: Merchant, own_browser: Browser
) -> None:
    own_merchant.placed(payer={"openid": "<script>alert(1)</script>"})

    page = own_browser.open("/orders")

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_page_loads_nothing_from_elsewhere(browser: Browser) -> None:
    answer = browser.http.get("/orders")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)

    assert loaded
    assert all(url.startswith("/") and not url.startswith("//") for url in loaded)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for url in ("/web/web.css", "/web/web.js"):
        assert url in loaded
        assert browser.http.get(url).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
    ],
)
def test_form_of_another_site_does_nothing(
    merchant: Merchant, browser: Browser, headers: dict[str, str]
) -> None:
    order = merchant.placed()
    fields = {"token": browser.token(), "prepay_id": order["prepay_id"]}

    answer = browser.http.post("/act/pay", data=fields, headers=headers)

    assert answer.status_code == 403
    assert merchant.query(order)[1]["trade_state"] == "NOTPAY"


@pytest.mark.parametrize("token", ["", "guess"])
def test_form_without_this_browser_s_token_does_nothing(
    merchant: Merchant, browser: Browser, token: str
) -> None:
    order = merchant.placed()
    browser.open("/orders")

    answer = browser.http.post("/act/pay", data={"token": token, "prepay_id": order["prepay_id"]})

    assert answer.status_code == 403
    assert merchant.query(order)[1]["trade_state"] == "NOTPAY"


def test_browser_without_cookies_does_nothing(merchant: Merchant, browser: Browser) -> None:
    token = browser.token()
    browser.http.cookies.clear()

    answer = browser.http.post("/act/pay", data={"token": token, "prepay_id": "any"})

    assert answer.status_code == 403


def test_own_site_s_forms_are_let_in(merchant: Merchant, browser: Browser) -> None:
    order = merchant.placed()
    fields = {"token": browser.token(), "prepay_id": order["prepay_id"]}
    headers = {"Origin": merchant.server.url, "Sec-Fetch-Site": "same-origin"}

    assert browser.http.post("/act/pay", data=fields, headers=headers).status_code == 200
    assert merchant.query(order)[1]["trade_state"] == "SUCCESS"


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
def test_control_api_does_not_listen_to_other_sites(
    sandbox: SandboxServer, headers: dict[str, str]
) -> None:
    answer = sandbox.http.post(
        "/control/accounts",
        content=f'{{"appid": "wx{secrets.token_hex(8)}"}}',
        headers={"Content-Type": "text/plain", **headers},
    )

    assert answer.status_code == 403


def test_names_from_other_machines_read_nothing(browser: Browser) -> None:
    answer = browser.http.get("/orders", headers={"Host": "evil.example"})

    assert answer.status_code == 403
