"""Alipay for one seller's mini-program: trades, refunds, transfers, bills, notifications."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from domain.clock import SHANGHAI, real_now
from domain.gateways.alipay_answers import (
    BILL_NOT_EXIST,
    NOT_WAITING,
    TRADE_NOT_EXIST,
    TRANSFER_NOT_EXIST,
    failure,
    find_amount,
    read,
    read_amount,
    read_at,
    read_payment,
    read_refund,
    read_transfer,
)
from domain.gateways.alipay_bills import BILL_TYPES, BillBroken, read_bill
from domain.gateways.alipay_forms import write_instant, write_yuan
from domain.gateways.alipay_notices import open_notice
from domain.gateways.alipay_sdk import AlipaySdk
from domain.gateways.errors import BillNotReady, GatewayRejected, GatewayUnknown
from domain.gateways.protocol import (
    AbnormalRefund,
    Acknowledgement,
    BillKind,
    BillLine,
    CloseResult,
    GatewayCredentials,
    GatewayPayment,
    GatewayRefund,
    GatewayTransfer,
    PaymentEvent,
    PaymentStatus,
    PrepayRequest,
    PrepayResult,
    RefundEvent,
    RefundRequest,
    RefundStatus,
    TransferRequest,
    TransferStatus,
)
from domain.gateways.reading import Contradiction, find_text, read_text

_FORBIDDEN = re.compile(r"[/=&]+")
_MOST_SUBJECT, _MOST_REASON, _MOST_TITLE, _MOST_REMARK = 256, 256, 64, 100
_TRANSFER_PRODUCT = {"product_code": "TRANS_ACCOUNT_NO_PWD", "biz_scene": "DIRECT_TRANSFER"}
# A bill is ready from 10:00 the next day; "no such bill" is one answer for late and for none.
_NO_LATER_THAN = timedelta(days=2)


class AlipayPayments:
    """A `PaymentProvider`; safe for use by several threads."""

    name = "alipay"

    def __init__(self, credentials: GatewayCredentials, sdk: AlipaySdk) -> None:
        self._seller_id = credentials.mch_no
        self._app_id = credentials.app_id
        self.sdk = sdk

    def prepay(self, request: PrepayRequest) -> PrepayResult:
        """Create the trade; its number is what `my.tradePay` takes.

        Some characters are not allowed in a subject; they become spaces.
        """
        self.sdk.begin()
        answer = self.sdk.ask(
            "prepay",
            "alipay.trade.create",
            {
                "out_trade_no": request.out_trade_no,
                "total_amount": write_yuan(request.amount_fen),
                "subject": _FORBIDDEN.sub(" ", request.description)[:_MOST_SUBJECT],
                "product_code": "JSAPI_PAY",
                "op_app_id": request.app_id,
                "buyer_open_id": request.payer_id,
                "time_expire": write_instant(request.expires_at),
            },
            notify_url=request.notify_url,
        )
        return read(
            answer,
            lambda body: PrepayResult(_about(body, request.out_trade_no, "trade_no")),
        )

    def client_parameters(self, prepay_id: str, app_id: str) -> dict[str, str]:  # noqa: ARG002
        """Return `my.tradePay`'s parameters: nothing to sign."""
        return {"tradeNO": prepay_id}

    def query(self, out_trade_no: str) -> GatewayPayment:
        """Ask how a trade stands."""
        self.sdk.begin()
        return self._query(out_trade_no)

    def _query(self, out_trade_no: str) -> GatewayPayment:
        answer = self.sdk.ask("query", "alipay.trade.query", {"out_trade_no": out_trade_no})
        if answer.sub_code == TRADE_NOT_EXIST:
            return GatewayPayment(out_trade_no, PaymentStatus.NOT_FOUND)
        return read(answer, lambda body: _own_payment(body, out_trade_no))

    def close(self, out_trade_no: str) -> CloseResult:
        """Close a trade that is not paid.

        Refused, because it is paid or closed already: a query tells which.
        """
        self.sdk.begin()
        answer = self.sdk.ask("close", "alipay.trade.close", {"out_trade_no": out_trade_no})
        if answer.is_ok:
            return CloseResult.CLOSED
        if answer.sub_code == TRADE_NOT_EXIST:
            return CloseResult.NOT_FOUND
        if answer.sub_code not in NOT_WAITING:
            raise failure(answer)
        payment = self._query(out_trade_no)
        if payment.is_paid:
            return CloseResult.ALREADY_PAID
        if payment.status is PaymentStatus.CLOSED:
            return CloseResult.CLOSED
        raise GatewayUnknown(
            message=f"alipay close: refused a {payment.status} trade", operation="close"
        )

    def refund(self, request: RefundRequest) -> GatewayRefund:
        """Ask for a refund; done at once, unless no funds moved: then a query tells.

        The notification goes where the trade's do: Alipay takes no URL here.
        """
        self.sdk.begin()
        answer = self.sdk.ask(
            "refund",
            "alipay.trade.refund",
            {
                "out_trade_no": request.out_trade_no,
                "out_request_no": request.out_refund_no,
                "refund_amount": write_yuan(request.amount_fen),
                "refund_reason": request.reason[:_MOST_REASON],
            },
        )
        return read(answer, lambda body: _accepted(body, request))

    def query_refund(self, out_refund_no: str, out_trade_no: str) -> GatewayRefund:
        """Ask how a refund of a trade stands."""
        self.sdk.begin()
        answer = self.sdk.ask(
            "query_refund",
            "alipay.trade.fastpay.refund.query",
            {
                "out_trade_no": out_trade_no,
                "out_request_no": out_refund_no,
                "query_options": ["gmt_refund_pay"],
            },
        )
        if answer.sub_code in {TRADE_NOT_EXIST, "TRADE_NOT_EXIST"}:
            return GatewayRefund(out_refund_no, RefundStatus.NOT_FOUND)
        return read(answer, lambda body: read_refund(body, out_refund_no))

    def redirect_abnormal_refund(self, request: AbnormalRefund) -> GatewayRefund:
        """Refuse: Alipay's refunds go to the balance where a bank will not have them."""
        raise GatewayRejected(
            message=f"alipay has no abnormal refund: {request.out_refund_no}",
            operation="redirect_abnormal_refund",
        )

    def transfer(self, request: TransferRequest) -> GatewayTransfer:
        """Pay a shopper's balance; they need not confirm, and nobody is called back."""
        self.sdk.begin()
        answer = self.sdk.ask(
            "transfer",
            "alipay.fund.trans.uni.transfer",
            {
                "out_biz_no": request.out_bill_no,
                "trans_amount": write_yuan(request.amount_fen),
                "order_title": request.activity_name[:_MOST_TITLE],
                "remark": request.remark[:_MOST_REMARK],
                "payee_info": {"identity": request.payee_id, "identity_type": "ALIPAY_OPEN_ID"},
                **_TRANSFER_PRODUCT,
            },
        )
        return read(
            answer,
            lambda body: read_transfer(
                body, request.out_bill_no, amount_fen=request.amount_fen, at_field="trans_date"
            ),
        )

    def query_transfer(self, out_bill_no: str) -> GatewayTransfer:
        """Ask how a transfer stands."""
        self.sdk.begin()
        answer = self.sdk.ask(
            "query_transfer",
            "alipay.fund.trans.common.query",
            {"out_biz_no": out_bill_no, **_TRANSFER_PRODUCT},
        )
        if answer.sub_code == TRANSFER_NOT_EXIST:
            return GatewayTransfer(out_bill_no, TransferStatus.NOT_FOUND)
        return read(
            answer,
            lambda body: read_transfer(
                body,
                out_bill_no,
                amount_fen=read_amount(body, "trans_amount"),
                at_field="pay_date",
            ),
        )

    def cancel_transfer(self, out_bill_no: str) -> GatewayTransfer:
        """Refuse: a transfer at Alipay never waits for its shopper."""
        raise GatewayRejected(
            message=f"alipay cannot cancel a transfer: {out_bill_no}", operation="cancel_transfer"
        )

    def transfer_parameters(self, package_info: str, app_id: str) -> dict[str, str]:  # noqa: ARG002
        """Return nothing: there is nothing to confirm."""
        return {}

    def download_bill(self, on: date, kind: BillKind) -> Iterator[BillLine]:
        """Download a day's bill; its own totals stand in for the hash Alipay does not give.

        "No such bill" is taken for a late one until the next day is over, then for a quiet day.
        """
        self.sdk.begin()
        answer = self.sdk.ask(
            "bill",
            "alipay.data.dataservice.bill.downloadurl.query",
            {"bill_type": BILL_TYPES[kind], "bill_date": on.isoformat()},
        )
        if answer.sub_code in BILL_NOT_EXIST:
            if real_now() < datetime(on.year, on.month, on.day, tzinfo=SHANGHAI) + _NO_LATER_THAN:
                raise BillNotReady(operation="bill", gateway_code=answer.sub_code)
            return iter(())
        url = read(answer, lambda body: read_text(body, "bill_download_url"))
        packed = self.sdk.download("bill", url)
        try:
            return read_bill(packed, kind, on)
        except BillBroken as problem:
            raise GatewayUnknown(message=f"alipay bill: {problem}", operation="bill") from problem

    def parse_callback(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 - all is in the body
        raw_body: bytes,
        now_real: datetime,
    ) -> PaymentEvent | RefundEvent:
        """Verify and open a notification. Raises InvalidCallback, whatever is wrong with it."""
        return open_notice(
            raw_body,
            now_real,
            is_signed=self.sdk.is_signed,
            app_id=self._app_id,
            seller_id=self._seller_id,
        )

    def acknowledgement(self) -> Acknowledgement:
        """Return the seven letters that end the tries."""
        return Acknowledgement(200, b"success", "text/plain; charset=utf-8")


