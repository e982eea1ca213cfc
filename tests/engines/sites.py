"""Sites whose database is mapped: databases on a test server, made from a template each time."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sallyport_data_builder.cli import main

ROOT = Path(__file__).parents[2]
HOSPITAL = ROOT / "roles/data_builder/files/backends/hospital.toml"
OMOP = ROOT / "files/data_builder/examples/omop.toml"
GENERATOR = ROOT / "roles/demo_hospital/files/generate.py"
ACCOUNT = "sallyport_jobs"


def generator() -> Any:
    """Return the program that fills the demo's hospital."""
    spec = importlib.util.spec_from_file_location("generate", GENERATOR)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(GENERATOR)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def psql(url: str, lines: Iterable[str]) -> str:
    """Run a script as the server's administrator."""
    script = "\\set ON_ERROR_STOP on\n" + "".join(lines)
    words = ["psql", "--no-psqlrc", "-qAt", url]
    done = subprocess.run(words, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass(frozen=True)
class Site:
    """A database, the account of jobs, and a folder with the mapping."""

    admin: str
    url: str
    folder: Path
    slug: str

    def map(self, text: str) -> None:
        """Write the mapping."""
        (self.folder / f"{self.slug}.toml").write_text(text, encoding="utf-8")

    def change(self, *pairs: tuple[str, str]) -> None:
        """Put other words into the mapping; each old one must be there."""
        file = self.folder / f"{self.slug}.toml"
        text = file.read_text(encoding="utf-8")
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new, 1)
        file.write_text(text, encoding="utf-8")

    def sql(self, *statements: str) -> str:
        """Run statements as the administrator."""
        if self.admin.startswith("postgresql"):
            return psql(self.admin, [f"{statement};\n" for statement in statements])
        engine = sa.create_engine(self.admin, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        return ""

    def environment(self, **more: str) -> dict[str, str]:
        """Return what the execute container is given."""
        return {
            "DATABASE_URL": self.url,
            "DATA_BUILDER_BACKENDS": str(self.folder),
            "OPENSAFELY_BACKEND": self.slug,
            **more,
        }


@contextmanager
def copied(server: str, template: str, name: str) -> Iterator[tuple[str, str]]:
    """Give a copy of a template database, for the administrator and for the account of jobs."""
    psql(server, [f"create database {name} template {template};\n"])
    try:
        admin = server.replace("/postgres?", f"/{name}?")
        yield admin, admin.replace("//postgres@", f"//{ACCOUNT}@")
    finally:
        psql(server, [f"drop database {name} with (force);\n"])


@dataclass(frozen=True)
class Report:
    """What check-backend said."""

    code: int
    text: str
    document: Mapping[str, Any]

    def found(self, *statuses: str) -> list[tuple[str, str, str]]:
        """Return id, table and column of the findings of some statuses, in order."""
        return [
            (check["id"], check["table"], check["column"])
            for check in self.document["checks"]
            if check["status"] in (statuses or ("fail",))
        ]

    def texts(self, number: str, *statuses: str) -> str:
        """Return what was said about one check."""
        return "\n".join(
            check["text"]
            for check in self.document["checks"]
            if check["id"] == number and check["status"] in (statuses or ("fail", "warn"))
        )


def check(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> Report:
    """Run check-backend as its users do."""
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    file = site.folder / "report.json"
    code = main(["check-backend", site.slug, "--json", str(file), *words])
    return Report(code, capsys.readouterr().out, json.loads(file.read_text(encoding="utf-8")))
