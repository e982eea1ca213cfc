"""What the environment says (data-access contract): read once, when a command starts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport_data_builder.errors import ArgumentsError

DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)+")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The job's surroundings; the URL shows itself in no repr."""

    url: Url
    url_from_file: bool
    backend: str
    query_engine: str
    permissions: tuple[str, ...]
    backends: Path
    job: str
    isolate: str

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read the variables; raise ArgumentsError naming the one that is wrong."""
        path = environment.get("DATABASE_URL_FILE", "")
        return cls(
            url=Url(_file(path) if path else environment.get("DATABASE_URL", "")),
            url_from_file=bool(path),
            backend=environment.get("OPENSAFELY_BACKEND", ""),
            query_engine=environment.get("OPENSAFELY_QUERY_ENGINE", ""),
            permissions=_permissions(environment.get("EHRQL_PERMISSIONS", "")),
            backends=Path(environment.get("DATA_BUILDER_BACKENDS", "/backends")),
            job=_job(environment.get("DATA_BUILDER_JOB_ID", "local")),
            isolate=_one_of(
                "EHRQL_ISOLATE_USER_CODE",
                environment.get("EHRQL_ISOLATE_USER_CODE", "default"),
                ("default", "always", "never"),
            ),
        )


@dataclass(frozen=True, repr=False)
class Url:
    """A database URL, which holds a password."""

    text: str

    def __bool__(self) -> bool:
        return bool(self.text)


def _file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ArgumentsError(f"DATABASE_URL_FILE: cannot read {path}: {error.strerror}.") from None


def _permissions(text: str) -> tuple[str, ...]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ArgumentsError("EHRQL_PERMISSIONS must be a JSON list of names.")
    return tuple(found)


def _job(text: str) -> str:
    """Return what scratch tables are called by: lower case, safe and short."""
    return re.sub(r"[^a-z0-9]", "", text.lower())[:32] or "local"


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ArgumentsError(f"{name} must be one of {', '.join(choices)}.")
    return value
