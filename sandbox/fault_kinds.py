"""The faults beside those of single calls: what each means, and which operations it can strike.

Faults of callbacks strike at their first delivery, whichever gateway sends them.
"""

CALLBACK_OPERATIONS = ("payment_callback", "refund_callback", "transfer_callback")
# Each is sent first, and the genuine one follows. A gateway builds what it can of these.
FORGED = (
    "tampered",
    "forged",
    "stale",
    "signtest",
    "unknown_serial",
    "certificate_serial",
    "certificate_signed",
    "no_signature_type",
    "unsigned",
    "wrong_key",
    "wrong_amount",
    "wrong_mchid",
    "wrong_appid",
    "wrong_currency",
)
MORE_OPERATIONS = ("cancel_transfer", "abnormal_refund", "send_coupon", "certificates")
# Nobody calls these, so the faults of calls leave them alone.
SILENT_OPERATIONS = ("confirm_transfer", *CALLBACK_OPERATIONS)
_TRANSFER = ("transfer",)
_BILL = ("bill",)
KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "callback_before_answer": (
        ("prepay", "refund"),
        "prepay, refund: ended, and its callback delivered, before the answer",
    ),
    "not_found": (
        ("query", "query_refund", "query_transfer"),
        "queries: the record lags, what exists is not found",
    ),
    "closed_then_paid": (("close",), "close: closed, and yet paid right afterwards"),
    "refund_slow": (("refund",), "refund: PROCESSING for `days` (3 unless told)"),
    "refund_too_soon": (("refund",), "refund: refused as the second of an order in a minute"),
    "refund_too_many": (("refund",), "refund: refused as the 51st of an order"),
    "refund_too_old": (("refund",), "refund: refused as more than 365 days after the payment"),
    "transfer_stuck": (_TRANSFER, "transfer: accepted, PROCESSING without end"),
    "transfer_fails": (_TRANSFER, "transfer: accepted, ends as FAIL with `reason`"),
    "transfer_overdue": (_TRANSFER, "transfer: accepted, closed at once as if 24 h had passed"),
    "transfer_closes_cancelled": (_TRANSFER, "transfer: unconfirmed after 24 h it is CANCELLED"),
    "transfer_fails_at_confirm": (
        ("confirm_transfer",),
        "the shopper confirms, and it ends as FAIL with `reason`",
    ),
    "transfer_conflict": (_TRANSFER, "transfer: refused as known with other parameters"),
    "confirmed_at_cancel": (
        ("cancel_transfer",),
        "cancel_transfer: CANCELING, while the shopper confirms: ends as SUCCESS",
    ),
    "bill_late": (_BILL, "bill: still being made, whatever the hour"),
    "bill_bad_hash": (_BILL, "bill: its hash is another"),
    "bill_missing_row": (_BILL, "bill: a row is missing"),
    "bill_extra_row": (_BILL, "bill: a row of nothing that happened"),
    "bill_changed_amount": (_BILL, "bill: a row says a fen more"),
    "bill_other_currency": (_BILL, "bill: a row is in USD (WeChat Pay only)"),
    "bill_unknown_row": (_BILL, "bill: a row of a kind that nobody knows is added"),
    "bill_broken_row": (_BILL, "bill: a row that cannot be read is added"),
    "callback_never": (CALLBACK_OPERATIONS, "the callback is never sent"),
    "callback_late": (CALLBACK_OPERATIONS, "it is sent `latency_ms` of business time later"),
    "callback_twice": (CALLBACK_OPERATIONS, "it is sent again when it was delivered"),
    "callback_parallel": (CALLBACK_OPERATIONS, "eight of it are sent at the same time"),
    "callback_out_of_order": (
        CALLBACK_OPERATIONS,
        "it is sent after the next callback of its order, or an hour later",
    ),
} | {
    f"callback_{name}": (CALLBACK_OPERATIONS, f"a `{name}` one is sent before the genuine one")
    for name in FORGED
}
