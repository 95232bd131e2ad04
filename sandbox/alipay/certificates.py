"""A small certificate authority per account, and Alipay's way of numbering certificates."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sandbox import keys

_LIFE = timedelta(days=3650)
_NUMBERED = (
    ("CN", NameOID.COMMON_NAME),
    ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("O", NameOID.ORGANIZATION_NAME),
    ("C", NameOID.COUNTRY_NAME),
)
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Papers:
    """What one account is given: its key and certificate, and the gateway's."""

    app_private_pem: str
    app_certificate_pem: str
    alipay_private_pem: str
    alipay_certificate_pem: str
    root_certificates_pem: str


def issue(app_id: str) -> Papers:
    """Make root, gateway's and application's certificates.

    The root file holds a second root that is not RSA, as Alipay's does: numbers leave it out.
    """
    root_key, other_key = keys.new_private_key(), ec.generate_private_key(ec.SECP256R1())
    alipay_key, app_key = keys.new_private_key(), keys.new_private_key()
    root = _name("Sandbox Root Certification Authority")
    other = _name("Sandbox Root Certification Authority ECC")
    roots = [
        _certificate(root, root, root_key.public_key(), root_key),
        _certificate(other, other, other_key.public_key(), other_key),
    ]
    return Papers(
        app_private_pem=keys.private_pem(app_key),
        app_certificate_pem=_certificate(_name(app_id), root, app_key.public_key(), root_key),
        alipay_private_pem=keys.private_pem(alipay_key),
        alipay_certificate_pem=_certificate(
            _name("Sandbox Alipay"), root, alipay_key.public_key(), root_key
        ),
        root_certificates_pem="\n\n".join(pem.strip() for pem in roots),
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sandbox"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Certification Authority"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    signer: PrivateKey,
) -> str:
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def number_of(pem: str) -> str:
    """Return a certificate's number: MD5 over the issuer's names and the decimal serial number."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    names = ",".join(
        f"{short}={certificate.issuer.get_attributes_for_oid(oid)[0].value!s}"
        for short, oid in _NUMBERED
    )
    return hashlib.md5(f"{names}{certificate.serial_number}".encode()).hexdigest()  # noqa: S324


def number_of_roots(pem: str) -> str:
    """Return the roots' number: those of its RSA certificates, joined by underscores."""
    roots = x509.load_pem_x509_certificates(pem.encode())
    return "_".join(
        number_of(root.public_bytes(serialization.Encoding.PEM).decode())
        for root in roots
        if isinstance(root.public_key(), rsa.RSAPublicKey)
    )
