"""Certificates and keys of an inventory: whether they can be read, and what is wrong with a pair.

Nothing here raises or repeats what it was given: a value may be a secret.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)


@lru_cache(maxsize=64)
def certificates(text: str) -> list[x509.Certificate]:
    """Return the certificates of a PEM text, the first one's own chain after it; or none."""
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except UNREADABLE:
        return []


# Reading an RSA key checks its primes, which takes a good part of a second.
@lru_cache(maxsize=64)
def private_key(text: str) -> Any:
    """Return an unencrypted private key of a PEM text, or None."""
    try:
        return load_pem_private_key(text.encode(), None)
    except UNREADABLE:
        return None


def public_bytes(key: Any) -> bytes:
    """Return the public half of a private, or a public, key in one comparable form."""
    public = key.public_key() if hasattr(key, "public_key") else key
    return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def public_key(text: str) -> ed25519.Ed25519PublicKey | None:
    """Return an Ed25519 public key of a PEM text, or None."""
    try:
        key = load_pem_public_key(text.encode())
    except UNREADABLE:
        return None
    return key if isinstance(key, ed25519.Ed25519PublicKey) else None


def is_certificates(text: str) -> bool:
    """Return whether a string holds certificates and nothing private."""
    return bool(certificates(text)) and "PRIVATE KEY" not in text


def is_private_key(text: str) -> bool:
    """Return whether a string holds a private key without a passphrase."""
    return private_key(text) is not None


def is_signing_key(text: str) -> bool:
    """Return whether a string holds an Ed25519 private key without a passphrase."""
    return isinstance(private_key(text), ed25519.Ed25519PrivateKey)


def is_public_key(text: str) -> bool:
    """Return whether a string holds an Ed25519 public key."""
    return public_key(text) is not None


def authority_faults(text: str) -> Iterator[str]:
    """Give what keeps a certificate from being the authority of a site."""
    chain = certificates(text)
    if not chain:
        return
    if len(chain) > 1:
        yield "holds more than one certificate; accepted is the one that signs the hosts' own"
    certificate = chain[0]
    yield from validity_faults(certificate)
    basic = extension(certificate, x509.BasicConstraints)
    if basic is None or not basic.ca:
        yield "is not an authority (CA:TRUE is missing in its basic constraints)"
    usage = extension(certificate, x509.KeyUsage)
    if usage is None or not usage.key_cert_sign:
        yield "may not sign certificates (keyCertSign is missing in its key usage)"
    if extension(certificate, x509.SubjectKeyIdentifier) is None:
        yield "has no subject key identifier, by which hosts' certificates name it"


def validity_faults(certificate: x509.Certificate) -> Iterator[str]:
    """Give a sentence where a certificate is not valid now."""
    now = datetime.datetime.now(datetime.UTC)
    if certificate.not_valid_after_utc <= now:
        yield f"ended on {certificate.not_valid_after_utc:%Y-%m-%d}"
    if certificate.not_valid_before_utc > now:
        yield f"begins only on {certificate.not_valid_before_utc:%Y-%m-%d}"


def extension(certificate: x509.Certificate, kind: Any) -> Any:
    """Return the value of a certificate's extension, or None."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def belong_together(certificate: str, key: str) -> bool:
    """Return whether a key is the one of the first certificate; unreadable ones count as such."""
    chain, private = certificates(certificate), private_key(key)
    return not chain or private is None or public_bytes(chain[0]) == public_bytes(private)


def dns_names(certificate: str) -> list[str]:
    """Return the DNS names that the first certificate is valid for."""
    chain = certificates(certificate)
    names = extension(chain[0], x509.SubjectAlternativeName) if chain else None
    return list(names.get_values_for_type(x509.DNSName)) if names else []


def covers(names: list[str], host: str) -> bool:
    """Return whether one of a certificate's names is this host's, or a wildcard for it."""
    parent = re.sub(r"^[^.]+\.", "*.", host)
    return host in names or parent in names