def _about(body: Mapping[str, Any], out_trade_no: str, name: str) -> str:
    said = find_text(body, "out_trade_no")
    if said is not None and said != out_trade_no:
        raise Contradiction(out_trade_no=(out_trade_no, said))
    return read_text(body, name)


def _own_payment(body: Mapping[str, Any], out_trade_no: str) -> GatewayPayment:
    payment = read_payment(body, paid_at_field="send_pay_date")
    if payment.out_trade_no != out_trade_no:
        raise Contradiction(out_trade_no=(out_trade_no, payment.out_trade_no))
    return payment


def _accepted(body: Mapping[str, Any], request: RefundRequest) -> GatewayRefund:
    trade_no = _about(body, request.out_trade_no, "trade_no")
    # `refund_fee` in the answer adds up all refunds of the trade, and an answer without funds
    # moved carries a time all the same. `send_back_fee` is what this one moved.
    is_done = body.get("fund_change") == "Y" and bool(body.get("gmt_refund_pay"))
    return GatewayRefund(
        out_refund_no=request.out_refund_no,
        status=RefundStatus.SUCCESS if is_done else RefundStatus.PROCESSING,
        refund_id=trade_no,
        out_trade_no=request.out_trade_no,
        transaction_id=trade_no,
        amount_fen=find_amount(body, "send_back_fee") if is_done else request.amount_fen,
        refunded_fen=find_amount(body, "refund_fee"),
        succeeded_at=read_at(body, "gmt_refund_pay") if is_done else None,
    )
