"""Running it: the command, the schema, tokens that rotate, health, the chain."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import update
from tests.unit.job_server.rig import PASSWORD, PRIVATE_PEM, TOKENS, Rig

from sallyport_common.errors import EX_CONFIG, run_cli
from sallyport_common.settings import environment_names
from sallyport_job_server import cli
from sallyport_job_server.models import ForbiddenError, Problem
from sallyport_job_server.services.backend_access import Scope
from sallyport_job_server.settings import PREFIX, Settings
from sallyport_job_server.storage import tables


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a complete environment and the folder of its files."""
    for name, text in {
        "secret": "s" * 40, "signing": PRIVATE_PEM.decode(), "jobs": "a" * 40,
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    values = {
        "URL": "https://jobs.example",
        "DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite3",
        "SECRET_KEY_FILE": str(tmp_path / "secret"),
        "SIGNING_KEY_FILE": str(tmp_path / "signing"),
        "HATCH_SIGNING_KEY_FILE": str(tmp_path / "secret"),
        "RELEASE_STORAGE": str(tmp_path / "releases"),
        "FORGES": "{}",
        "ALLOWED_ORGANISATIONS": "demo-org",
        "CA_FILE": "/etc/ssl/certs/ca-certificates.crt",
        "GIT_TIMEOUT": "5",
        "SESSION_LIFETIME": "60",
        "REQUEST_LIFETIME": "60",
        "LOGIN_TOKEN_LIFETIME": "60",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"{PREFIX}{name}", value)
    known = {f"{PREFIX}{name}" for name in values}
    optional = {"JOB_SERVER_DATABASE_PASSWORD_FILE", "JOB_SERVER_RELEASES_REDIRECT"}
    assert environment_names(Settings, PREFIX) == known | optional
    return tmp_path


def run(*words: str) -> int:
    """Run the command."""
    return run_cli(cli.main, words)


def test_the_command_sets_a_server_up_and_changes_nothing_twice(
    environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (environment / "people").write_text(
        json.dumps([{"username": "root", "fullname": "Root", "password": PASSWORD}])
    )
    (environment / "password").write_text(PASSWORD)
    people = ["administrators", "ensure", "--file", str(environment / "people")]
    backend = ["backend", "ensure", "hospital", "--name", "H", "--hatch-url", "https://h.example",
               "--token-file", f"jobs={environment}/jobs"]  # fmt: skip
    user = ["user", "create", "nina", "--fullname", "N", "--password-file"]
    for words in (["check-config"], ["migrate"], ["migrate"], people, people, backend, backend,
                  [*backend, "--name", "Hospital"], [*user, str(environment / "password")],
                  ["audit", "verify"]):  # fmt: skip
        assert run(*words) == 0, words
    assert capsys.readouterr().out.splitlines() == [
        "the configuration is complete",
        "the database is at the newest revision",
        "the database is at the newest revision",
        "root: created",
        "root: unchanged",
        "hospital: created",
        "hospital: unchanged",
        "hospital: changed",
        "nina: created",
        "5 rows, intact",
    ]


def test_bad_configuration_ends_with_78_and_names_the_variable(
    environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check-config") == 0
    monkeypatch.delenv("JOB_SERVER_URL")
    monkeypatch.setenv("JOB_SERVER_GIT_TIMEOUT", "soon")
    assert run("check-config") == EX_CONFIG
    shown = capsys.readouterr().err
    assert "JOB_SERVER_URL is not set" in shown
    assert "JOB_SERVER_GIT_TIMEOUT: expected a whole number" in shown
    assert environment.exists()


def test_a_missing_file_is_named(environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("administrators", "ensure", "--file", str(environment / "none")) == 1
    assert "cannot read" in capsys.readouterr().err


def test_migrations_make_exactly_the_tables_of_the_code(rig: Rig) -> None:
    with rig.services.database.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"version_table": "job_server_version", "compare_type": True},
        )
        differences = compare_metadata(context, tables.METADATA)
    assert differences == []


def test_two_tokens_of_a_scope_are_valid_while_one_replaces_the_other(rig: Rig) -> None:
    backends = rig.services.backends
    first, second, third = TOKENS["jobs"], "b" * 40, "c" * 40

    def valid(token: str) -> bool:
        try:
            return bool(backends.caller(token, Scope.JOBS))
        except ForbiddenError:
            return False

    def ensure(token: str) -> str:
        return backends.ensure(
            "test", "hospital", "The Hospital", "https://hatch.example", {"jobs": token}
        )

    assert ensure(first) == "unchanged"
    assert ensure(second) == "changed"
    assert (valid(first), valid(second)) == (True, True)
    assert ensure(third) == "changed"
    assert (valid(first), valid(second), valid(third)) == (False, True, True)
    assert ensure(second) == "changed"
    assert (valid(second), valid(third)) == (True, True)
    with pytest.raises(Problem, match="in use for something else"):
        backends.ensure("test", "clinic", "Clinic", "", {"jobs": second})
    with pytest.raises(Problem, match="shorter than"):
        backends.ensure("test", "clinic", "Clinic", "", {"jobs": "tok"})


def test_the_chain_covers_changes_and_shows_an_edit(rig: Rig) -> None:
    identifier = rig.submit()
    rig.report(identifier, "make", "running")
    assert rig.services.audit.verify().intact
    with rig.services.database.change("eve") as change:
        table = tables.AUDIT.rows
        change.connection.execute(update(table).where(table.c.seq == 2).values(actor="eve"))
    assert rig.services.audit.verify().fault == "row 2 was changed"


def test_health_needs_a_migrated_database(rig: Rig) -> None:
    client = rig.app.test_client()
    answer = client.get("/healthz")
    assert (answer.status_code, (answer.json or {})["service"]) == (200, "job_server")
    assert client.get("/metrics").status_code == 200
    with rig.services.database.change("x") as change:
        change.connection.exec_driver_sql("DELETE FROM job_server_version")
    assert client.get("/healthz").status_code == 503


def test_no_secret_is_kept_in_plain_text(rig: Rig) -> None:
    token = rig.services.access_tokens.create(rig.people["rita"], "x")
    folder = rig.study.folder.parents[2]
    kept = b"".join(path.read_bytes() for path in folder.glob("job_server.sqlite3*"))
    for secret in (token, PASSWORD, *TOKENS.values()):
        assert secret.encode() not in kept
    assert b"rita" in kept
    assert os.environ.get("JOB_SERVER_SECRET_KEY") is None
