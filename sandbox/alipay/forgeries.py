"""Notifications that must not be believed, and some that are signed well and say something else."""

import json
import time
from collections.abc import Callable, Mapping
from sqlite3 import Row
from typing import Any

from sandbox import keys
from sandbox.alipay.accounts import AlipayAccount
from sandbox.alipay.forms import read_yuan, write_instant, write_yuan
from sandbox.alipay.notices import encode, sign, write_form

Notice = Row | Mapping[str, Any]
Message = tuple[dict[str, str], bytes]
Build = Callable[[AlipayAccount, Any], Message]
_LONG_AGO_SECONDS = 30 * 3600
_AHEAD_SECONDS = 3600


def _said(notice: Notice) -> dict[str, str]:
    return dict(json.loads(notice["plaintext"]))


def _tampered(account: AlipayAccount, notice: Notice) -> Message:
    signed = sign(account, _said(notice))
    return write_form(signed | {"total_amount": "0.01"})


def _extended(account: AlipayAccount, notice: Notice) -> Message:
    signed = sign(account, _said(notice))
    return write_form(signed | {"passback_params": "added afterwards"})


def _forged(account: AlipayAccount, notice: Notice) -> Message:
    signed = sign(account, _said(notice))
    content = "&".join(f"{name}={value}" for name, value in sorted(_said(notice).items()))
    return write_form(signed | {"sign": keys.sign(keys.new_private_key(), content)})


def _unsigned(_account: AlipayAccount, notice: Notice) -> Message:
    return write_form(_said(notice))


def _weak(account: AlipayAccount, notice: Notice) -> Message:
    return write_form(sign(account, _said(notice)) | {"sign_type": "RSA"})


def _doubled(account: AlipayAccount, notice: Notice) -> Message:
    headers, body = encode(account, notice)  # type: ignore[arg-type]
    return headers, body + b"&total_amount=0.01"


def _reordered(account: AlipayAccount, notice: Notice) -> Message:
    signed = sign(account, _said(notice))
    return write_form(dict(reversed(signed.items())))


def _saying(change: Callable[[dict[str, str]], Mapping[str, str]]) -> Build:
    def build(account: AlipayAccount, notice: Notice) -> Message:
        said = _said(notice)
        return write_form(sign(account, {**said, **change(said)}))

    return build


VARIANTS: dict[str, tuple[str, Build]] = {
    "genuine": ("the real notification", encode),
    "reordered": ("the real notification with its parameters in another order", _reordered),
    "tampered": ("an amount changed after signing", _tampered),
    "extended": ("a parameter added after signing", _extended),
    "doubled": ("a parameter said twice, the second time otherwise", _doubled),
    "forged": ("signed with somebody else's key", _forged),
    "unsigned": ("no sign at all", _unsigned),
    "weak": ("says to be signed with RSA, which is SHA-1", _weak),
    "stale": (
        "signed well, thirty hours old",
        _saying(lambda _: {"notify_time": write_instant(time.time() - _LONG_AGO_SECONDS)}),
    ),
    "early": (
        "signed well, an hour ahead",
        _saying(lambda _: {"notify_time": write_instant(time.time() + _AHEAD_SECONDS)}),
    ),
    "wrong_amount": (
        "signed well, one fen more than was paid",
        _saying(lambda said: {"total_amount": write_yuan(read_yuan(said["total_amount"]) + 1)}),
    ),
    "wrong_app": (
        "signed well, another application inside",
        _saying(lambda _: {"app_id": "2021000000000000"}),
    ),
    "wrong_seller": (
        "signed well, another seller inside",
        _saying(lambda _: {"seller_id": "2088000000000000"}),
    ),
}

_NAMED_OTHERWISE = {"wrong_appid": "wrong_app", "wrong_mchid": "wrong_seller"}


def forge(name: str, account: AlipayAccount, notice: Row) -> Message | None:
    """Build the variant that a fault of callbacks names; None for what only WeChat Pay has."""
    known = VARIANTS.get(_NAMED_OTHERWISE.get(name, name))
    return None if known is None else known[1](account, notice)
