"""WeChat Pay v3 for one merchant account: orders and refunds; the rest by verb."""

import secrets
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from domain.clock import SHANGHAI, real_now
from domain.gateways.protocol import (
    AbnormalRefund,
    Acknowledgement,
    BillKind,
    BillLine,
    CloseResult,
    GatewayCredentials,
    GatewayEvent,
    GatewayPayment,
    GatewayRefund,
    GatewayTransfer,
    PaymentStatus,
    PrepayRequest,
    PrepayResult,
    RefundRequest,
    RefundStatus,
    TransferRequest,
)
from domain.gateways.reading import Contradiction, find_part, read_text
from domain.gateways.wechat_answers import (
    compare_account,
    compare_currency,
    failure,
    read_payment,
    read_refund,
)
from domain.gateways.wechat_asking import (
    WeChatAsking,
    fit_number,
    fit_refund_number,
    read,
    unasked,
)
from domain.gateways.wechat_bills import WeChatBills
from domain.gateways.wechat_callbacks import WeChatCallbacks
from domain.gateways.wechat_sdk import WeChatSdk
from domain.gateways.wechat_transfers import WeChatTransfers

_NOT_FOUND = "ORDERNOTEXIST"
_REFUND_NOT_FOUND = "RESOURCENOTEXISTS"
_CLOSE_RESULTS = {
    "ORDERPAID": CloseResult.ALREADY_PAID,
    "ORDERCLOSED": CloseResult.CLOSED,
    _NOT_FOUND: CloseResult.NOT_FOUND,
}


