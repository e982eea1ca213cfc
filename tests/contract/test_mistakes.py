"""The gate names every mistake of the table that an inventory alone can show, and all at once."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from repository import ROOT
from site_inventory import changed, gate, valid_files, write

MISTAKES: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / "tests/contract/inventory_mistakes.yml").read_text(encoding="utf-8")
)
NOW = datetime.datetime.now(datetime.UTC)


@cache
def key() -> rsa.RSAPrivateKey:
    """The key of every certificate of these tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private(of: Any, encryption: Any = None) -> str:
    """Return a private key as PEM."""
    form = PrivateFormat.PKCS8
    return str(of.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode())


def public(of: Any) -> str:
    """Return the public half of a key as PEM."""
    form = PublicFormat.SubjectPublicKeyInfo
    return str(of.public_key().public_bytes(Encoding.PEM, form).decode())


def certificate(
    end: datetime.datetime = NOW + datetime.timedelta(days=9),
    ca: bool = True,
    sign: bool = True,
    named: bool = True,
) -> str:
    """Return a certificate of `key`, by default one that may be a site's authority."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    uses = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
    usage = dict.fromkeys((*uses, "key_agreement", "encipher_only", "decipher_only"), False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key().public_key())
        .serial_number(7)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=sign, crl_sign=True, **usage), critical=True)
    )
    if named:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key().public_key())
        builder = builder.add_extension(identifier, critical=False)
    return builder.sign(key(), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


MATERIAL: dict[str, Callable[[], str]] = {
    "ca": certificate,
    "expired_ca": lambda: certificate(end=datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)),
    "leaf": lambda: certificate(ca=False, sign=False),
    "unsigning_ca": lambda: certificate(sign=False),
    "anonymous_ca": lambda: certificate(named=False),
    "rsa_key": lambda: private(key()),
    "rsa_public": lambda: public(key()),
    "encrypted_key": lambda: private(key(), BestAvailableEncryption(b"passphrase")),
    "other_key": lambda: private(ed25519.Ed25519PrivateKey.generate()),
    "other_public": lambda: public(ed25519.Ed25519PrivateKey.generate()),
}


def with_material(data: Any) -> Any:
    """Return data with the key material that it names by @."""
    if isinstance(data, dict):
        return {name: with_material(part) for name, part in data.items()}
    if isinstance(data, list):
        return [with_material(part) for part in data]
    return MATERIAL[data[1:]]() if isinstance(data, str) and data[1:] in MATERIAL else data


def judged(mistake: dict[str, Any], folder: Path) -> list[str]:
    """Return what the gate says of a valid inventory with a mistake in it."""
    write(with_material(changed(mistake)), folder, mistake.get("append"))
    return gate(folder, mistake.get("tags", ()))


def begins(sentence: str, line: str) -> bool:
    """Return whether a line is a sentence, after its file and line; {} stands for anything."""
    expected = ".*".join(map(re.escape, sentence.split("{}")))
    return re.match(rf"(\S+:\d+: )?{expected}", line) is not None


def test_the_inventory_that_every_mistake_is_made_in_is_valid(tmp_path: Path) -> None:
    assert gate(write(valid_files(), tmp_path), ["always"]) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["says"][:60])
def test_the_gate_names_the_mistake(mistake: dict[str, Any], tmp_path: Path) -> None:
    lines = judged(mistake, tmp_path)
    assert [line for line in lines if begins(mistake["says"], line)], lines


def test_no_line_has_the_value_of_a_secret(tmp_path: Path) -> None:
    vault = valid_files()["group_vars/all/vault.yml"]
    hidden = [
        str(value).strip().splitlines()[-2 if "\n" in str(value).strip() else 0]
        for value in vault.values()
    ]
    for number, mistake in enumerate(entry for entry in MISTAKES if entry["kind"] == "secret"):
        text = "\n".join(judged(mistake, tmp_path / str(number)))
        assert not [value for value in hidden if value in text]
        assert "p4ssw0rd" not in text


def test_every_fault_is_named_in_one_run_with_its_file_and_line(tmp_path: Path) -> None:
    chosen = [entry for entry in MISTAKES if entry["kind"] == "form"]
    separate: dict[str, Any] = {}
    for entry in chosen:
        for name, values in entry["set"].items():
            for variable, value in values.items():
                separate.setdefault(variable, (entry["says"], name, value))
    mistake: dict[str, Any] = {"set": {}}
    for variable, (_, name, value) in separate.items():
        mistake["set"].setdefault(name, {})[variable] = value
    lines = judged(mistake, tmp_path)
    assert len(separate) >= 30
    assert not [
        told
        for told, _, _ in separate.values()
        if not [line for line in lines if begins(told, line)]
    ]
    assert all(re.match(r"\S+\.yml:\d+: ", line) for line in lines)
    assert lines == sorted(
        lines, key=lambda line: (line.split(":")[0], int(line.split(":")[1]), line)
    )
