"""Envelopes verify with the key that signed them and with nothing else."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sallyport_records import dsse, keys

TYPE = "application/vnd.example+json"
PRIVATE_PEM, PUBLIC_PEM = keys.generate()
PRIVATE, PUBLIC = keys.load_private(PRIVATE_PEM), keys.load_public(PUBLIC_PEM)
OTHER = keys.load_public(keys.generate()[1])


@pytest.fixture
def envelope() -> dict[str, Any]:
    """Return a signed envelope."""
    return dsse.sign(TYPE, b'{"a": 1}', PRIVATE)


def test_a_trusted_signature_gives_the_payload(envelope: dict[str, Any]) -> None:
    assert dsse.verify(envelope, TYPE, [OTHER, PUBLIC]) == b'{"a": 1}'
    assert envelope["signatures"][0]["keyid"] == keys.key_id(PUBLIC)


def test_the_signed_bytes_are_those_of_the_specification() -> None:
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert (
        dsse.pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
        == expected
    )


def test_an_unknown_key_is_refused(envelope: dict[str, Any]) -> None:
    assert dsse.verify(envelope, TYPE, [PUBLIC])
    with pytest.raises(dsse.SignatureError, match="no trusted key"):
        dsse.verify(envelope, TYPE, [OTHER])
    with pytest.raises(dsse.SignatureError, match="no trusted key"):
        dsse.verify(envelope, TYPE, [])


@pytest.mark.parametrize(
    "change",
    [
        {"payload": base64.b64encode(b'{"a": 2}').decode()},
        {"payload": "not base64!"},
        {"payload": None},
        {"payloadType": "application/other"},
        {"signatures": []},
        {"signatures": "x"},
        {"signatures": [{"keyid": "x"}]},
        {"signatures": ["x"]},
    ],
)
def test_a_changed_envelope_is_refused(envelope: dict[str, Any], change: dict[str, Any]) -> None:
    assert dsse.verify(envelope, TYPE, [PUBLIC])
    with pytest.raises(dsse.SignatureError):
        dsse.verify(envelope | change, TYPE, [PUBLIC])


def test_other_keys_are_refused_with_a_sentence() -> None:
    foreign = ec.generate_private_key(ec.SECP256R1())
    private = foreign.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = foreign.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(keys.KeyFormatError, match="not an Ed25519 key"):
        keys.load_private(private)
    with pytest.raises(keys.KeyFormatError, match="not an Ed25519 key"):
        keys.load_public(public)
    with pytest.raises(keys.KeyFormatError, match="PEM"):
        keys.load_private(b"nonsense")
    with pytest.raises(keys.KeyFormatError, match="PEM"):
        keys.load_public(b"nonsense")
