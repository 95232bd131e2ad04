"""Keys, certificates and the primitives: RSA-SHA256, its check, AES-256-GCM, RSA-OAEP."""

import base64
import json
import secrets
import string
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

_ALPHANUMERIC = string.ascii_letters + string.digits


def random_text(length: int) -> str:
    """Return random letters and digits."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))


def random_serial() -> str:
    """Return the serial of a merchant's certificate."""
    return secrets.token_hex(20).upper()


def random_public_key_id(mchid: str) -> str:
    """Return the id of a platform public key."""
    return f"PUB_KEY_ID_01{mchid}{secrets.randbelow(10**24):024d}"


def new_private_key() -> rsa.RSAPrivateKey:
    """Return a new RSA-2048 key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    """Write a private key as unencrypted PKCS#8 PEM, the form a merchant downloads."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    """Write the public half as SubjectPublicKeyInfo PEM."""
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def load_private(pem: str) -> rsa.RSAPrivateKey:
    """Read a key that `private_pem` wrote."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def sign(key: rsa.RSAPrivateKey, message: str) -> str:
    """Sign with RSASSA-PKCS1-v1_5 and SHA-256; base64."""
    return base64.b64encode(
        key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    ).decode()


def is_signed_by(key: rsa.RSAPublicKey, message: str, signature: str) -> bool:
    """Say whether a base64 signature is this key's."""
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, message.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def encrypt(apiv3_key: str, plaintext: str, *, nonce: str, associated_data: str) -> str:
    """Encrypt with AES-256-GCM under the 32-character APIv3 key; base64 of ciphertext and tag."""
    sealed = AESGCM(apiv3_key.encode()).encrypt(
        nonce.encode(), plaintext.encode(), associated_data.encode()
    )
    return base64.b64encode(sealed).decode()


def decrypt_oaep(key: rsa.RSAPrivateKey, ciphertext: str) -> str:
    """Open what a merchant encrypted with RSA-OAEP (SHA-1), base64. Raises ValueError."""
    scheme = padding.OAEP(
        mgf=padding.MGF1(hashes.SHA1()),  # noqa: S303 - the protocol's
        algorithm=hashes.SHA1(),  # noqa: S303 - the protocol's
        label=None,
    )
    return key.decrypt(base64.b64decode(ciphertext, validate=True), scheme).decode()


def self_signed(key: rsa.RSAPrivateKey, name: str) -> tuple[str, str]:
    """Issue a platform certificate for five years from now; returns its serial and PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(_certificate_serial())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=5 * 365))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return f"{certificate.serial_number:X}", pem


def _certificate_serial() -> int:
    """Return a serial of forty hexadecimal digits, as the gateway's have, without leading zeros."""
    return secrets.randbelow(2**158) + 2**158


def write_json(said: object, *, separators: tuple[str, str] | None = None) -> str:
    """Write JSON as it stands; what is no Unicode (half of a pair) is escaped."""
    text = json.dumps(said, ensure_ascii=False, separators=separators)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(said, separators=separators)
    return text
