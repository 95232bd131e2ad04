"""A payment gateway's voice: callbacks sealed and signed as the sandbox signs them."""

import secrets
import time
from functools import cached_property
from typing import Any

from bench.stage.load import post
from sandbox import keys
from sandbox.accounts import Account, downloads
from sandbox.wechat.notices import encode, payment_notice


class Gateway:
    """One merchant account with keys of its own; no server stands behind it."""

    def __init__(self, app_id: str) -> None:
        mchid = f"16{secrets.randbelow(10**8):08d}"
        self.account = Account(
            mchid=mchid,
            appid=app_id,
            merchant_serial=secrets.token_hex(20).upper(),
            merchant_private_pem=keys.private_pem(keys.new_private_key()),
            public_key_id=f"PUB_KEY_ID_01{mchid}{secrets.randbelow(10**24):024d}",
            platform_private_pem=keys.private_pem(keys.new_private_key()),
            apiv3_key=keys.random_text(32),
        )

    @cached_property
    def downloads(self) -> dict[str, Any]:
        """Return what the merchant's credentials are made of."""
        return downloads(self.account, app_secret=None)

    def callback(self, url: str, out_trade_no: str, amount_fen: int, openid: str) -> bytes:
        """Write the POST that tells of a payment made now; fresh for five minutes."""
        now = time.time()
        order = {
            "appid": self.account.appid,
            "mchid": self.account.mchid,
            "out_trade_no": out_trade_no,
            "state": "SUCCESS",
            "attach": None,
            "transaction_id": f"42000{secrets.randbelow(10**23):023d}",
            "success_at": now,
            "payer_openid": openid,
            "paid_fen": amount_fen,
            "total_fen": amount_fen,
            "notify_url": url,
        }
        headers, body = encode(self.account, payment_notice(order, now))  # type: ignore[arg-type]
        return post(url, body, {k: v for k, v in headers.items() if k != "Content-Type"})
