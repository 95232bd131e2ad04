"""What a gateway says of a payment, as a success to apply."""

from domain.gateways.protocol import GatewayPayment, PaymentStatus
from domain.payments.accounts import Account
from domain.settlement.applying_payments import SuccessfulPayment


def success_of(
    account: Account, payment: GatewayPayment, *, source: str, is_confirmed: bool
) -> SuccessfulPayment | None:
    """Return the success a gateway tells of, or None where the payment did not succeed."""
    if payment.status not in (PaymentStatus.PAID, PaymentStatus.REFUNDING):
        return None
    if payment.amount_fen is None or payment.succeeded_at is None or payment.transaction_id is None:
        return None
    return SuccessfulPayment(
        gateway_account=account.key,
        payment_no=payment.out_trade_no,
        transaction_no=payment.transaction_id,
        amount_fen=payment.amount_fen,
        succeeded_at=payment.succeeded_at,
        is_confirmed=is_confirmed,
        source=source,
        is_refunding=payment.status is PaymentStatus.REFUNDING,
    )
