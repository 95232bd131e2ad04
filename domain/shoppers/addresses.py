"""Delivery addresses of shoppers, sealed at rest."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from domain.models import Address
from domain.public_ids import new_public_id
from domain.sealing import seal, unseal
from domain.shoppers.errors import AddressNotFound, TooManyAddresses

PURPOSE = "address"
MOST = 20

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """Where to send something, and to whom."""

    recipient: str
    phone: str
    region: str
    detail: str


@dataclass(frozen=True, slots=True)
class KeptAddress:
    """An address a shopper keeps."""

    id: str
    address: PostalAddress
    is_default: bool


_LOCK_SHOPPER = text(
    "SELECT id FROM shoppers WHERE merchant_id = :merchant_id AND id = :shopper_id FOR UPDATE"
)


def _kept(row: Address) -> KeptAddress:
    return KeptAddress(
        row.public_id, PostalAddress(**unseal(row.sealed, purpose=PURPOSE)), row.is_default
    )


def list_addresses(session: Session, shopper: Key) -> list[KeptAddress]:
    """List a shopper's addresses, the default first, then the newest."""
    rows = session.scalars(
        select(Address)
        .where(
            Address.merchant_id == shopper[0],
            Address.shopper_id == shopper[1],
            Address.removed_at.is_(None),
        )
        .order_by(Address.is_default.desc(), Address.id.desc())
    )
    return [_kept(row) for row in rows]


def add_address(
    session: Session, shopper: Key, address: PostalAddress, *, is_default: bool, at: datetime
) -> KeptAddress:
    """Add an address; the first one is the default. Locks the shopper. Raises TooManyAddresses."""
    session.execute(_LOCK_SHOPPER, {"merchant_id": shopper[0], "shopper_id": shopper[1]})
    kept = list_addresses(session, shopper)
    if len(kept) >= MOST:
        raise TooManyAddresses(most=MOST)
    becomes_default = is_default or not kept
    if becomes_default:
        session.execute(
            update(Address)
            .where(
                Address.merchant_id == shopper[0],
                Address.shopper_id == shopper[1],
                Address.is_default,
            )
            .values(is_default=False)
        )
    row = Address(
        merchant_id=shopper[0],
        public_id=new_public_id(),
        shopper_id=shopper[1],
        sealed=seal(asdict(address), purpose=PURPOSE),
        is_default=becomes_default,
        created_at=at,
        removed_at=None,
    )
    session.add(row)
    session.flush()
    return _kept(row)


def remove_address(session: Session, shopper: Key, public_id: str, *, at: datetime) -> None:
    """Remove an address; orders keep their own snapshot. Raises AddressNotFound."""
    row = session.scalars(
        select(Address)
        .where(
            Address.merchant_id == shopper[0],
            Address.shopper_id == shopper[1],
            Address.public_id == public_id,
            Address.removed_at.is_(None),
        )
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise AddressNotFound
    row.removed_at = at
    row.is_default = False
    session.flush()