class WeChatPayments:
    """A `PaymentProvider`; safe for use by several threads."""

    name = "wechat"

    def __init__(
        self, credentials: GatewayCredentials, sdk: WeChatSdk, app_ids: Collection[str]
    ) -> None:
        self._mch_no = credentials.mch_no
        self._app_ids = {credentials.app_id, *app_ids}
        self._sdk = sdk
        self._asking = WeChatAsking(sdk)
        self._transfers = WeChatTransfers(self._asking, self._mch_no)
        self._bills = WeChatBills(self._asking)
        self._callbacks = WeChatCallbacks(sdk, self._mch_no, self._app_ids)

    def prepay(self, request: PrepayRequest) -> PrepayResult:
        """Place an order; the number may be repeated with the same parameters only."""
        expires_at = request.expires_at.astimezone(SHANGHAI).isoformat(timespec="seconds")
        answer = self._asking.ask(
            "prepay",
            lambda: self._sdk.client.pay(
                appid=request.app_id,
                description=request.description[:127],
                out_trade_no=fit_number(request.out_trade_no),
                amount={"total": int(request.amount_fen), "currency": "CNY"},
                payer={"openid": request.payer_id},
                time_expire=expires_at,
                notify_url=request.notify_url,
            ),
        )
        return read(answer, lambda body: PrepayResult(read_text(body, "prepay_id")))

    def client_parameters(self, prepay_id: str, app_id: str) -> dict[str, str]:
        """Sign `wx.requestPayment`'s parameters: RSA-SHA256 over four lines (v3 docs, paySign)."""
        at = str(int(real_now().timestamp()))
        nonce = secrets.token_hex(16)
        package = f"prepay_id={prepay_id}"
        return {
            "appId": app_id,
            "timeStamp": at,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": self._sdk.client.sign([app_id, at, nonce, package]),
        }

    def query(self, out_trade_no: str) -> GatewayPayment:
        """Ask how an order stands."""
        answer = self._asking.ask(
            "query", lambda: self._sdk.client.query(out_trade_no=fit_number(out_trade_no))
        )
        if answer.code == _NOT_FOUND:
            return GatewayPayment(out_trade_no, PaymentStatus.NOT_FOUND)
        return read(answer, lambda body: self._own_payment(body, out_trade_no))

    def close(self, out_trade_no: str) -> CloseResult:
        """Close an order that is not paid."""
        answer = self._asking.ask("close", lambda: self._sdk.client.close(fit_number(out_trade_no)))
        if answer.is_ok:
            return CloseResult.CLOSED
        if answer.code in _CLOSE_RESULTS:
            return _CLOSE_RESULTS[answer.code]
        raise failure(answer)

    def refund(self, request: RefundRequest) -> GatewayRefund:
        """Ask for a refund; the answer says accepted, not arrived."""
        answer = self._asking.ask(
            "refund",
            lambda: self._sdk.client.refund(
                out_refund_no=fit_number(request.out_refund_no),
                out_trade_no=fit_number(request.out_trade_no),
                amount={
                    "refund": int(request.amount_fen),
                    "total": int(request.total_fen),
                    "currency": "CNY",
                },
                reason=request.reason[:80],
                notify_url=request.notify_url,
            ),
        )
        return read(answer, lambda body: _own_refund(body, request.out_refund_no))

    def query_refund(self, out_refund_no: str, out_trade_no: str = "") -> GatewayRefund:  # noqa: ARG002
        """Ask how a refund stands; its own number is enough."""
        answer = self._asking.ask(
            "query_refund", lambda: self._sdk.client.query_refund(fit_refund_number(out_refund_no))
        )
        if answer.code == _REFUND_NOT_FOUND:
            return GatewayRefund(out_refund_no, RefundStatus.NOT_FOUND)
        return read(answer, lambda body: _own_refund(body, out_refund_no))

    def redirect_abnormal_refund(self, request: AbnormalRefund) -> GatewayRefund:
        """Send an abnormal refund to the shopper's card, or to the merchant's own."""
        card = request.card
        if card is not None and not all((card.bank_type, card.number, card.holder)):
            raise unasked("abnormal_refund", "the card is incomplete")
        where: dict[str, Any] = {"type": "MERCHANT_BANK_CARD"}
        if card is not None:
            where = {
                "type": "USER_BANK_CARD",
                "bank_type": card.bank_type,
                "bank_account": card.number,
                "real_name": card.holder,
            }
        answer = self._asking.ask(
            "abnormal_refund",
            lambda: self._sdk.client.abnormal_refund(
                refund_id=fit_number(request.refund_id),
                out_refund_no=fit_number(request.out_refund_no),
                **where,
            ),
        )
        return read(answer, lambda body: _own_refund(body, request.out_refund_no))

    def transfer(self, request: TransferRequest) -> GatewayTransfer:
        """Pay a shopper, who confirms it within 24 hours. Below 10 fen or without texts, and from
        200,000 fen on: GatewayRejected, nobody is asked.
        """
        return self._transfers.transfer(request)

    def query_transfer(self, out_bill_no: str) -> GatewayTransfer:
        """Ask how a transfer stands; the package is only told where it is asked for."""
        return self._transfers.query(out_bill_no)

    def cancel_transfer(self, out_bill_no: str) -> GatewayTransfer:
        """Ask for a transfer to be cancelled; the answer tells no amount."""
        return self._transfers.cancel(out_bill_no)

    def transfer_parameters(self, package_info: str, app_id: str) -> dict[str, str]:
        """Return the parameters of `wx.requestMerchantTransfer`; they are not signed."""
        return {"mchId": self._mch_no, "appId": app_id, "package": package_info}

    def download_bill(self, on: date, kind: BillKind) -> Iterator[BillLine]:
        """Download a Shanghai day's bill; up to four requests of 13 seconds each."""
        return self._bills.download(on, kind)

    def parse_callback(
        self, headers: Mapping[str, str], raw_body: bytes, now_real: datetime
    ) -> GatewayEvent:
        """Verify and open a callback. Raises InvalidCallback, whatever is wrong with it."""
        return self._callbacks.parse(headers, raw_body, now_real)

    def acknowledgement(self) -> Acknowledgement:
        """Return what ends a callback's deliveries: 204 without a body."""
        return Acknowledgement(204)

    def _own_payment(self, body: Mapping[str, Any], out_trade_no: str) -> GatewayPayment:
        payment = read_payment(body)
        compare_account(body, mch_no=self._mch_no, app_ids=self._app_ids)
        if payment.out_trade_no != out_trade_no:
            raise Contradiction(out_trade_no=(out_trade_no, payment.out_trade_no))
        compare_currency(find_part(body, "amount"))
        return payment


def _own_refund(body: Mapping[str, Any], out_refund_no: str) -> GatewayRefund:
    refund = read_refund(body, status_field="status")
    if refund.out_refund_no != out_refund_no:
        raise Contradiction(out_refund_no=(out_refund_no, refund.out_refund_no))
    compare_currency(find_part(body, "amount"))
    return refund
