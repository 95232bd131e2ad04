"""The numbers Alipay gives certificates, which requests must name.

MD5 over the issuer's names and the decimal serial number; of the roots, those that are RSA, joined
by underscores (Alipay open platform, certificate signing). The SDK works them out too, by calls of
pyOpenSSL that are about to go.
"""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_NAMES = (
    ("CN", NameOID.COMMON_NAME),
    ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("O", NameOID.ORGANIZATION_NAME),
    ("C", NameOID.COUNTRY_NAME),
)


def certificate_number(pem: str) -> str:
    """Return the number of the first certificate of a PEM text. Raises ValueError."""
    return _number(x509.load_pem_x509_certificate(pem.encode()))


def root_number(pem: str) -> str:
    """Return the number of a PEM text of roots. Raises ValueError where none is RSA."""
    numbers = [
        _number(root) for root in x509.load_pem_x509_certificates(pem.encode()) if _is_rsa(root)
    ]
    if not numbers:
        raise ValueError("none of the root certificates is RSA")
    return "_".join(numbers)


def _is_rsa(certificate: x509.Certificate) -> bool:
    try:
        return isinstance(certificate.public_key(), rsa.RSAPublicKey)
    except ValueError:
        # Alipay's file holds roots of Chinese algorithms, too.
        return False


def _number(certificate: x509.Certificate) -> str:
    names = []
    for short, oid in _NAMES:
        found = certificate.issuer.get_attributes_for_oid(oid)
        names.append(f"{short}={found[0].value!s}" if found else f"{short}=None")
    text = f"{','.join(names)}{certificate.serial_number}"
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - what the protocol asks for
