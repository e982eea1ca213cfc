"""Keep an inventory's vault file complete: make the secrets that roles declare, or replace some.

Every `roles/*/meta/secrets.yml` is a list of `{name, kind, length?, rotate?, job_server?}`.
What the vault file holds stays as it is, comments included. No value leaves this module but into
that file.
`job_server` (own, existing) limits a secret to sites with such a job server; one of kind `given` is
never made, because somebody else has it.
"""

from __future__ import annotations

import datetime
import os
import re
import secrets
import string
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible.parsing.vault import is_encrypted
from ansible.plugins.action import ActionBase
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import NameOID

from ansible_collections.sallyport.site.plugins.plugin_utils.checkout import ROOT
from ansible_collections.sallyport.site.plugins.plugin_utils.placeholders import PLACEHOLDER
from ansible_collections.sallyport.site.plugins.plugin_utils.vault_text import (
    values,
    with_entries,
    without,
)

CA_YEARS = 10
ARGUMENTS = {
    "rotate": {"type": "list", "elements": "str"},
    "forget": {"type": "bool", "default": False},
}
Declaration = dict[str, Any]


def pem(key: Any) -> str:
    """Return a private key in PEM form."""
    return str(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
    )


def word(length: int) -> str:
    """Return random letters and digits, with a digit and both cases among them."""
    while True:
        made = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))
        if re.search(r"\d", made) and made.lower() != made and made.upper() != made:
            return made


def key_pair(name: str) -> dict[str, str]:
    """Return an Ed25519 pair: `name` and `name`_public."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {name: pem(key), f"{name}_public": public.decode()}


def authority(name: str) -> dict[str, str]:
    """Return a new certificate authority: `name`_key and `name`_certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "Sallyport certificate authority")]
    )
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        [
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ],
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * CA_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return {f"{name}_key": pem(key), f"{name}_certificate": public}


def make(declaration: Declaration) -> dict[str, str]:
    """Return new values for a declared secret: one name, or the two of a pair."""
    name, kind = declaration["name"], declaration["kind"]
    makers: dict[str, Callable[[], dict[str, str]]] = {
        "random": lambda: {name: word(declaration.get("length", 64))},
        "password": lambda: {name: word(declaration.get("length", 24))},
        "token": lambda: {name: secrets.token_hex(20)},
        "ed25519": lambda: key_pair(name),
        "rsa_ca": lambda: authority(name),
    }
    if kind not in makers:
        raise ValueError(f"{name} has the unknown kind {kind}; known are {', '.join(makers)}")
    return makers[kind]()


def names_of(declaration: Declaration) -> list[str]:
    """Return the names of the vault that a declared secret stands for."""
    name = declaration["name"]
    pairs = {"ed25519": [name, f"{name}_public"], "rsa_ca": [f"{name}_key", f"{name}_certificate"]}
    return pairs.get(declaration["kind"], [name])


def declared(roles: Path) -> dict[str, Declaration]:
    """Return every secret that the roles declare, by name; one that two share is listed once."""
    found: dict[str, Declaration] = {}
    for path in sorted(roles.glob("*/meta/secrets.yml")):
        for declaration in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            known = found.setdefault(declaration["name"], declaration)
            if known["kind"] != declaration["kind"]:
                raise ValueError(f"{path} declares {known['name']} with another kind")
    return found


def wanted(declarations: dict[str, Declaration], job_server: str) -> dict[str, Declaration]:
    """Return the secrets that a site with its own, or with an existing, job server makes."""
    return {
        name: entry
        for name, entry in declarations.items()
        if entry["kind"] != "given" and entry.get("job_server", job_server) == job_server
    }


def complete(text: str, declarations: Iterable[Declaration]) -> tuple[str, list[str]]:
    """Return the text with every missing or placeholder secret made, and the names added.

    Half a pair that somebody supplied is never paired with a made one: that raises ValueError.
    """
    held = {name: value for name, value in values(text).items() if not PLACEHOLDER.match(value)}
    added: dict[str, str] = {}
    for declaration in declarations:
        missing = [name for name in names_of(declaration) if not held.get(name)]
        if missing and len(missing) < len(names_of(declaration)):
            raise ValueError(f"{missing[0]} is missing beside its other half; supply both or none")
        if missing:
            added |= make(declaration)
    return (with_entries(text, added) if added else text), sorted(added)


