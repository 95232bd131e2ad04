"""What the product asks of a payment gateway, in its own words: money in fen, instants in UTC."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Protocol

from domain.clock import SHANGHAI
from domain.gateways.reading import storable, write_said
from domain.money import Fen


@dataclass(frozen=True, slots=True)
class GatewayCredentials:
    """A merchant's number and keys at a gateway; PEM texts, and a 32-character APIv3 key.

    WeChat Pay needs `merchant_serial`, `apiv3_key` and either the platform's public key with its id
    or, in certificate mode, `platform_certificate_pem`. Alipay needs the three certificates: the
    application's own (`merchant_certificate_pem`), the gateway's (`platform_certificate_pem`) and
    the root's.
    """

    gateway: str
    mch_no: str
    app_id: str
    merchant_private_key_pem: str = field(repr=False)
    merchant_serial: str = ""
    platform_public_key_pem: str = field(default="", repr=False)
    platform_public_key_id: str = ""
    apiv3_key: str = field(default="", repr=False)
    platform_certificate_pem: str = field(default="", repr=False)
    merchant_certificate_pem: str = field(default="", repr=False)
    root_certificate_pem: str = field(default="", repr=False)


class PaymentStatus(StrEnum):
    """What the gateway says of an order. REFUNDING: paid, and a refund was started."""

    NOT_FOUND = "not_found"
    PENDING = "pending"
    PAID = "paid"
    REFUNDING = "refunding"
    CLOSED = "closed"


class CloseResult(StrEnum):
    """What closing an order came to. NOT_FOUND: its prepay may still be on the way."""

    CLOSED = "closed"
    ALREADY_PAID = "already_paid"
    NOT_FOUND = "not_found"


class RefundStatus(StrEnum):
    """What the gateway says of a refund. Only CLOSED may be repeated, with a new number."""

    NOT_FOUND = "not_found"
    PROCESSING = "processing"
    SUCCESS = "success"
    CLOSED = "closed"
    ABNORMAL = "abnormal"


class TransferStatus(StrEnum):
    """What the gateway says of a transfer to a shopper.

    AWAITING_SHOPPER: they have 24 hours to confirm it. Final: SUCCESS, FAILED, CANCELLED; only
    after one of the last two may a new number be used.
    """

    NOT_FOUND = "not_found"
    PROCESSING = "processing"
    AWAITING_SHOPPER = "awaiting_shopper"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BillKind(StrEnum):
    """Which of a gateway's daily bills: payments and refunds, or transfers to shoppers."""

    TRADE = "trade"
    TRANSFERS = "transfers"


