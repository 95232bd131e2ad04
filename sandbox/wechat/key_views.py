"""WeChat Pay v3's endpoints of platform certificates and coupons."""

import secrets

from cryptography import x509
from flask import Blueprint, Response, request

from sandbox import keys
from sandbox.clock import rfc3339
from sandbox.wechat import coupons
from sandbox.wechat.errors import ApiError
from sandbox.wechat.serving import Answer, Call, serve

wechat_keys = Blueprint("wechat_keys", __name__)

_ASSOCIATED = "certificate"


@wechat_keys.get("/v3/certificates")
def certificates() -> Response:
    """Hand out the platform certificate, encrypted with the APIv3 key."""
    return serve("certificates", _certificates)


def _certificates(call: Call) -> Answer:
    if request.args:
        raise ApiError("PARAM_ERROR", "参数错误：不支持查询参数")
    issued = call.account.certificate
    if issued is None or issued.certificate is None:
        raise ApiError(
            "RESOURCE_NOT_EXISTS", "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥"
        )
    parsed = x509.load_pem_x509_certificate(issued.certificate.encode())
    nonce = secrets.token_hex(6)
    return 200, {
        "data": [
            {
                "serial_no": issued.key_id,
                "effective_time": rfc3339(parsed.not_valid_before_utc.timestamp()),
                "expire_time": rfc3339(parsed.not_valid_after_utc.timestamp()),
                "encrypt_certificate": {
                    "algorithm": "AEAD_AES_256_GCM",
                    "nonce": nonce,
                    "associated_data": _ASSOCIATED,
                    "ciphertext": keys.encrypt(
                        call.account.apiv3_key,
                        issued.certificate,
                        nonce=nonce,
                        associated_data=_ASSOCIATED,
                    ),
                },
            }
        ]
    }


@wechat_keys.post("/v3/marketing/favor/users/<openid>/coupons")
def send_coupon(openid: str) -> Response:
    """Send a coupon of a stock to a shopper."""
    return serve("send_coupon", lambda call: _send_coupon(call, openid))


def _send_coupon(call: Call, openid: str) -> Answer:
    body = call.body()
    with call.gateway.store.transaction() as db:
        return 200, coupons.send(db, call.account, openid, body, call.now)
