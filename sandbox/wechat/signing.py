"""Who is asking, and signing what is said: request and answer signatures of WeChat Pay v3."""

import re
import secrets
import time
import uuid
from urllib.parse import quote

from flask import Request

from sandbox import keys
from sandbox.accounts import Account, Accounts
from sandbox.wechat.errors import ApiError

SCHEME = "WECHATPAY2-SHA256-RSA2048"
SKEW_SECONDS = 300
_PARTS = ("mchid", "nonce_str", "signature", "timestamp", "serial_no")
_PAIR = re.compile(r'([a-z_]+)="([^"]*)"')


def claim(request: Request) -> dict[str, str]:
    """Read the Authorization header. Raises ApiError SIGN_ERROR if a part is missing."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    parts = dict(_PAIR.findall(rest))
    if scheme != SCHEME or set(parts) != set(_PARTS) or not all(parts.values()):
        raise ApiError(
            "SIGN_ERROR", "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"
        )
    return parts


def claimed_account(accounts: Accounts, parts: dict[str, str]) -> Account:
    """Return the account a request says it is from. Raises ApiError."""
    account = accounts.find(parts["mchid"])
    if account is None:
        raise ApiError("SIGN_ERROR", "商户号不存在")
    return account


def verify(account: Account, parts: dict[str, str], request: Request) -> None:
    """Check serial, skew (real time, 5 minutes), headers and signature. Raises ApiError."""
    if parts["serial_no"] not in account.merchant_keys:
        raise ApiError("SIGN_ERROR", "商户证书序列号有误")
    if not parts["timestamp"].isascii() or not parts["timestamp"].isdigit():
        raise ApiError("SIGN_ERROR", "Http头Authorization中的timestamp格式错误")
    if abs(time.time() - int(parts["timestamp"])) > SKEW_SECONDS:
        raise ApiError(
            "SIGN_ERROR", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
        )
    if not any(_is_signed(account, parts, request, path) for path in _spellings(request)):
        raise ApiError("SIGN_ERROR", "签名错误")
    _check_headers(account, request)


def _is_signed(account: Account, parts: dict[str, str], request: Request, path: str) -> bool:
    body = request.get_data(cache=True)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    message = "\n".join([request.method, path, parts["timestamp"], parts["nonce_str"], text, ""])
    return keys.is_signed_by(account.merchant_keys[parts["serial_no"]], message, parts["signature"])


def _spellings(request: Request) -> set[str]:
    """WSGI hands over a decoded path, so both spellings of a reserved character must count."""
    query = request.query_string.decode("latin-1")
    suffix = f"?{query}" if query else ""
    return {request.path + suffix, quote(request.path, safe="/-_.~*@") + suffix}


def _check_headers(account: Account, request: Request) -> None:
    if not request.accept_mimetypes.accept_json:
        raise ApiError("PARAM_ERROR", "Http头Accept必须为application/json")
    if not request.headers.get("User-Agent"):
        raise ApiError("PARAM_ERROR", "Http头缺少User-Agent")
    if request.method == "POST" and request.mimetype != "application/json":
        raise ApiError("PARAM_ERROR", "Http头Content-Type必须为application/json")
    if request.headers.get("Wechatpay-Serial", account.public_key_id) not in account.platform_keys:
        raise ApiError("PARAM_ERROR", "Http头Wechatpay-Serial有误")


def sign_headers(
    account: Account, body: str, *, timestamp: int | None = None, serial: str | None = None
) -> dict[str, str]:
    """Sign an answer or a callback at real time, with the key a request named, if it did.

    During a ramp, dice decide between the preferred key and the one before it.
    """
    at = str(int(time.time()) if timestamp is None else timestamp)
    nonce = secrets.token_hex(16).upper()
    key_id = _signing_key(account, serial)
    return {
        "Request-ID": uuid.uuid4().hex.upper(),
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": key_id,
        "Wechatpay-Signature": keys.sign(account.platform_keys[key_id], f"{at}\n{nonce}\n{body}\n"),
        "Wechatpay-Signature-Type": SCHEME,
        "Wechatpay-Timestamp": at,
    }


def _signing_key(account: Account, serial: str | None) -> str:
    ring = list(account.platform_keys)
    if account.new_key_percent is not None and len(ring) > 1:
        return ring[1] if account.is_former_turn() else ring[0]
    return serial if serial in account.platform_keys else ring[0]
