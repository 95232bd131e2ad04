"""A shopper's phone: signs in, opens, joins, pays, shares, visits, leaves, buys; HTTP only."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bench.shoppers.calling import Answer, Caller, Refused, Request

PAID_POLLS_SECONDS = (0.05, 0.1, 0.2, 0.2, 0.3, 0.5, 0.5, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 4.0)
MOST_SIGN_INS = 5
CODE_REFUSED = (401, 422)
PAGE = "100"
LISTED_WHOLE = (
    "/v1/me/orders",
    "/v1/me/subsidies",
    "/v1/me/wallet/entries",
    "/v1/me/withdrawals",
)


@dataclass(frozen=True, slots=True)
class Mall:
    """Where shoppers shop: the API, the gateway, one mini-program; `run` makes openids unique."""

    api: Caller
    gateway: Caller
    app_id: str
    run: str
    sleep: Callable[[float], None] = time.sleep


class Phone:
    """One shopper's phone. Used by one thread at a time."""

    def __init__(self, mall: Mall, number: str, nickname: str, *, channel: str) -> None:
        self.number = number
        self.openid = f"{mall.run}-{number.replace('.', '-')}"
        self._mall = mall
        self._nickname = nickname
        self._device = {"X-Device-Id": f"phone-{self.openid}", "X-Channel": channel}
        self._access_token: str | None = None
        self._refresh_token = ""
        self._keys = 0

    @property
    def is_signed_in(self) -> bool:
        """Return whether the shopper has an account."""
        return self._access_token is not None

    def sign_in(self, share_token: str | None = None) -> dict[str, Any]:
        """Sign in, by a share where there is one; returns the session. Raises Refused, Unanswered.

        A login code works once, so a lost answer is followed by a fresh code.
        """
        body = {"app_id": self._mall.app_id, "nickname": self._nickname}
        if share_token is not None:
            body["share_token"] = share_token
        session = self._signed_in(body)
        self._access_token = session["access_token"]
        self._refresh_token = session["refresh_token"]
        return session

    def _signed_in(self, body: dict[str, Any]) -> dict[str, Any]:
        for _ in range(MOST_SIGN_INS):
            answer = self._call(
                "sign_in", "POST", "/v1/auth/sessions", self._with_code(body), is_harmless=True
            )
            if answer.is_ok:
                return answer.body
            if answer.status not in CODE_REFUSED:
                break
        raise Refused("sign_in", answer)

    def _with_code(self, body: dict[str, Any]) -> dict[str, Any]:
        minted = self._mall.gateway.need(
            Request(
                "wx.login",
                "POST",
                "/control/codes",
                {"appid": self._mall.app_id, "openid": self.openid},
                is_harmless=True,
            )
        )
        return {**body, "code": minted["code"]}

    def look_at_campaign(self, campaign_id: str) -> dict[str, Any]:
        """Read a campaign with its rules."""
        return self._need("campaign", "GET", f"/v1/campaigns/{campaign_id}")

    def find_groups(self, campaign_id: str) -> list[dict[str, Any]]:
        """List a campaign's open groups with a seat left, the first page."""
        return list(self._need("groups", "GET", f"/v1/campaigns/{campaign_id}/groups")["items"])

    def open_group(self, campaign_id: str, order: dict[str, Any]) -> Answer:
        """Open a group; the answer is its leader's order."""
        return self._call("open", "POST", f"/v1/campaigns/{campaign_id}/groups", order, keyed=True)

    def join_group(self, group_id: str, order: dict[str, Any]) -> Answer:
        """Join a group; the answer is the order."""
        return self._call("join", "POST", f"/v1/groups/{group_id}/orders", order, keyed=True)

    def buy_alone(self, order: dict[str, Any]) -> Answer:
        """Buy a product alone; the answer is the order."""
        return self._call("buy_alone", "POST", "/v1/orders", order, keyed=True)

    def prepare_payment(self, order_id: str) -> Answer:
        """Prepare the payment of an order; the answer carries the client parameters."""
        return self._call("prepare", "POST", f"/v1/orders/{order_id}/payments", keyed=True)

    def pay(self, prepared: dict[str, Any]) -> Answer:
        """Hand the client parameters to the gateway, as `wx.requestPayment` does.

        An order is paid once at most, so an unknown outcome may be tried again.
        """
        parameters = {**prepared["client_parameters"], "openid": self.openid}
        return self._mall.gateway.call(
            Request("wx.requestPayment", "POST", "/shopper/pay", parameters, is_harmless=True)
        )

    def wait_until_paid(self, order_id: str) -> dict[str, Any]:
        """Poll an order until its payment has been applied, for some seconds; returns the last."""
        order: dict[str, Any] = {}
        for pause in PAID_POLLS_SECONDS:
            self._mall.sleep(pause)
            order = self.read_order(order_id)
            if order["state"] != "placed":
                break
        return order

    def withdraw(self, amount_fen: int) -> Answer:
        """Withdraw from the wallet; the answer is the withdrawal."""
        body = {"amount_fen": amount_fen}
        return self._call("withdraw", "POST", "/v1/me/withdrawals", body, keyed=True)

    def read_withdrawal(self, withdrawal_id: str) -> dict[str, Any]:
        """Read one withdrawal, with what confirming it needs."""
        return self._need("withdrawal", "GET", f"/v1/me/withdrawals/{withdrawal_id}")

    def read_withdrawals(self) -> list[dict[str, Any]]:
        """List all withdrawals of this shopper."""
        return self._listed("my_withdrawals", "/v1/me/withdrawals")

    def confirm_withdrawal(self, withdrawal: dict[str, Any]) -> Answer:
        """Hand the client parameters to the gateway, as `wx.requestMerchantTransfer` does."""
        parameters = {**withdrawal["client_parameters"], "openid": self.openid}
        return self._mall.gateway.call(
            Request("wx.transfer", "POST", "/shopper/transfer", parameters, is_harmless=True)
        )

    def cancel_withdrawal(self, withdrawal_id: str) -> Answer:
        """Cancel a withdrawal that awaits its shopper."""
        path = f"/v1/me/withdrawals/{withdrawal_id}/cancellation"
        return self._call("cancel_withdrawal", "POST", path, keyed=True)

    def read_wallet_entries(self) -> list[dict[str, Any]]:
        """List the movements of the wallet."""
        return self._listed("my_entries", "/v1/me/wallet/entries")

    def give_up(self, order_id: str) -> Answer:
        """Give up an unpaid order, or leave an open group."""
        return self._call("give_up", "POST", f"/v1/orders/{order_id}/cancellation", keyed=True)

    def share(self, group_id: str) -> str:
        """Share a group; returns the token of the link."""
        path = f"/v1/groups/{group_id}/shares"
        return str(self._need("share", "POST", path, is_harmless=True)["token"])

    def visit(self, token: str) -> dict[str, Any]:
        """Open a shared link, signed in or not."""
        return self._need("visit", "GET", f"/v1/shares/{token}")

    def read_group(self, group_id: str) -> dict[str, Any]:
        """Read a group's progress."""
        return self._need("group", "GET", f"/v1/groups/{group_id}")

    def read_order(self, order_id: str) -> dict[str, Any]:
        """Read one order."""
        return self._need("order", "GET", f"/v1/orders/{order_id}")

    def read_orders(self) -> list[dict[str, Any]]:
        """List all orders of this shopper."""
        return self._listed("my_orders", "/v1/me/orders")

    def read_subsidies(self) -> list[dict[str, Any]]:
        """List all subsidies of this shopper."""
        return self._listed("my_subsidies", "/v1/me/subsidies")

    def read_balance(self) -> int:
        """Return what is in the wallet, fen."""
        return int(self._need("my_wallet", "GET", "/v1/me/wallet")["balance_fen"])

    def see_results(self) -> list[dict[str, Any]]:
        """Read how groups ended, as the pop-up does, and mark it seen."""
        results = self._listed("my_results", "/v1/me/results")
        if results:
            body = {"ids": [result["id"] for result in results]}
            self._need("seen", "POST", "/v1/me/notices/seen", body, is_harmless=True)
        return results

    def _listed(self, operation: str, path: str) -> list[dict[str, Any]]:
        """Read a list to its end, page by page."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self._need(operation, "GET", path, cursor=cursor)
            items += page["items"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return items

    def _need(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        is_harmless: bool = False,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        answer = self._call(operation, method, path, body, is_harmless=is_harmless, cursor=cursor)
        if not answer.is_ok:
            raise Refused(operation, answer)
        return answer.body

    def _call(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        keyed: bool = False,
        is_harmless: bool = False,
        cursor: str | None = None,
    ) -> Answer:
        """Call as this shopper; a session that ran out is renewed once, the key stays."""
        parameters = {"limit": PAGE} if method == "GET" and path in LISTED_WHOLE else {}
        if cursor is not None:
            parameters["cursor"] = cursor
        request = Request(
            operation,
            method,
            path,
            body,
            self._access_token,
            self._next_key(operation) if keyed else None,
            self._device | ({} if self.is_signed_in else {"X-App-Id": self._mall.app_id}),
            parameters,
            is_harmless,
        )
        answer = self._mall.api.call(request)
        if answer.status == 401 and self.is_signed_in:
            self._renew()
            answer = self._mall.api.call(replace(request, token=self._access_token))
        return answer

    def _renew(self) -> None:
        """Get a new access token; one is valid for half an hour. The refresh token changes too."""
        body = {"refresh_token": self._refresh_token}
        renewed = self._mall.api.need(
            Request("refresh", "POST", "/v1/auth/tokens", body, is_harmless=True)
        )
        self._access_token = renewed["access_token"]
        self._refresh_token = renewed["refresh_token"]

    def _next_key(self, operation: str) -> str:
        """Return the key of one intention: it stays the same however often the call is made."""
        self._keys += 1
        return f"{self.openid}-{operation}-{self._keys}"[-64:]
