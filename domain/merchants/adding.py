"""New merchants, mini-programs, staff and gateway accounts: the operator of Pinbu adds them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from domain.gateways.protocol import GatewayCredentials
from domain.merchants.errors import (
    AppTaken,
    CredentialsIncomplete,
    GatewayAccountDiffers,
    GatewayAccountNotFound,
    GatewayAccountTaken,
    LoginTaken,
    MerchantNotFound,
    RotationUnfinished,
    WrongLogin,
)
from domain.merchants.passwords import hash_password
from domain.merchants.queries import APP_SECRET_PURPOSE
from domain.merchants.rules import Role, normalise_login
from domain.models import (
    GatewayAccount,
    GatewayAddress,
    Merchant,
    MerchantApp,
    MerchantSettings,
    Staff,
    StaffLogin,
    StaffSession,
)
from domain.public_ids import new_public_id
from domain.sealing import seal

CREDENTIALS_PURPOSE = "gateway-credentials"


@dataclass(frozen=True, slots=True)
class NewStaff:
    """A person who is to work for a merchant."""

    name: str
    role: Role
    login: str
    password_hash: str


def find_merchant(session: Session, public_id: str) -> Merchant:
    """Find a merchant. Raises MerchantNotFound."""
    merchant = session.scalars(
        select(Merchant).where(Merchant.public_id == public_id)
    ).one_or_none()
    if merchant is None:
        raise MerchantNotFound
    return merchant


def merchant_of(session: Session, merchant_id: int) -> Merchant:
    """Return a merchant by its inner id."""
    return session.scalars(select(Merchant).where(Merchant.id == merchant_id)).one()


def add_merchant(session: Session, *, name: str, at: datetime) -> Merchant:
    """Add a merchant with its settings."""
    merchant = Merchant(public_id=new_public_id(), name=name, created_at=at)
    session.add(merchant)
    session.flush()
    session.add(MerchantSettings(merchant_id=merchant.id, daily_subsidy_cap_fen=None))
    session.flush()
    return merchant


def add_app(
    session: Session, merchant_id: int, *, app_id: str, secret: str, platform: str = "wechat"
) -> None:
    """Add a mini-program, or renew its secret, which is empty on Alipay.

    Raises AppTaken, also where it is known on another platform.
    """
    app = session.get(MerchantApp, app_id, with_for_update=True)
    sealed = seal(secret, purpose=APP_SECRET_PURPOSE)
    if app is None:
        session.add(
            MerchantApp(
                app_id=app_id, merchant_id=merchant_id, secret_sealed=sealed, platform=platform
            )
        )
    elif (app.merchant_id, app.platform) != (merchant_id, platform):
        raise AppTaken(field="app_id")
    else:
        app.secret_sealed = sealed
    session.flush()


def prepare_staff(*, name: str, role: Role, login: str, password: str) -> NewStaff:
    """Hash the password, which takes a while: before the transaction is opened."""
    return NewStaff(name, role, normalise_login(login), hash_password(password))


def add_staff(session: Session, merchant_id: int, new: NewStaff, *, at: datetime) -> Staff:
    """Add a member of staff with a login. Raises LoginTaken."""
    if session.get(StaffLogin, new.login) is not None:
        raise LoginTaken(field="login")
    staff = Staff(
        merchant_id=merchant_id,
        public_id=new_public_id(),
        name=new.name,
        role=new.role.value,
        created_at=at,
        disabled_at=None,
    )
    session.add(staff)
    session.flush()
    session.add(
        StaffLogin(
            login=new.login,
            merchant_id=merchant_id,
            staff_id=staff.id,
            password_hash=new.password_hash,
        )
    )
    session.flush()
    return staff


def add_gateway_account(
    session: Session,
    merchant_id: int,
    *,
    credentials: GatewayCredentials,
    at: datetime,
) -> GatewayAccount:
    """Add a gateway account with its address for callbacks. Raises GatewayAccountTaken."""
    if session.scalars(_same_account(merchant_id, credentials)).first() is not None:
        raise GatewayAccountTaken(field="mch_no")
    account = GatewayAccount(
        merchant_id=merchant_id,
        public_id=new_public_id(),
        gateway=credentials.gateway,
        mch_no=credentials.mch_no,
        app_id=credentials.app_id,
        credentials_sealed=seal(asdict(credentials), purpose=CREDENTIALS_PURPOSE),
        created_at=at,
    )
    session.add(account)
    session.flush()
    session.add(
        GatewayAddress(
            public_id=account.public_id, merchant_id=merchant_id, gateway_account_id=account.id
        )
    )
    session.flush()
    return account


def renew_gateway_credentials(
    session: Session, merchant_id: int, credentials: GatewayCredentials
) -> bool:
    """Replace the keys of a gateway account; returns whether there is such an account."""
    account = session.scalars(
        _same_account(merchant_id, credentials).with_for_update()
    ).one_or_none()
    if account is None:
        return False
    account.credentials_sealed = seal(asdict(credentials), purpose=CREDENTIALS_PURPOSE)
    session.flush()
    return True


def rotate_gateway_credentials(
    session: Session, account_id: str, credentials: GatewayCredentials, *, at: datetime
) -> GatewayAccount:
    """Give a gateway account (public id) new keys; the present ones stay good for callbacks.

    Raises GatewayAccountNotFound, GatewayAccountDiffers, RotationUnfinished.
    """
    account = _find_gateway_account(session, account_id)
    if (account.gateway, account.mch_no) != (credentials.gateway, credentials.mch_no):
        raise GatewayAccountDiffers(mch_no=account.mch_no)
    if account.former_credentials_sealed is not None:
        raise RotationUnfinished
    account.former_credentials_sealed = account.credentials_sealed
    account.credentials_sealed = seal(asdict(credentials), purpose=CREDENTIALS_PURPOSE)
    account.rotated_at = at
    session.flush()
    return account


def retire_gateway_credentials(session: Session, account_id: str) -> GatewayAccount:
    """Forget the keys that a gateway account had before its rotation; may be repeated.

    Raises GatewayAccountNotFound.
    """
    account = _find_gateway_account(session, account_id)
    account.former_credentials_sealed = None
    session.flush()
    return account


def _find_gateway_account(session: Session, account_id: str) -> GatewayAccount:
    account = session.scalars(
        select(GatewayAccount).where(GatewayAccount.public_id == account_id).with_for_update()
    ).one_or_none()
    if account is None:
        raise GatewayAccountNotFound
    return account


def check_credentials(fields: Mapping[str, Any]) -> GatewayCredentials:
    """Read credentials from JSON; Alipay's need its certificates. Raises CredentialsIncomplete."""
    try:
        given = GatewayCredentials(**{name: str(value) for name, value in fields.items()})
    except TypeError as error:
        raise CredentialsIncomplete from error
    if given.gateway == "alipay" and not all(
        (given.merchant_certificate_pem, given.platform_certificate_pem, given.root_certificate_pem)
    ):
        raise CredentialsIncomplete
    return given


def _same_account(merchant_id: int, credentials: GatewayCredentials) -> Select[GatewayAccount]:
    return select(GatewayAccount).where(
        GatewayAccount.merchant_id == merchant_id,
        GatewayAccount.gateway == credentials.gateway,
        GatewayAccount.mch_no == credentials.mch_no,
    )


def set_password(session: Session, login: str, password_hash: str, *, now: datetime) -> None:
    """Give a login another password and revoke its sessions; `now` is real time.

    Raises WrongLogin where there is no such login.
    """
    found = session.get(StaffLogin, normalise_login(login), with_for_update=True)
    if found is None:
        raise WrongLogin
    found.password_hash = password_hash
    session.execute(
        update(StaffSession)
        .where(
            StaffSession.merchant_id == found.merchant_id,
            StaffSession.staff_id == found.staff_id,
            StaffSession.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    session.flush()
