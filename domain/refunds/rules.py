"""Rules of refunds: what a gateway says of one, compared with what was asked for. Pure."""

from domain.gateways.protocol import GatewayRefund, RefundStatus


def compare_told(
    told: GatewayRefund,
    *,
    amount_fen: int,
    payment_no: str,
    transaction_no: str | None,
    received_fen: int | None,
) -> dict[str, dict[str, object]]:
    """Compare every field that an answer has; returns what differs: {name: {ours, theirs}}.

    `refunded_fen`, the sum of the refunds so far, is at least this one and at most what came.
    """
    if told.status is RefundStatus.NOT_FOUND:
        return {}
    pairs: dict[str, tuple[object, object]] = {
        "amount_fen": (amount_fen, told.amount_fen),
        "out_trade_no": (payment_no, told.out_trade_no),
        "transaction_id": (transaction_no, told.transaction_id),
        "total_fen": (received_fen, told.total_fen),
        "currency": ("CNY", told.currency),
    }
    differing = {
        name: {"ours": ours, "theirs": theirs}
        for name, (ours, theirs) in pairs.items()
        if theirs is not None and ours is not None and theirs != ours
    }
    summed = told.refunded_fen
    if summed is not None and not amount_fen <= summed <= (received_fen or summed):
        differing["refunded_fen"] = {"ours": amount_fen, "theirs": summed}
    return differing
