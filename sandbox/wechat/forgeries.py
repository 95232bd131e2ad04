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


def _add_a_fen(said: dict[str, Any]) -> None:
    said["amount"] |= {name: said["amount"][name] + 1 for name in ("total", "payer_total")}


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
        _saying(lambda said: said.update(mchid="1900000001")),
    ),
    "wrong_appid": (
        "signed well, another app id inside",
        _saying(lambda said: said.update(appid="wx0000000000000000")),
    ),
    "wrong_currency": (
        "signed well, another currency inside",
        _saying(lambda said: said["amount"].update(currency="USD")),
    ),
}
