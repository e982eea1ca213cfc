"""The command: what each verb prints and changes, and how it ends when something is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.unit.job_server.conftest import HASHER
from tests.unit.job_server.rig import PASSWORD, PRIVATE_PEM
from tests.unit.postgres import PostgresServer

from sallyport_common.errors import EX_CONFIG, run_cli
from sallyport_common.settings import environment_names
from sallyport_job_server import cli
from sallyport_job_server.services.bundle import build
from sallyport_job_server.settings import PREFIX, Settings


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a complete environment and the folder of its files; passwords are hashed quickly."""
    monkeypatch.setattr("sallyport_job_server.services.bundle.PasswordHasher", lambda: HASHER)
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
        **dict.fromkeys(("ACTION_ORGANISATION", "SECOND_FACTOR_ROLES"), ""),
        **dict.fromkeys(("THREADS", "SESSION_LIFETIME", "SESSION_IDLE"), "60"),
        **dict.fromkeys(("REQUEST_LIFETIME", "LOGIN_TOKEN_LIFETIME"), "60"),
    }
    for name, value in values.items():
        monkeypatch.setenv(f"{PREFIX}{name}", value)
    known = {"DATABASE_PASSWORD_FILE", "RELEASES_REDIRECT", "GIT_CREDENTIALS", "WEBHOOKS_FILE"}
    known |= {"MAIL_SERVER", "MAIL_SENDER", "MAIL_PASSWORD_FILE", "OIDC_CLIENT_SECRET_FILE", "OIDC"}
    assert environment_names(Settings, PREFIX) == {f"{PREFIX}{x}" for x in {*known, *values}}
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