class BillLineKind(StrEnum):
    """What a line of a bill is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    TRANSFER = "transfer"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class PrepayRequest:
    """An order to be paid. The same request may be repeated; a changed one is a conflict.

    `out_trade_no` is 6 to 32 letters and digits. `description` is cut to 127 characters.
    `payer_id` is the shopper's id in the mini-program `app_id`, which the merchant has bound to its
    number at the gateway. `expires_at` is when paying ends, told to the gateway in whole seconds,
    rounded down. `notify_url` carries no query string.
    """

    out_trade_no: str
    description: str
    amount_fen: Fen
    app_id: str
    payer_id: str
    notify_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PrepayResult:
    """The gateway's handle for paying the order; lives 2 hours."""

    prepay_id: str


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Money back to the payer. `total_fen` is the amount that was received.

    `out_refund_no` is 6 to 32 letters and digits. `reason` is cut to 80 characters.
    """

    out_refund_no: str
    out_trade_no: str
    amount_fen: Fen
    total_fen: Fen
    reason: str
    notify_url: str


@dataclass(frozen=True, slots=True)
class BankCard:
    """Where an abnormal refund may go instead; `holder` and `number` travel encrypted."""

    bank_type: str
    number: str = field(repr=False)
    holder: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AbnormalRefund:
    """An abnormal refund to be sent elsewhere: to the shopper's card, else to the merchant's."""

    refund_id: str
    out_refund_no: str
    card: BankCard | None = None


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """Money from the merchant's account to a shopper. The same request may be repeated.

    `out_bill_no` is 6 to 32 letters and digits. `amount_fen` is at least 10 and below 200,000, so
    that no name is asked for. `activity_name` and `reward_note` are what the scene must report, and
    `remark` what the shopper sees: each is cut to 32 characters. `notify_url` must be https outside
    development.
    """

    out_bill_no: str
    amount_fen: Fen
    app_id: str
    payee_id: str
    activity_name: str
    reward_note: str
    remark: str
    notify_url: str


@dataclass(frozen=True, slots=True)
class GatewayPayment:
    """An order as the gateway has it.

    Amount, transaction and success time are set if, and only if, `is_paid`; the payer and the
    currency where the answer tells them. `refunded_fen` is set where the trade's state tells what
    of it went back.
    """

    out_trade_no: str
    status: PaymentStatus
    transaction_id: str | None = None
    payer_id: str | None = None
    amount_fen: Fen | None = None
    succeeded_at: datetime | None = None
    currency: str | None = None
    refunded_fen: Fen | None = None

    @property
    def is_paid(self) -> bool:
        """Say whether the money came; some of it may be on its way back."""
        return self.status in {PaymentStatus.PAID, PaymentStatus.REFUNDING}


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    """A refund as the gateway has it; what an answer does not tell is unset.

    `succeeded_at` is set for SUCCESS only. A callback of Alipay leaves `amount_fen` unset: it tells
    `refunded_fen`, the sum of the trade's refunds so far, only. A refund that was made at Alipay's
    own console may have no number that we could ask for: then it is named by `unnamed_refund`.
    """

    out_refund_no: str
    status: RefundStatus
    refund_id: str | None = None
    out_trade_no: str | None = None
    amount_fen: Fen | None = None
    succeeded_at: datetime | None = None
    transaction_id: str | None = None
    total_fen: Fen | None = field(default=None, compare=False)
    refunded_fen: Fen | None = field(default=None, compare=False)
    currency: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class GatewayTransfer:
    """A transfer as the gateway has it.

    `package_info` is set while the shopper must confirm; `fail_reason` (the gateway's code) where
    it FAILED; `ended_at` where it is final. `amount_fen` is unset where NOT_FOUND. WeChat Pay tells
    the package to `transfer` only (asked again, it tells it again), the end not to `transfer`, and
    to `cancel_transfer` neither of these nor the amount.
    """

    out_bill_no: str
    status: TransferStatus
    transfer_no: str | None = None
    amount_fen: Fen | None = None
    package_info: str | None = field(default=None, repr=False)
    fail_reason: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of a bill. `number` is ours, `gateway_no` theirs.

    `at` is the gateway's instant: of success for a payment, of the request for a refund (it is
    never updated afterwards), of the movement for a transfer. A transfer that came back is a second
    line with a negative amount, on the day it came back. `trade_no` is our number of the order that
    a refund is of, `currency` is empty where the bill names none.

    An UNREADABLE line is one that nobody can act on: `said` is what stands there, `problem` why,
    and `number` tells it from others. Its amount is 0.
    """

    kind: BillLineKind
    number: str
    gateway_no: str
    amount_fen: Fen
    at: datetime
    trade_no: str = ""
    currency: str = ""
    problem: str = ""
    said: str = field(default="", repr=False)


def unreadable_line(said: str, problem: str, on: date) -> BillLine:
    """Build the line of a bill that could not be read; the same text has the same number."""
    number = hashlib.sha256(said.encode(errors="replace")).hexdigest()[:20]
    start = datetime(on.year, on.month, on.day, tzinfo=SHANGHAI).astimezone(UTC)
    return BillLine(
        BillLineKind.UNREADABLE,
        number,
        "",
        Fen(0),
        start,
        problem=storable(problem)[:500],
        said=write_said(said),
    )


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """A callback: this order was paid, or closed. `event_id` is the same on each delivery."""

    event_id: str
    payment: GatewayPayment


@dataclass(frozen=True, slots=True)
class RefundEvent:
    """A callback: this refund ended. `event_id` is the same on each delivery."""

    event_id: str
    refund: GatewayRefund


@dataclass(frozen=True, slots=True)
class TransferEvent:
    """A callback: this transfer ended. `event_id` is the same on each delivery."""

    event_id: str
    transfer: GatewayTransfer


GatewayEvent = PaymentEvent | RefundEvent | TransferEvent


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a gateway must be answered so that it stops calling back."""

    status: int
    body: bytes = b""
    content_type: str | None = None


class PaymentProvider(Protocol):
    """One merchant's account at a gateway.

    Every call that reaches out takes 13 seconds at most and raises one of the five classes of
    `gateways.errors`; none may run inside a transaction.
    """

    name: str

    def prepay(self, request: PrepayRequest) -> PrepayResult:
        """Place an order to be paid; may be repeated unchanged.

        Already paid raises GatewayUnknown: a query tells.
        """

    def client_parameters(self, prepay_id: str, app_id: str) -> dict[str, str]:
        """Sign afresh what this mini-program needs to pay; reaches out to nobody."""

    def query(self, out_trade_no: str) -> GatewayPayment:
        """Ask how an order stands."""

    def close(self, out_trade_no: str) -> CloseResult:
        """Close an order that is not paid; may be repeated."""

    def refund(self, request: RefundRequest) -> GatewayRefund:
        """Ask for a refund; may be repeated unchanged, and refunds once."""

    def query_refund(self, out_refund_no: str, out_trade_no: str) -> GatewayRefund:
        """Ask how a refund of an order stands; Alipay knows refunds by both numbers only."""

    def redirect_abnormal_refund(self, request: AbnormalRefund) -> GatewayRefund:
        """Send an abnormal refund to a bank card. Raises GatewayRejected where there is no such."""

    def transfer(self, request: TransferRequest) -> GatewayTransfer:
        """Pay a shopper; may be repeated unchanged, and pays once."""

    def query_transfer(self, out_bill_no: str) -> GatewayTransfer:
        """Ask how a transfer stands."""

    def cancel_transfer(self, out_bill_no: str) -> GatewayTransfer:
        """Ask for an unconfirmed transfer to be cancelled; its end comes later."""

    def transfer_parameters(self, package_info: str, app_id: str) -> dict[str, str]:
        """Return what this mini-program needs to let the shopper confirm a transfer."""

    def download_bill(self, on: date, kind: BillKind) -> Iterator[BillLine]:
        """Download a Shanghai day's bill, checked against its hash; nothing for a day without one.

        A line that cannot be read is UNREADABLE, and stops no other.
        Raises BillNotReady where it is still being made, GatewayUnknown where its hash differs.
        """

    def parse_callback(
        self, headers: Mapping[str, str], raw_body: bytes, now_real: datetime
    ) -> GatewayEvent:
        """Verify and open a callback; `now_real` is real time. Raises InvalidCallback.

        The amount is the gateway's word: compare it with the order.
        """

    def acknowledgement(self) -> Acknowledgement:
        """Return what a callback that was applied is answered."""
