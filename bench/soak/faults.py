"""Which faults the gateway has in a seed: all that the sandbox knows, dealt from the seed's number.

Each seed is dealt the next of them in turn, so that fifty seeds meet every one, and more by
chance. The numbers are those of the sandbox's documentation.
"""

import random
from typing import Any

_MINIPROGRAM = ("code2session", "send_message")
_SENT = ("refund", "transfer")
_ASKED = ("query", "query_refund", "query_transfer")
_CALLS = ("prepay", "close", *_SENT, *_ASKED)
_FORGED = (
    *("signtest", "tampered", "forged", "stale", "unsigned", "unknown_serial", "wrong_key"),
    *("certificate_serial", "certificate_signed", "no_signature_type"),
)
_PAID_WRONG = ("wrong_amount", "wrong_mchid", "wrong_appid", "wrong_currency")
_LIES = (
    *("currency", "number", "account", "no_payer", "scalars"),
    *("early", "late", "first_year", "last_year", "half_emoji", "list_state", "new_state"),
)
_FAIL_REASONS = ("REAL_NAME_CHECK_FAIL", "NAME_NOT_CORRECT", "ACCOUNT_FROZEN")
Rule = tuple[str, dict[str, Any]]

FAULTS: tuple[Rule, ...] = (
    *(("drop_after", {"operation": name}) for name in ("prepay", "close", *_SENT)),
    *(("drop_before", {"operation": name}) for name in (*_SENT, "query", "send_message")),
    ("latency", {"latency_ms": 30}),
    ("latency_after", {"operation": "refund", "latency_ms": 30}),
    *(("error_before", {"operation": name}) for name in (*_CALLS, "code2session", "send_message")),
    *(("error_after", {"operation": name}) for name in ("prepay", "close", *_SENT)),
    ("paid_before_answer", {}),
    ("callback_before_answer", {"operation": "refund"}),
    ("callback_twice", {}),
    ("callback_parallel", {}),
    ("callback_out_of_order", {}),
    ("callback_never", {}),
    ("callback_late", {"latency_ms": 600_000}),
    *((f"callback_{kind}", {}) for kind in _FORGED),
    *((f"callback_{kind}", {"operation": "payment_callback"}) for kind in _PAID_WRONG),
    ("paid_at_close", {}),
    ("closed_then_paid", {}),
    *(("not_enough", {"operation": name}) for name in _SENT),
    ("refund_slow", {"days": 2}),
    ("refund_abnormal", {}),
    ("refund_closed", {}),
    ("refund_too_soon", {}),
    ("refund_too_many", {}),
    ("refund_too_old", {}),
    *(("transfer_fails", {"reason": reason}) for reason in _FAIL_REASONS),
    ("transfer_fails_at_confirm", {"reason": "ACCOUNT_FROZEN"}),
    ("transfer_stuck", {}),
    ("transfer_overdue", {}),
    ("transfer_closes_cancelled", {}),
    ("confirmed_at_cancel", {}),
    ("transfer_conflict", {}),
    *(("frequency_limited", {"operation": name}) for name in (*_CALLS, "cancel_transfer")),
    ("bill_late", {}),
    ("bill_bad_hash", {}),
    ("bill_missing_row", {}),
    ("bill_extra_row", {}),
    ("bill_changed_amount", {}),
    ("bill_other_currency", {}),
    ("bill_unknown_row", {}),
    ("bill_broken_row", {}),
    *((f"lie_{kind}", {}) for kind in _LIES),
    *(("lie_amount", {"operation": name}) for name in ("payment_callback", "query_refund")),
    *(("bad_signature", {"operation": name}) for name in _CALLS),
    ("other_spelling", {}),
    *(("not_found", {"operation": name}) for name in _ASKED),
    ("login_code_used", {"operation": "code2session"}),
    ("token_expired", {"operation": "send_message"}),
    ("subscribe_refused", {"operation": "send_message"}),
)
NEVER_DEALT = {"lie_transaction"}
"""What nobody could know to be false: the first number of a transaction that is told is ours.

A query that tells another amount is believed for the same reason, so that lie is told by callbacks.
"""
DEALT = 3
"""How many faults each seed is dealt in turn."""


def deal(seed: int, mch_no: str) -> list[dict[str, Any]]:
    """Return a seed's rules as the sandbox's control API takes them.

    What strikes the mini-program's API knows no merchant number, as nobody says one there.
    """
    dice = random.Random(f"{seed}/faults")
    drawn = [FAULTS[(DEALT * seed + turn) % len(FAULTS)] for turn in range(DEALT)]
    drawn += dice.sample(FAULTS, k=dice.randint(0, 4))
    return [_rule(dice, mch_no, name, options) for name, options in drawn]


def _rule(dice: random.Random, mch_no: str, name: str, options: dict[str, Any]) -> dict[str, Any]:
    rule = {
        "name": name,
        "probability": dice.choice((0.4, 0.7, 1.0)),
        "count": dice.randint(1, 5),
        **options,
    }
    return rule if options.get("operation") in _MINIPROGRAM else {**rule, "mchid": mch_no}