@pytest.fixture
def migrated(environment: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Give an environment whose database is ready."""
    assert run("migrate") == 0
    capsys.readouterr()
    return environment


ROOT = {"username": "root", "fullname": "Root", "password": PASSWORD}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "people is not JSON"),
        ("{}", "people must hold a list of objects"),
        ('["root"]', "people must hold a list of objects"),
        (json.dumps([ROOT, {"username": "x"}]), "administrator 2 has no text 'fullname'"),
        (json.dumps([ROOT | {"password": 5}]), "administrator 1 has no text 'password'"),
        (json.dumps([ROOT | {"password": "short"}]), "A password needs at least 12 characters."),
        (json.dumps([ROOT | {"username": "a b"}]), "A user name may hold only letters"),
    ],
)
def test_a_wrong_list_of_administrators_is_one_line(
    migrated: Path, capsys: pytest.CaptureFixture[str], content: str, sentence: str
) -> None:
    people = migrated / "people"
    people.write_text(content)
    assert run("administrators", "ensure", "--file", str(people)) == 1
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1
    assert shown[0].startswith("error: ")
    assert sentence in shown[0]
    people.write_text(json.dumps([ROOT]))
    assert run("administrators", "ensure", "--file", str(people)) == 0
    assert capsys.readouterr().out == "root: created\n"


@pytest.mark.parametrize(
    ("token", "words", "sentence"),
    [
        ("short", ["jobs={path}"], "The token of scope jobs for hospital is shorter than 20"),
        ("a" * 40, ["jobs={path}", "review={path}"], "is in use for something else."),
        ("a" * 40, ["jobs={path}", "jobs={path}"], "each scope may be given once"),
        ("a" * 40, ["jobs=/nowhere"], "cannot read /nowhere: No such file or directory"),
        (b"\xff" * 40, ["jobs={path}"], "it is not UTF-8"),
    ],
)
def test_a_wrong_token_is_one_line_and_nothing_is_kept(
    migrated: Path,
    capsys: pytest.CaptureFixture[str],
    token: Any,
    words: list[str],
    sentence: str,
) -> None:
    path = migrated / "token"
    path.write_bytes(token if isinstance(token, bytes) else token.encode())
    base = ["backend", "ensure", "hospital", "--name", "H"]
    options = [part for one in words for part in ("--token-file", one.format(path=path))]
    assert run(*base, *options) == 1
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1
    assert sentence in shown[0]
    assert run(*base, "--token-file", f"jobs={migrated / 'jobs'}") == 0
    assert capsys.readouterr().out == "hospital: created\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["backend", "ensure", "a b", "--name", "H"], "The backend's name may hold only letters"),
        (["backend", "ensure", "h", "--name", " "], "The name must not be empty."),
        (
            ["backend", "ensure", "h", "--name", "H", "--hatch-url", "http://h.example"],
            "The address of the hatch must start with https://.",
        ),
        (["user", "create", "a b", "--fullname", "A"], "A user name may hold only letters"),
        (["user", "create", "nina", "--fullname", " "], "The full name must not be empty."),
    ],
)
def test_a_wrong_value_is_one_line(
    migrated: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    (migrated / "password").write_text(PASSWORD)
    more = ["--password-file", str(migrated / "password")] if words[0] == "user" else []
    assert run(*words, *more) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"error: {sentence}")
    assert shown.count("\n") == 1


@pytest.mark.usefixtures("migrated")
def test_an_account_is_made_once_with_its_roles(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _prompt: PASSWORD)
    words = ["user", "create", "nina", "--fullname", "Nina", "--email", "n@example.org"]
    roles = ["--role", "output_checker", "--role", "admin"]
    assert run(*words, *roles) == 0
    assert run(*words) == 1
    shown = capsys.readouterr()
    assert shown.out == "nina: created\n"
    assert shown.err == "error: The user name nina is already taken.\n"
    assert PASSWORD not in shown.out + shown.err
    services = build(Settings.from_env(os.environ))
    assert services.accounts.roles_of("nina")[0].roles == ["admin", "output_checker"]
    assert services.accounts.log_in("nina", PASSWORD, "", "local").email == "n@example.org"
    services.database.engine.dispose()


def test_without_a_terminal_the_password_comes_from_a_file(
    migrated: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_terminal(_prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", no_terminal)
    words = ["user", "create", "nina", "--fullname", "Nina"]
    assert run(*words) == 1
    assert capsys.readouterr().err == "error: no password was given; use --password-file\n"
    (migrated / "password").write_text(f"{PASSWORD}\n")
    assert run(*words, "--password-file", str(migrated / "password")) == 0


def test_a_database_that_is_not_migrated_or_there_is_one_line(
    environment: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    postgres: PostgresServer,
) -> None:
    for url, reason in (
        (f"sqlite:///{environment}/x.sqlite3", "no such table: audit"),
        (f"sqlite:///{environment}/none/x.sqlite3", "unable to open database file"),
        (postgres.url(postgres.create()), 'relation "audit" does not exist'),
        (postgres.url("nowhere"), 'database "nowhere" does not exist'),
    ):
        monkeypatch.setenv("JOB_SERVER_DATABASE_URL", url)
        assert run("audit", "verify") == 1
        shown = capsys.readouterr().err
        assert shown.startswith("error: the database cannot be used, or is not migrated: ")
        assert reason in shown
        assert shown.count("\n") == 1


def test_the_command_works_on_postgresql_with_a_password_file(
    environment: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    postgres: PostgresServer,
) -> None:
    name = postgres.create()
    postgres.run("CREATE ROLE operator LOGIN PASSWORD 'a secret of the database'")
    postgres.run(f"ALTER DATABASE {name} OWNER TO operator")
    (environment / "database").write_text("a secret of the database\n")
    monkeypatch.setenv("JOB_SERVER_DATABASE_URL", postgres.network_url(name, "operator"))
    monkeypatch.setenv("JOB_SERVER_CA_FILE", str(postgres.ca_file))
    assert run("migrate") == 1
    assert "no password supplied" in capsys.readouterr().err
    monkeypatch.setenv("JOB_SERVER_DATABASE_PASSWORD_FILE", str(environment / "database"))
    for words in (["check-config"], ["migrate"], ["migrate"], ["audit", "verify"]):
        assert run(*words) == 0, words
    backend = ["backend", "ensure", "hospital", "--name", "H"]
    assert (run(*backend), run(*backend)) == (0, 0)
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-3:] == [
        "0 rows, intact", "hospital: created", "hospital: unchanged",
    ]  # fmt: skip
    assert "a secret" not in shown.out + shown.err


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", "somewhere", "JOB_SERVER_DATABASE_URL: this is not the address"),
        ("DATABASE_URL", "postgresql://u:p@db/x", "put the password in JOB_SERVER_DATABASE_PASS"),
        ("SECRET_KEY_FILE", "/nowhere", "JOB_SERVER_SECRET_KEY_FILE: cannot read /nowhere"),
        ("FORGES", "[]", "JOB_SERVER_FORGES: expected a JSON object of strings"),
        ("SESSION_LIFETIME", "an hour", "JOB_SERVER_SESSION_LIFETIME: expected a whole number"),
        ("SESION_LIFETIME", "60", "JOB_SERVER_SESION_LIFETIME is not a setting"),
    ],
)
def test_a_wrong_setting_ends_with_78_and_is_named(
    environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    sentence: str,
) -> None:
    assert environment.exists()
    with monkeypatch.context() as patch:
        patch.setenv(f"{PREFIX}{name}", value)
        assert run("check-config") == EX_CONFIG
    shown = capsys.readouterr().err
    assert shown.startswith("configuration: ")
    assert sentence in shown
    assert run("check-config") == 0


@pytest.mark.usefixtures("migrated")
def test_an_edited_chain_is_shown_and_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("backend", "ensure", "hospital", "--name", "H") == 0
    assert run("audit", "verify") == 0
    services = build(Settings.from_env(os.environ))
    with services.database.change("eve") as change:
        change.connection.exec_driver_sql("UPDATE audit SET actor = 'eve'")
    services.database.engine.dispose()
    assert run("audit", "verify") == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == "1 rows, row 1 was changed"
    assert shown.err == "error: the audit chain was changed; see the first bad row above\n"


def test_the_console_script_ends_with_the_commands_code(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment.exists()
    monkeypatch.setattr("sys.argv", ["sallyport-job-server", "check-config"])
    with pytest.raises(SystemExit) as ended:
        cli.run()
    assert ended.value.code == 0
    monkeypatch.delenv("JOB_SERVER_URL")
    with pytest.raises(SystemExit) as ended:
        cli.run()
    assert ended.value.code == EX_CONFIG
