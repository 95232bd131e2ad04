"""What the product asks of a payment gateway, in its own words: money in fen, instants in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.money import Fen


@dataclass(frozen=True, slots=True)
class GatewayCredentials:
    """A merchant's number and keys at a gateway; PEM texts, and a 32-character APIv3 key."""

    gateway: str
    mch_no: str
    app_id: str
    merchant_private_key_pem: str = field(repr=False)
    merchant_serial: str
    platform_public_key_pem: str = field(repr=False)
    platform_public_key_id: str
    apiv3_key: str = field(repr=False)


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
class GatewayPayment:
    """An order as the gateway has it. The optional fields are set if, and only if, `is_paid`."""

    out_trade_no: str
    status: PaymentStatus
    transaction_id: str | None = None
    payer_id: str | None = None
    amount_fen: Fen | None = None
    succeeded_at: datetime | None = None

    @property
    def is_paid(self) -> bool:
        """Say whether the money came; some of it may be on its way back."""
        return self.status in {PaymentStatus.PAID, PaymentStatus.REFUNDING}


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    """A refund as the gateway has it; `succeeded_at` is set if, and only if, it is SUCCESS.

    The other optional fields are unset if, and only if, it is NOT_FOUND.
    """

    out_refund_no: str
    status: RefundStatus
    refund_id: str | None = None
    out_trade_no: str | None = None
    amount_fen: Fen | None = None
    succeeded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """A callback: this order was paid. `event_id` is the same on each delivery."""

    event_id: str
    payment: GatewayPayment


@dataclass(frozen=True, slots=True)
class RefundEvent:
    """A callback: this refund ended. `event_id` is the same on each delivery."""

    event_id: str
    refund: GatewayRefund


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

    def query_refund(self, out_refund_no: str) -> GatewayRefund:
        """Ask how a refund stands."""

    def parse_callback(
        self, headers: Mapping[str, str], raw_body: bytes, now_real: datetime
    ) -> PaymentEvent | RefundEvent:
        """Verify and open a callback; `now_real` is real time. Raises InvalidCallback.

        The amount is the gateway's word: compare it with the order.
        """