def rotatable(declaration: Declaration) -> bool:
    """Return whether converging brings a new value into force; for an authority it does not."""
    return declaration["kind"] != "rsa_ca" and bool(declaration.get("rotate", True))


def rotate(
    text: str, declarations: dict[str, Declaration], chosen: list[str]
) -> tuple[str, list[str]]:
    """Return the text with new values for the chosen secrets, and the names changed.

    A token's former value, and a key pair's former public half, stay as `<name>_previous`.
    """
    able = {name: entry for name, entry in declarations.items() if rotatable(entry)}
    unable = [name for name in chosen if name not in able]
    if unable or not chosen:
        told = f"{unable[0]} cannot be rotated" if unable else "name what to rotate with -e names=…"
        raise ValueError(f"{told}; accepted are {', '.join(sorted(able))}")
    held = values(text)
    changed: dict[str, str] = {}
    for name in chosen:
        overlap = {"token": name, "ed25519": f"{name}_public"}.get(able[name]["kind"], "")
        if overlap in held:
            changed[f"{overlap}_previous"] = held[overlap]
        changed |= make(able[name])
    return with_entries(text, changed), sorted(changed)


def forget(text: str, declarations: dict[str, Declaration]) -> tuple[str, list[str]]:
    """Return the text without the former values that a rotation left, and their names."""
    kept = {f"{name}_previous" for entry in declarations.values() for name in names_of(entry)}
    gone = sorted(kept & set(values(text)))
    return without(text, gone), gone


def vault_path(sources: list[str]) -> Path:
    """Return the vault file beside the inventory given by -i; raise ValueError without one."""
    for source in map(Path, sources):
        if source.exists() and source != Path("/etc/ansible/hosts"):
            folder = source if source.is_dir() else source.parent
            if folder.resolve() == ROOT / "inventories/example":
                raise ValueError("inventories/example is an example: copy it to inventories/mysite")
            return folder.resolve() / "group_vars/all/vault.yml"
    raise ValueError("name your inventory, for example -i inventories/mysite")


def replace(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".vault-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def job_server_of(task_vars: dict[str, Any]) -> str:
    """Return whose job server the site works with, as its first host has it."""
    host = next(iter(task_vars["groups"].get("all", [])), None)
    held = task_vars["hostvars"][host] if host else {}
    return str(held.get("site_job_server", "own"))


class ActionModule(ActionBase):
    """`write_secrets`: complete the vault (default), rotate names, or forget former values."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Report the names that changed, the file, and whether it is encrypted."""
        result = dict(super().run(tmp, task_vars))
        _, arguments = self.validate_argument_spec(ARGUMENTS)
        try:
            return result | self._write(
                arguments, task_vars["ansible_inventory_sources"] or [], job_server_of(task_vars)
            )
        except (ValueError, yaml.YAMLError) as error:
            # A parser's message may quote the text it stumbled over.
            told = str(error) if type(error) is ValueError else "the vault file is not valid YAML"
            raise AnsibleActionFail(told) from None

    def _write(
        self, arguments: dict[str, Any], sources: list[str], job_server: str
    ) -> dict[str, Any]:
        path, vault = vault_path(sources), self._loader._vault
        held = path.read_bytes() if path.exists() else b""
        encrypted = is_encrypted(held)
        if encrypted and not vault.secrets:
            raise ValueError(f"{path} is encrypted; set ANSIBLE_VAULT_PASSWORD_FILE")
        text = (vault.decrypt(held) if encrypted else held).decode()
        declarations = wanted(declared(ROOT / "roles"), job_server)
        if arguments["forget"]:
            new, names = forget(text, declarations)
        elif arguments["rotate"] is not None:
            new, names = rotate(text, declarations, arguments["rotate"])
        else:
            new, names = complete(text, declarations.values())
        changed = new != text or (bool(vault.secrets) and not encrypted)
        if changed and not self._task.check_mode:
            replace(path, vault.encrypt(new) if vault.secrets else new.encode())
        return {
            "changed": changed,
            "names": names,
            "path": str(path),
            "encrypted": bool(vault.secrets),
        }
