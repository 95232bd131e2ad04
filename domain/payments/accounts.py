"""A merchant's gateway accounts, with their keys unsealed for use."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain.config import settings
from domain.gateways import provider_for
from domain.gateways.protocol import GatewayCredentials, PaymentProvider
from domain.payments.errors import NoGatewayAccount, UnknownGatewayAccount
from domain.sealing import unseal

CREDENTIALS_PURPOSE = "gateway-credentials"


@dataclass(frozen=True, slots=True)
class Account:
    """A gateway account, ready to be asked."""

    merchant_id: int
    id: int
    public_id: str
    gateway: str
    provider: PaymentProvider

    @property
    def key(self) -> tuple[int, int]:
        """Return (merchant_id, id)."""
        return (self.merchant_id, self.id)


_SELECT = """
    SELECT a.merchant_id, a.id, a.public_id, a.gateway, a.credentials_sealed,
        a.former_credentials_sealed, ARRAY(
        SELECT m.app_id FROM merchant_apps m
        WHERE m.merchant_id = a.merchant_id AND m.platform = a.gateway ORDER BY 1
    ) AS app_ids
    FROM gateway_accounts a
"""
# A WeChat account takes payments from every app bound to it, an Alipay account those of its own.
_OF_MERCHANT = text(
    f"""
    {_SELECT}
    WHERE a.merchant_id = :merchant_id AND a.gateway = coalesce((
        SELECT m.platform FROM merchant_apps m
        WHERE m.app_id = :app_id AND m.merchant_id = :merchant_id
    ), 'wechat') AND (a.gateway = 'wechat' OR a.app_id = :app_id)
    ORDER BY a.id DESC LIMIT 1
    """  # noqa: S608 - constants
)
_ONE = text(_SELECT + " WHERE a.merchant_id = :merchant_id AND a.id = :id")
_ADDRESSED = text(
    _SELECT
    + """
    JOIN gateway_addresses d ON d.merchant_id = a.merchant_id AND d.gateway_account_id = a.id
    WHERE d.public_id = :public_id AND a.gateway = :gateway
    """
)


def _account(row: Row[Any]) -> Account:
    former = row.former_credentials_sealed
    return Account(
        row.merchant_id,
        row.id,
        row.public_id,
        row.gateway,
        provider_for(
            _credentials(row.credentials_sealed),
            former=None if former is None else _credentials(former),
            app_ids=row.app_ids,
        ),
    )


def _credentials(sealed: bytes) -> GatewayCredentials:
    return GatewayCredentials(**unseal(bytes(sealed), purpose=CREDENTIALS_PURPOSE))


def account_of_merchant(session: Session, merchant_id: int, *, app_id: str) -> Account:
    """Return the account to which new payments from a merchant's mini-program go.

    It fits the app's platform. Raises NoGatewayAccount.
    """
    row = session.execute(_OF_MERCHANT, {"merchant_id": merchant_id, "app_id": app_id}).first()
    if row is None:
        raise NoGatewayAccount
    return _account(row)


def find_account(session: Session, account: tuple[int, int]) -> Account:
    """Return an account by its key."""
    found = session.execute(_ONE, {"merchant_id": account[0], "id": account[1]})
    return _account(found.one())


def addressed_account(session: Session, gateway: str, public_id: str) -> Account:
    """Return the account a callback's URL names. Raises UnknownGatewayAccount."""
    row = session.execute(_ADDRESSED, {"public_id": public_id, "gateway": gateway}).first()
    if row is None:
        raise UnknownGatewayAccount
    return _account(row)


def callback_url(account: Account, kind: str) -> str:
    """Return the URL a gateway calls back for an account: `kind` is payment or refund."""
    base = settings().public_base_url
    return f"{base}/v1/callbacks/{account.gateway}/{account.public_id}/{kind}"
