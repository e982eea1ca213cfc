"""Job requests from the wire: verified where keys are configured, plain only where none are.

With trusted keys the signed payload alone counts. Cancellation is taken unsigned: all it can do
is stop work.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sallyport_common.errors import SettingsError
from sallyport_common.protocol import DATABASES_BY_CLASSIC_NAME, ENVELOPE_TYPE, parse_utc
from sallyport_records import dsse, keys
from sallyport_runner.models import JobRequest

CLOCK_TOLERANCE = timedelta(minutes=5)
_IDENTIFIER = re.compile(r"[a-z0-9]{16}")
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


class RefusedRequestError(Exception):
    """A row is not acted upon; `kind` is a word for the metric, the text is for the journal."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def load_keys(path: Path | None) -> list[Ed25519PublicKey]:
    """Read a file of PEM public keys; no path, or an empty file, means none are configured."""
    try:
        data = path.read_bytes() if path else b""
        blocks = _PEM.findall(data)
        found = [keys.load_public(block + b"\n") for block in blocks]
    except (OSError, keys.KeyFormatError) as error:
        raise SettingsError([f"RUNNER_TRUSTED_KEYS: cannot use {path}: {error}"]) from error
    if data.strip() and not found:
        raise SettingsError([f"RUNNER_TRUSTED_KEYS: {path} holds no public key in PEM form"])
    return found


def _now() -> datetime:
    return datetime.now(UTC)


class RequestReader:
    """Turns rows of the request list into requests."""

    def __init__(
        self,
        backend: str,
        trusted: Sequence[Ed25519PublicKey],
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._backend, self._trusted, self._now = backend, trusted, now

    def read(self, row: dict[str, Any]) -> JobRequest:
        """Return the request of a row; raise RefusedRequestError when it must not be run."""
        try:
            identifier = str(row["identifier"])
            if not _IDENTIFIER.fullmatch(identifier):
                raise RefusedRequestError("malformed", "the identifier is malformed")
            content, digest = self._content(row)
            request, backend = self._request(content, digest), content["backend"]
        except (KeyError, TypeError, ValueError) as error:
            raise RefusedRequestError("malformed", f"the row is malformed: {error!r}") from error
        if request.identifier != identifier:
            raise RefusedRequestError("mismatch", "row and signed payload name two requests")
        if backend != self._backend:
            raise RefusedRequestError("backend", "the request is for another backend")
        return request

    def _content(self, row: dict[str, Any]) -> tuple[dict[str, Any], str]:
        if not self._trusted:
            content = _classic(row)
            text = json.dumps(content, sort_keys=True).encode()
            return content, hashlib.sha256(text).hexdigest()
        envelope = row.get("envelope")
        if not isinstance(envelope, dict):
            raise RefusedRequestError("unsigned", "the request is not signed")
        try:
            payload = dsse.verify(envelope, ENVELOPE_TYPE, self._trusted)
        except dsse.SignatureError as error:
            raise RefusedRequestError("signature", str(error)) from error
        return dict(json.loads(payload)), hashlib.sha256(payload).hexdigest()

    def _request(self, content: dict[str, Any], digest: str) -> JobRequest:
        created = parse_utc(content["created_at"])
        if self._trusted and created > self._now() + CLOCK_TOLERANCE:
            raise RefusedRequestError("future", "the request was signed in the future")
        permissions = content.get("permissions")
        return JobRequest(
            identifier=content["identifier"],
            payload_digest=digest,
            workspace=str(content["workspace"]),
            repo=str(content["repo"]),
            branch=str(content["branch"]),
            sha=str(content["sha"]),
            requested_actions=_words(content["requested_actions"]),
            force_run_dependencies=bool(content["force_run_dependencies"]),
            database_name=_database(content["database_name"]),
            codelists_ok=bool(content["codelists_ok"]),
            created_by=str(content.get("created_by") or ""),
            created_at=str(content["created_at"]),
            expired=self._expired(content),
            permissions=_words(permissions) if isinstance(permissions, list) else [],
        )

    def _expired(self, content: dict[str, Any]) -> bool:
        if not self._trusted:
            return False
        return parse_utc(content["expires_at"]) + CLOCK_TOLERANCE < self._now()


def _classic(row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an unsigned row in the payload's form."""
    workspace = row["workspace"]
    content = {name: workspace[name] for name in ("repo", "branch")}
    content |= {
        name: row[name]
        for name in ("identifier", "sha", "requested_actions", "force_run_dependencies")
    }
    return content | {
        "workspace": workspace["name"],
        "backend": row["backend"],
        "database_name": row.get("database_name") or workspace["db"],
        "codelists_ok": row.get("codelists_ok", True),
        "created_by": row.get("created_by", ""),
        "created_at": row["created_at"],
    }


def _words(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("expected a list of texts")
    return value


def _database(value: Any) -> str:
    return DATABASES_BY_CLASSIC_NAME.get(str(value), str(value))
