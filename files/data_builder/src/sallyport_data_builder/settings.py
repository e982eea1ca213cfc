"""What the environment says: read once, when a command starts."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from sallyport_data_builder.errors import ArgumentsError
from sallyport_data_builder.schemas import site_folder

LOCAL = "local"
NO_BACKEND = ("test", "expectations")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The job's surroundings; the URL shows itself in no repr."""

    url: Url
    url_file: str
    backend: str
    query_engine: str
    permissions: tuple[str, ...]
    backends: Path
    job: str
    isolate: str
    temp_database: str = ""
    own_process: bool = False

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read the variables; raise ArgumentsError naming the one that is wrong."""
        path = environment.get("DATABASE_URL_FILE", "")
        return cls(
            url=Url(_file(path) if path else environment.get("DATABASE_URL", "")),
            url_file=path,
            backend=environment.get("OPENSAFELY_BACKEND", ""),
            query_engine=environment.get("OPENSAFELY_QUERY_ENGINE", ""),
            permissions=_permissions(environment.get("EHRQL_PERMISSIONS", "")),
            backends=Path(environment.get("DATA_BUILDER_BACKENDS", "/backends")),
            job=job_name(environment.get("DATA_BUILDER_JOB_ID", LOCAL)),
            isolate=_one_of(
                "EHRQL_ISOLATE_USER_CODE",
                environment.get("EHRQL_ISOLATE_USER_CODE", "default"),
                ("default", "always", "never"),
            ),
            temp_database=_name("TEMP_DATABASE_NAME", environment.get("TEMP_DATABASE_NAME", "")),
        )

    def with_arguments(self, given: Any, own_process: bool) -> Settings:
        """Return the settings with what the command's own arguments say instead."""
        changed: dict[str, Any] = {"own_process": own_process}
        if getattr(given, "dsn", None):
            changed |= {"url": Url(given.dsn), "url_file": ""}
        for name in ("backend", "query_engine"):
            if getattr(given, name, None):
                changed[name] = getattr(given, name)
        return replace(self, **changed)

    def database(self) -> str:
        """Return the URL; raise ArgumentsError if it is missing or malformed."""
        if not self.url:
            raise ArgumentsError("There is no database: set DATABASE_URL or DATABASE_URL_FILE.")
        if not self.url.is_url:
            raise ArgumentsError(
                "The database's URL must look like SCHEME://USER:PASSWORD@HOST/NAME."
            )
        return self.url.text

    def reads(self) -> list[Path]:
        """Return the folders that a process at the database reads, beside the system's."""
        found = [Path.cwd(), self.backends, site_folder()]
        if self.url.folder is not None:
            found.append(self.url.folder)
        elif self.url.text.startswith(("sqlite:", "duckdb:")):
            found.append(Path(self.url.text.partition("://")[2][1:]).parent)
        # Certificates and keys that the URL names.
        options = parse_qsl(self.url.text.partition("?")[2])
        return found + [Path(value) for _name, value in options if value.startswith("/")]

    def writes(self) -> list[Path]:
        """Return the folders that it writes to, beside that of the output."""
        log = os.environ.get("DATA_BUILDER_OPERATOR_LOG")
        return [Path(tempfile.gettempdir()), *([Path(log).parent] if log else [])]

    @property
    def through_runner(self) -> bool:
        """Whether the runner set the URL: it gives a file, and the job's id."""
        return bool(self.url) and (bool(self.url_file) or self.job != LOCAL)


@dataclass(frozen=True, repr=False)
class Url:
    """A database URL, which holds a password."""

    text: str

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def is_url(self) -> bool:
        """Whether it has the form of a URL; else it may be a folder of table files."""
        return re.match(r"[a-z][a-z0-9+]*://", self.text) is not None

    @property
    def folder(self) -> Path | None:
        """The folder with a file per table that replaces a database."""
        path = Path(self.text)
        return path if self.text and not self.is_url and path.is_dir() else None


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


def job_name(text: str) -> str:
    """Return what scratch tables are called by: lower case, safe and short."""
    return re.sub(r"[^a-z0-9]", "", text.lower())[:32] or LOCAL


def _name(variable: str, text: str) -> str:
    if not re.fullmatch(r"\w*", text):
        raise ArgumentsError(f"{variable} must be a name of letters, digits and underscores.")
    return text


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ArgumentsError(f"{name} must be one of {', '.join(choices)}.")
    return value
