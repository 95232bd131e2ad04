"""Callbacks that must not be believed, and a few that are signed well and say something wrong."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from sqlite3 import Row
from typing import Any

from sandbox import keys
from sandbox.accounts import Account
from sandbox.wechat.notices import encode, seal
from sandbox.wechat.signing import SKEW_SECONDS, sign_headers

Notice = Row | Mapping[str, Any]
Message = tuple[dict[str, str], bytes]
_FORGER = keys.new_private_key
_AMOUNTS = ("total", "payer_total", "refund", "payer_refund", "transfer_amount")


def _signed(account: Account, body: str, *, timestamp: int | None = None) -> Message:
    headers = sign_headers(account, body, timestamp=timestamp)
    return {"Content-Type": "application/json", **headers}, body.encode()


def _with_headers(account: Account, notice: Notice, changes: Mapping[str, str | None]) -> Message:
    headers, body = _signed(account, seal(account.apiv3_key, notice, notice["plaintext"]))
    kept = {name: value for name, value in (headers | dict(changes)).items() if value is not None}
    return kept, body


def _tampered(account: Account, notice: Notice) -> Message:
    headers, body = _signed(account, seal(account.apiv3_key, notice, notice["plaintext"]))
    return headers, body.replace(b'"summary"', b'"Summary"')


def _forged(account: Account, notice: Notice) -> Message:
    body = seal(account.apiv3_key, notice, notice["plaintext"])
    headers = sign_headers(account, body)
    text = f"{headers['Wechatpay-Timestamp']}\n{headers['Wechatpay-Nonce']}\n{body}\n"
    headers["Wechatpay-Signature"] = keys.sign(_FORGER(), text)
    return {"Content-Type": "application/json", **headers}, body.encode()


def _stale(account: Account, notice: Notice) -> Message:
    body = seal(account.apiv3_key, notice, notice["plaintext"])
    return _signed(account, body, timestamp=int(time.time()) - 2 * SKEW_SECONDS)


def _signtest(account: Account, notice: Notice) -> Message:
    probe = f"WECHATPAY/SIGNTEST/{keys.random_text(200)}"
    return _with_headers(account, notice, {"Wechatpay-Signature": probe})


def _wrong_key(account: Account, notice: Notice) -> Message:
    return _signed(account, seal(keys.random_text(32), notice, notice["plaintext"]))


def _saying(change: Callable[[dict[str, Any]], None]) -> Callable[[Account, Notice], Message]:
    def build(account: Account, notice: Notice) -> Message:
        said = json.loads(notice["plaintext"])
        change(said)
        return _signed(account, seal(account.apiv3_key, notice, json.dumps(said)))

    return build


def _amount(said: dict[str, Any]) -> dict[str, Any]:
    """Return the amounts of a payment or a refund; a transfer has but one, outside."""
    amount: dict[str, Any] = said.setdefault("amount", {})
    return amount


def _add_a_fen(said: dict[str, Any]) -> None:
    amount = _amount(said) if "amount" in said else said
    amount |= {
        name: value + 1 for name, value in amount.items() if name in _AMOUNTS and value is not None
    }


def _of_mchid(said: dict[str, Any]) -> None:
    said["mch_id" if "mch_id" in said else "mchid"] = "1900000001"


def _certificate_signed(account: Account, notice: Notice) -> Message:
    """Sign with the merchant's platform certificate, or with one that it was never given."""
    body = seal(account.apiv3_key, notice, notice["plaintext"])
    if account.certificate is not None:
        headers = sign_headers(account, body, serial=account.certificate.key_id)
        return {"Content-Type": "application/json", **headers}, body.encode()
    serial, key = secrets.token_hex(20).upper(), _FORGER()
    headers = sign_headers(account, body) | {"Wechatpay-Serial": serial}
    text = f"{headers['Wechatpay-Timestamp']}\n{headers['Wechatpay-Nonce']}\n{body}\n"
    headers["Wechatpay-Signature"] = keys.sign(key, text)
    return {"Content-Type": "application/json", **headers}, body.encode()


def _other_headers(changes: Mapping[str, str | None]) -> Callable[[Account, Notice], Message]:
    return lambda account, notice: _with_headers(account, notice, changes)


_ALL_HEADERS = ("Nonce", "Serial", "Signature", "Signature-Type", "Timestamp")
VARIANTS: dict[str, tuple[str, Callable[[Account, Any], Message]]] = {
    "genuine": ("the real callback, signed afresh", encode),
    "tampered": ("body changed after signing", _tampered),
    "forged": ("signed with somebody else's key", _forged),
    "stale": ("signed well, ten minutes old", _stale),
    "signtest": ("WeChat's own probe: signature begins with WECHATPAY/SIGNTEST/", _signtest),
    "unknown_serial": (
        "a PUB_KEY_ID_ that is not the merchant's",
        _other_headers({"Wechatpay-Serial": "PUB_KEY_ID_0000000000000000000000000000000000"}),
    ),
    "certificate_serial": (
        "a certificate's serial among public-key merchants",
        _other_headers({"Wechatpay-Serial": secrets.token_hex(20).upper()}),
    ),
    "certificate_signed": (
        "signed by a platform certificate: the merchant's own in certificate mode, else unknown",
        _certificate_signed,
    ),
    "no_signature_type": (
        "Wechatpay-Signature-Type is missing",
        _other_headers({"Wechatpay-Signature-Type": None}),
    ),
    "unsigned": (
        "no Wechatpay- headers at all",
        _other_headers({f"Wechatpay-{name}": None for name in _ALL_HEADERS}),
    ),
    "wrong_key": ("signed well, encrypted with another APIv3 key", _wrong_key),
    "wrong_amount": ("signed well, one fen more than was paid", _saying(_add_a_fen)),
    "wrong_mchid": (
        "signed well, another merchant number inside",
        _saying(_of_mchid),
    ),
    "wrong_appid": (
        "signed well, another app id inside",
        _saying(lambda said: said.update(appid="wx0000000000000000")),
    ),
    "wrong_currency": (
        "signed well, another currency inside",
        _saying(lambda said: _amount(said).update(currency="USD")),
    ),
}


def forge(name: str, account: Account, notice: Row) -> Message | None:
    """Build one of the variants of a callback."""
    return VARIANTS[name][1](account, notice)
