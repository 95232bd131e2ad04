"""Settings of this process, read once from the environment."""

import ipaddress
import os
from dataclasses import dataclass
from functools import cache
from typing import Literal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Environment = Literal["development", "production"]

WECHATPAY_OFFICIAL = "https://api.mch.weixin.qq.com"
WEIXIN_OFFICIAL = "https://api.weixin.qq.com"
ALIPAY_OFFICIAL = "https://openapi.alipay.com/gateway.do"


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between installations; secrets come from the environment only."""

    environment: Environment
    database_url: str
    merchant_database_url: str
    redis_url: str
    token_key: str
    sealing_key: str
    wechatpay_base_url: str
    weixin_base_url: str
    alipay_base_url: str
    public_base_url: str
    sandbox_control_url: str | None
    is_clock_adjustable: bool
    trusted_proxies: tuple[Network, ...]
    database_pool_size: int
    refunds_per_second: int
    transfers_per_second: int
    settle_at_once: int
    api_threads: int
    body_seconds: float


@cache
def settings() -> Settings:
    """Return this process's settings; `settings.cache_clear()` makes it read them again."""
    env = os.environ
    is_development = env.get("PINBU_ENV") == "development"
    return Settings(
        environment="development" if is_development else "production",
        database_url=env.get("DATABASE_URL", ""),
        merchant_database_url=env.get("MERCHANT_DATABASE_URL", ""),
        redis_url=env.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
        token_key=env.get("PINBU_TOKEN_KEY", ""),
        sealing_key=env.get("PINBU_SEALING_KEY", ""),
        wechatpay_base_url=env.get("WECHATPAY_BASE_URL", WECHATPAY_OFFICIAL),
        weixin_base_url=env.get("WEIXIN_BASE_URL", WEIXIN_OFFICIAL),
        alipay_base_url=env.get("ALIPAY_BASE_URL", ALIPAY_OFFICIAL),
        public_base_url=env.get("PUBLIC_BASE_URL", "http://127.0.0.1:8000"),
        sandbox_control_url=env.get("SANDBOX_CONTROL_URL") if is_development else None,
        is_clock_adjustable=is_development and env.get("PINBU_CLOCK") != "real",
        trusted_proxies=tuple(
            ipaddress.ip_network(network.strip())
            for network in env.get("PINBU_TRUSTED_PROXIES", "").split(",")
            if network.strip()
        ),
        database_pool_size=int(env.get("PINBU_DATABASE_POOL", "8")),
        refunds_per_second=int(env.get("PINBU_REFUNDS_PER_SECOND", "150")),
        transfers_per_second=int(env.get("PINBU_TRANSFERS_PER_SECOND", "100")),
        settle_at_once=int(env.get("PINBU_SETTLE_AT_ONCE", "0")),
        api_threads=int(env.get("PINBU_API_THREADS", "8")),
        body_seconds=float(env.get("PINBU_BODY_SECONDS", "10")),
    )
