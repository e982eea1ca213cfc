"""Ed25519 keys in PEM form (PKCS #8 and SubjectPublicKeyInfo)."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sallyport_common.errors import SallyportError


class KeyFormatError(SallyportError):
    """A text is not the PEM form of an Ed25519 key."""


def generate() -> tuple[bytes, bytes]:
    """Return a new key pair as PEM: private, public."""
    private = Ed25519PrivateKey.generate()
    return (
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def load_private(pem: bytes) -> Ed25519PrivateKey:
    """Read a private key; raise KeyFormatError for anything but unencrypted Ed25519."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise KeyFormatError("this is not an unencrypted private key in PEM form") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFormatError("this private key is not an Ed25519 key")
    return key


def load_public(pem: bytes) -> Ed25519PublicKey:
    """Read a public key; raise KeyFormatError for anything but Ed25519."""
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise KeyFormatError("this is not a public key in PEM form") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFormatError("this public key is not an Ed25519 key")
    return key


def key_id(public: Ed25519PublicKey) -> str:
    """Return the SHA-256 of the raw public key in hexadecimal: the `keyid` of envelopes."""
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()
