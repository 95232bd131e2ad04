"""A merchant at the sandbox's Alipay, who signs by hand: nothing of an SDK is in the way."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.sandbox_server import SandboxServer

BEIJING = timezone(timedelta(hours=8))


def number_of(certificate: x509.Certificate) -> str:
    """Work out a certificate's number as the open platform's page says."""
    by_name = {part.rfc4514_attribute_name: str(part.value) for part in certificate.issuer}
    text = ",".join(f"{short}={by_name[short]}" for short in ("CN", "OU", "O", "C"))
    return hashlib.md5(f"{text}{certificate.serial_number}".encode()).hexdigest()  # noqa: S324


@dataclass
class AlipayMerchant:
    """An account with its keys, pointed at a sandbox."""

    server: SandboxServer
    keys: dict[str, Any]
    notify_url: str

    @property
    def seller_id(self) -> str:
        return str(self.keys["seller_id"])

    def parameters(self, method: str, content: Any = None, **changes: str) -> dict[str, str]:
        """Write a request's parameters, not signed yet."""
        own = x509.load_pem_x509_certificate(self.keys["app_certificate"].encode())
        roots = x509.load_pem_x509_certificates(self.keys["root_certificate"].encode())
        rsa_roots = [one for one in roots if isinstance(one.public_key(), rsa.RSAPublicKey)]
        written = {
            "app_id": self.keys["app_id"],
            "method": method,
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
            "version": "1.0",
            "app_cert_sn": number_of(own),
            "alipay_root_cert_sn": "_".join(number_of(one) for one in rsa_roots),
        }
        if content is not None:
            written["biz_content"] = json.dumps(content, ensure_ascii=False)
        return written | changes

    def sign(self, parameters: dict[str, str]) -> dict[str, str]:
        """Sign parameters with the application's key."""
        key = serialization.load_pem_private_key(self.keys["app_private_key"].encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        text = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return parameters | {"sign": base64.b64encode(signature).decode()}

    def send(self, parameters: dict[str, str]) -> dict[str, Any]:
        """Send parameters as they are; returns the whole answer."""
        response = self.server.http.post("/gateway.do", data=parameters)
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    def ask(self, method: str, content: Any = None, **common: str) -> dict[str, Any]:
        """Make a signed request; returns the inner answer, its signature checked."""
        signed = self.sign(self.parameters(method, content, **common))
        response = self.server.http.post("/gateway.do", data=signed)
        answer = response.json()
        assert self.is_genuine(response.text), answer
        key = f"{method.replace('.', '_')}_response"
        inner: dict[str, Any] = answer[key if key in answer else "error_response"]
        return inner

    def is_genuine(self, text: str) -> bool:
        """Say whether an answer is signed by the gateway, over its very text."""
        inner = text[text.index(":") + 1 : text.index(',"alipay_cert_sn"')]
        return self.is_signed(inner, json.loads(text)["sign"])

    def is_signed(self, text: str, signature: str) -> bool:
        """Say whether a text is signed by the gateway's certificate."""
        pem = self.keys["alipay_certificate"].encode()
        key = x509.load_pem_x509_certificate(pem).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        try:
            key.verify(
                base64.b64decode(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return False
        return True

    def order(self, **changes: Any) -> dict[str, Any]:
        """Write the content of alipay.trade.create."""
        return {
            "out_trade_no": secrets.token_hex(10),
            "total_amount": "19.90",
            "subject": "两人团：苹果 5 斤 🍎",
            "product_code": "JSAPI_PAY",
            "op_app_id": self.keys["app_id"],
            "buyer_open_id": f"0{secrets.token_hex(13)}",
            **changes,
        }

    def create(self, order: dict[str, Any]) -> dict[str, Any]:
        """Create a trade."""
        return self.ask("alipay.trade.create", order, notify_url=self.notify_url)

    def placed(self, **changes: Any) -> dict[str, Any]:
        """Create a new trade; returns its content and trade_no."""
        order = self.order(**changes)
        answer = self.create(order)
        assert answer["code"] == "10000", answer
        return order | {"trade_no": answer["trade_no"]}

    def paid(self, **changes: Any) -> dict[str, Any]:
        """Create a new trade and pay it."""
        order = self.placed(**changes)
        self.server.post("/alipay/pay", out_trade_no=order["out_trade_no"])
        return order

    def query(self, order: dict[str, Any]) -> dict[str, Any]:
        """Ask for a trade."""
        return self.ask("alipay.trade.query", {"out_trade_no": order["out_trade_no"]})

    def close(self, order: dict[str, Any]) -> dict[str, Any]:
        """Close a trade."""
        return self.ask("alipay.trade.close", {"out_trade_no": order["out_trade_no"]})

    def refund(self, order: dict[str, Any], yuan: str, number: str) -> dict[str, Any]:
        """Ask for a refund."""
        content = {
            "out_trade_no": order["out_trade_no"],
            "out_request_no": number,
            "refund_amount": yuan,
        }
        return self.ask("alipay.trade.refund", content)

    def transfer(self, **changes: Any) -> dict[str, Any]:
        """Ask for a transfer."""
        content = {
            "out_biz_no": secrets.token_hex(10),
            "trans_amount": "1.88",
            "order_title": "活动奖励",
            "product_code": "TRANS_ACCOUNT_NO_PWD",
            "biz_scene": "DIRECT_TRANSFER",
            "payee_info": {"identity": "0payee", "identity_type": "ALIPAY_OPEN_ID"},
            **changes,
        }
        return self.ask("alipay.fund.trans.uni.transfer", content)

    def balance(self) -> int:
        """Return the balance, fen."""
        return int(self.server.get(f"/alipay/accounts/{self.seller_id}")["balance_fen"])

    def fault(self, name: str, **options: Any) -> None:
        """Put a fault in force for this seller."""
        self.server.fault(name, mchid=self.seller_id, **options)


def open_alipay(server: SandboxServer, notify_url: str) -> AlipayMerchant:
    """Open an account of an application of its own."""
    app_id = f"2021{secrets.randbelow(10**12):012d}"
    return AlipayMerchant(server, server.post("/alipay/accounts", app_id=app_id), notify_url)


def today() -> str:
    """Return today's date in Beijing."""
    return datetime.now(UTC).astimezone(BEIJING).date().isoformat()
