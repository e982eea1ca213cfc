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
# Those in one value of its own, those between values that no other mistake of the kind hides, and
# all others.
SINGLE = [mistake for mistake in MISTAKES if mistake["kind"] in ("type", "form")]
LIMITS = [mistake for mistake in MISTAKES if mistake["kind"] == "limit"]
BETWEEN = [mistake for mistake in MISTAKES if mistake["kind"] not in ("type", "form", "limit")]
VAULT = "group_vars/all/vault.yml"
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
    hosts: tuple[str, ...] = (),
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
    if hosts:
        alternative = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(key(), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


MATERIAL: dict[str, Callable[[], str]] = {
    "ca": certificate,
    "expired_ca": lambda: certificate(end=datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)),
    "leaf": lambda: certificate(ca=False, sign=False),
    "wildcard": lambda: certificate(ca=False, sign=False, hosts=("*.tre.hospital.scot",)),
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


def test_a_certificate_for_all_names_of_the_site_is_accepted(tmp_path: Path) -> None:
    pair = {"certificate": "@wildcard", "key": "@rsa_key"}
    supplied = dict.fromkeys(("proxy", "job_server", "release_hatch", "postgresql"), pair)
    mistake = {"set": {"all": {"certificate_authority_supplied": supplied}}}
    assert judged(mistake, tmp_path) == []


@pytest.mark.parametrize(
    "sources",
    [
        ["10.30.0.7"],
        ["10.0.0.0/8", "fd00::/8"],
        ["0.0.0.0/1"],
        ["proxies", "zone_public"],
        ["network:dmz", "network:level4"],
    ],
    ids=" ".join,
)
def test_administrators_may_log_in_from_what_is_not_everywhere(
    sources: list[str], tmp_path: Path
) -> None:
    assert judged({"set": {"all": {"firewall_management_sources": sources}}}, tmp_path) == []


@cache
def secret_words() -> list[str]:
    """Return a part of each secret of the valid inventory that no sentence may have."""
    values = [str(value).strip().splitlines() for value in valid_files()[VAULT].values()]
    return [*(lines[-2] if len(lines) > 1 else lines[0] for lines in values), "p4ssw0rd"]


def batches(mistakes: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return mistakes in single values in as few inventories as set no variable twice."""
    result: list[list[dict[str, Any]]] = []
    held: list[set[str]] = []
    for mistake in mistakes:
        names = {name for values in mistake["set"].values() for name in values}
        index = next((n for n, used in enumerate(held) if not names & used), len(held))
        if index == len(held):
            result.append([])
            held.append(set())
        result[index].append(mistake)
        held[index] |= names
    return result


def together(mistakes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return several mistakes in single values as one."""
    result: dict[str, dict[str, Any]] = {}
    for mistake in mistakes:
        for name, values in mistake["set"].items():
            result.setdefault(name, {}).update(values)
    return {"set": result}


def unnamed(mistakes: list[dict[str, Any]], lines: list[str]) -> list[str]:
    """Return the sentences of mistakes that no line begins with."""
    told = [mistake["says"] for mistake in mistakes]
    return [sentence for sentence in told if not any(begins(sentence, line) for line in lines)]


def test_there_are_many_mistakes_and_each_has_a_sentence_of_its_own() -> None:
    assert len({mistake["says"] for mistake in MISTAKES}) >= 400


@pytest.mark.parametrize(
    "mistakes", [*batches(SINGLE), *batches(LIMITS)], ids=lambda batch: f"{len(batch)} values"
)
def test_the_gate_names_each_wrong_value(mistakes: list[dict[str, Any]], tmp_path: Path) -> None:
    lines = judged(together(mistakes), tmp_path)
    assert unnamed(mistakes, lines) == [], lines


@pytest.mark.parametrize("mistake", BETWEEN, ids=lambda mistake: mistake["says"][:60])
def test_the_gate_names_each_mistake_between_values(
    mistake: dict[str, Any], tmp_path: Path
) -> None:
    lines = judged(mistake, tmp_path)
    assert unnamed([mistake], lines) == [], lines
    assert not [value for value in secret_words() if value in "\n".join(lines)]


@pytest.mark.parametrize(
    ("group", "name", "entry"),
    [
        ("databases", "postgresql_roles", {"name": "jobs", "attributes": "LOGIN CREATEDB"}),
        ("databases", "postgresql_databases", {"name": "hospital; drop"}),
        ("databases", "postgresql_access", {"database": "a", "user": "x", "address": "10.0.0/33"}),
        ("all", "site_database_endpoints", {"name": "database", "address": "10.0.1", "port": 5432}),
    ],
)
def test_a_list_with_a_wrong_entry_has_no_second_fault(
    group: str, name: str, entry: dict[str, Any], tmp_path: Path
) -> None:
    """What the list should have had is not missed by those that name it."""
    (line,) = judged({"set": {group: {name: [entry]}}}, tmp_path)
    assert f" {name}[0]." in line


def test_every_fault_is_named_in_one_run_with_its_file_and_line(tmp_path: Path) -> None:
    (largest, *_) = sorted(batches(SINGLE), key=len, reverse=True)
    lines = judged(together(largest), tmp_path)
    assert len(largest) >= 30
    assert unnamed(largest, lines) == []
    assert all(re.match(r"\S+\.yml:\d+: ", line) for line in lines)
    places = [line.split(":")[:2] for line in lines]
    assert places == sorted(places, key=lambda place: (place[0], int(place[1])))


@pytest.mark.parametrize(
    ("file", "value"),
    [
        ("group_vars/proxies.yml", "yes"),
        ("group_vars/proxies.yml", None),
        ("host_vars/proxy.yml", 7),
        ("host_vars/proxy.yml", None),
    ],
)
def test_a_value_that_overrides_another_is_named_with_its_own_file(
    file: str, value: Any, tmp_path: Path
) -> None:
    """The valid inventory sets it for all hosts."""
    holder = Path(file).stem
    mistake = {"set": {holder: {"site_production": value}}}
    (line,) = [line for line in judged(mistake, tmp_path) if " site_production is " in line]
    assert f"/{file}:" in line
