"""Signed envelopes in DSSE form, version 1 (secure-systems-lab/dsse), with Ed25519."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sallyport_common.errors import SallyportError
from sallyport_records.keys import key_id


class SignatureError(SallyportError):
    """An envelope is malformed, of another type, or signed by nobody we trust."""


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed: type and payload, each with its length."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, private: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the envelope: `payloadType`, `payload` (base64) and one signature with `keyid`."""
    signature = private.sign(pre_authentication_encoding(payload_type, payload))
    return {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode("ascii"),
        "signatures": [
            {
                "keyid": key_id(private.public_key()),
                "sig": base64.b64encode(signature).decode("ascii"),
            }
        ],
    }


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise SignatureError("the envelope lacks a payload or a signature")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise SignatureError("the envelope holds text that is not base64") from error


def _signatures(envelope: dict[str, Any]) -> list[bytes]:
    entries = envelope.get("signatures")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SignatureError("the envelope has no list of signatures")
    return [_decoded(entry.get("sig")) for entry in entries]


def _accepts(public: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def verify(
    envelope: dict[str, Any], payload_type: str, trusted: Iterable[Ed25519PublicKey]
) -> bytes:
    """Return the payload if any trusted key signed it as this type; raise SignatureError."""
    if envelope.get("payloadType") != payload_type:
        raise SignatureError("the envelope is of another type")
    payload = _decoded(envelope.get("payload"))
    message = pre_authentication_encoding(payload_type, payload)
    signatures = _signatures(envelope)
    if any(_accepts(key, signature, message) for key in trusted for signature in signatures):
        return payload
    raise SignatureError("no trusted key signed the envelope")
