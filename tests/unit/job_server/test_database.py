"""The database: where it is, that writers queue up, that both kinds answer alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import make_url
from tests.unit.job_server import worlds
from tests.unit.job_server.conftest import HASHER
from tests.unit.job_server.rig import BOTH, PASSWORD, POSTGRESQL, Rig, make_settings
from tests.unit.postgres import PostgresServer

from sallyport_common.errors import SallyportError, SettingsError
from sallyport_common.problems import ConflictError, Problem, UnavailableError
from sallyport_common.settings import Secret
from sallyport_job_server.schemas.releases import Person
from sallyport_job_server.services.access_tokens import Wish
from sallyport_job_server.services.bundle import Services, build
from sallyport_job_server.services.history import Filters
from sallyport_job_server.services.watcher import Watcher
from sallyport_job_server.storage import address, notices, tables
from sallyport_job_server.storage.backends import Counters
from sallyport_job_server.storage.database import WRITER, Database

ENGINES = BOTH
CA = Path("/etc/ssl/certs/ca-certificates.crt")


@pytest.mark.parametrize(
    ("url", "query"),
    [
        ("postgresql+psycopg://u@db.example/x", {"sslmode": "verify-full", "sslrootcert": str(CA)}),
        ("postgresql://u@127.0.0.1/x", {"sslmode": "verify-full", "sslrootcert": str(CA)}),
        (
            "postgresql://u@db.example/x?sslmode=verify-full&sslrootcert=/own.pem",
            {"sslmode": "verify-full", "sslrootcert": "/own.pem"},
        ),
        ("postgresql://u@/x?host=/run/postgresql", {"host": "/run/postgresql"}),
        ("postgresql://u@/x", {}),
        ("postgresql://u@/x?host=/run,db.example", {"sslmode": "verify-full"}),
        ("postgresql://u@/x?host=/run&hostaddr=192.0.2.1", {"sslmode": "verify-full"}),
        ("postgresql://u@db.example/x?connect_timeout=3", {"connect_timeout": "3"}),
    ],
)
def test_a_server_on_the_network_is_asked_for_its_certificate(
    url: str, query: dict[str, str]
) -> None:
    found = make_url(address.checked(url, CA))
    assert found.drivername == "postgresql+psycopg"
    assert dict(found.query) | query == dict(found.query)
    network = "verify-full" in query.values() or found.host is not None
    assert ("sslmode" in found.query) is network


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("somewhere", "not the address of a database"),
        ("postgresql://u@db:port/x", "not the address of a database"),
        ("mysql://u@db/x", "expected sqlite:///PATH or postgresql"),
        ("postgresql://u:hidden@db/x", "put the password in JOB_SERVER_DATABASE_PASSWORD_FILE"),
        ("postgresql://u@db/x?sslmode=require", "sslmode must be verify-full"),
        ("postgresql://u@db/x?sslmode=disable", "sslmode must be verify-full"),
    ],
)
def test_an_unsafe_address_is_refused_without_being_shown(url: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as caught:
        address.checked(url, CA)
    assert "JOB_SERVER_DATABASE_URL" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert address.checked("sqlite:////var/x.sqlite3", CA) == "sqlite:////var/x.sqlite3"


def test_the_password_and_the_certificate_are_what_opens_a_server(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    name, other = postgres.create(), tmp_path / "other.pem"
    postgres.run("CREATE ROLE keeper LOGIN PASSWORD 'right'")
    other.write_bytes(CA.read_bytes())
    url = postgres.network_url(name, "keeper")
    attempts = [
        (url, "wrong", postgres.ca_file, "password authentication failed"),
        (url, "right", other, "certificate verify failed"),
        (url.replace("localhost", "127.0.0.1"), "right", postgres.ca_file, "does not match"),
    ]
    for attempt, password, ca_file, reason in attempts:
        shut = Database(attempt, Secret(password), ca_file)
        with pytest.raises(UnavailableError) as caught, shut.read():
            pass
        assert reason in str(caught.value.__cause__)
        assert reason not in str(caught.value)
    opened = Database(url, Secret("right"), postgres.ca_file)
    with opened.read() as connection:
        query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.execute(text(query)).scalar() is True
    opened.engine.dispose()


def test_migrations_make_exactly_the_tables_of_the_code(rig: Rig) -> None:
    with rig.services.database.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": "job_server_version",
                "compare_type": True,
                "include_object": lambda item, *_more: getattr(item, "schema", None) is None,
            },
        )
        assert compare_metadata(context, tables.METADATA) == []


def test_several_servers_may_migrate_at_once(postgres: PostgresServer, tmp_path: Path) -> None:
    settings = make_settings(tmp_path, database_url=postgres.url(postgres.create()))
    servers = [build(settings, HASHER) for _ in range(4)]
    with pytest.raises(SallyportError, match="is not migrated: run sallyport-job-server migrate"):
        servers[0].database.check_revision()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one.database.migrate(), servers))
    servers[0].database.check_revision()
    for one in servers:
        one.database.engine.dispose()


@pytest.fixture
def second(rig: Rig) -> Iterator[Services]:
    """Give the services of another process on the same database."""
    url = rig.services.database.engine.url.render_as_string(hide_password=False)
    made = build(make_settings(rig.folder, database_url=url), HASHER)
    yield made
    made.watcher.close()
    made.database.engine.dispose()


def together(*tasks: Callable[[], Any]) -> list[Any]:
    """Run tasks at the same time and return their results, or what they raised."""

    def run(task: Callable[[], Any]) -> Any:
        try:
            return task()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def test_reports_and_requests_at_once_lose_nothing(
    rig: Rig, second: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds.without_git(rig, monkeypatch)
    first = rig.submit("make")
    before = rig.services.backends.by_slug("hospital").changes

    def submit() -> None:
        for _ in range(4):
            second.job_requests.create(
                rig.people["rita"],
                workspace_name="heart",
                backend_slug="hospital",
                actions=["make"],
            )

    def report() -> None:
        for number in range(4):
            rig.report(first, "make", ("pending", "running")[number % 2])

    def cancel() -> None:
        for _ in range(4):
            second.directory.archive(rig.people["ada"], "heart", archived=False)

    assert together(submit, report, cancel) == [None, None, None]
    # Each request is a change of the list, and so is the first job of one; its states are none.
    assert rig.services.backends.by_slug("hospital").changes == before + 5
    assert (rig.call("GET", "/job-requests/").json or {})["count"] == 5
    assert rig.services.audit.verify().intact


def test_of_two_who_take_a_name_at_once_one_is_told(rig: Rig, second: Services) -> None:
    ada = rig.people["ada"]
    results = together(
        *(
            lambda services=services: services.directory.create_project(ada, "lungs", "Lungs")
            for services in (rig.services, second, rig.services, second)
        )
    )
    refused = [one for one in results if isinstance(one, ConflictError)]
    assert len(refused) == 3
    assert str(refused[0]) == "The project 'lungs' already exists."


def test_a_one_time_log_in_counts_once_for_two_processes(rig: Rig, second: Services) -> None:
    words, _expires = rig.services.login_tokens.create(rig.people["rita"])
    backend = rig.services.backends.by_slug("hospital")
    results = together(
        *(
            lambda services=services: services.login_tokens.redeem(backend, "rita", words)
            for services in (rig.services, second, rig.services, second)
        )
    )
    assert len([one for one in results if isinstance(one, Person)]) == 1


@dataclass
class Told:
    """What a watcher tells, and when."""

    watcher: Watcher
    counters: SimpleQueue[dict[int, Counters]] = field(default_factory=SimpleQueue)

    def of(self, backend_id: int, seconds: float) -> Counters:
        """Return the next counters of a backend."""
        return self.counters.get(timeout=seconds)[backend_id]


@pytest.fixture
def told(rig: Rig) -> Told:
    """Return what is told of changes, first of the counters at the start."""
    made = Told(rig.services.watcher)
    rig.services.watcher.start(lambda counters: made.counters.put(dict(counters)))
    return made


def test_the_watcher_hears_at_once_of_what_another_process_does(
    rig: Rig, second: Services, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds.without_git(rig, monkeypatch)
    backend = rig.services.backends.by_slug("hospital")
    before = told.of(backend.id, 10)
    # Without being told, the next look would be this late.
    monkeypatch.setattr(notices, "LISTEN_FOR", 15.0)
    time.sleep(1.5)
    begin = time.monotonic()
    second.job_requests.create(
        rig.people["rita"], workspace_name="heart", backend_slug="hospital", actions=["make"]
    )
    assert told.of(backend.id, 12) > before
    assert time.monotonic() - begin < 8
    monkeypatch.undo()
    second.job_requests.cancel(rig.people["rita"], _newest(second, rig), None)  # ends the listening


def _newest(services: Services, rig: Rig) -> str:
    return services.history.mine(rig.people["rita"], 1)[0].request.identifier


def test_the_watcher_comes_back_after_a_lost_connection(
    rig: Rig, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    backend = rig.services.backends.by_slug("hospital")
    before = told.of(backend.id, 10)
    postgresql = rig.services.database.engine.dialect.name == POSTGRESQL
    if postgresql:
        with rig.services.database.change("x") as change:
            kill = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'"
            )
            change.connection.execute(text(kill))
    with rig.services.database.change("x") as change:
        change.touch(backend.id)
    while told.of(backend.id, 10) == before:
        pass
    assert ("the change counters cannot be read" in caplog.text) is postgresql


def test_a_writer_that_waits_too_long_is_503_and_says_so(
    rig: Rig, second: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sallyport_common.database.BUSY_TIMEOUT_MS", 100)
    project = {"slug": "lungs", "name": "Lungs"}
    token = rig.services.access_tokens.create(rig.people["ada"], Wish("t"))
    headers = {"Authorization": f"ada:{token}"}
    rig.services.database.engine.dispose()  # so that new connections take the short timeout
    client = rig.app.test_client()
    with second.database.change("slow") as change:
        change.touch(1)
        answer = client.post("/api/v1/projects", json=project, headers=headers)
    assert answer.status_code == 503
    assert answer.json == {"detail": "The database does not answer; try again in a minute."}
    assert "a dependency failed" in caplog.text
    assert client.post("/api/v1/projects", json=project, headers=headers).status_code == 201


def test_the_lock_of_writers_ends_with_their_transaction(rig: Rig) -> None:
    with pytest.raises(Problem), rig.services.database.change("x"):
        raise Problem("half way")
    if rig.services.database.engine.dialect.name == POSTGRESQL:
        with rig.services.database.read() as connection:
            query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = :key"
            assert connection.execute(text(query), {"key": WRITER}).scalar() == 0
    with rig.services.database.change("x") as change:
        change.record("probe", "it works")


LONG = "x" * 2000


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/projects", {"slug": "a", "name": LONG}, "expected: 1 to 200 characters"),
        ("/projects", {"slug": LONG, "name": "A"}, "expected: a short name: letters, digits"),
        ("/projects", {"slug": "a", "name": "a\0b"}, "NUL, which cannot be stored"),
        ("/projects", {"slug": "a", "name": "a\ud800b"}, "The body is not valid JSON."),
        (
            "/users",
            {"username": "nina", "fullname": LONG, "password": PASSWORD},
            "expected: 1 to 200 characters, not only spaces.",
        ),
        (
            "/users",
            {"username": "nina", "fullname": "N", "email": LONG, "password": PASSWORD},
            "expected: a mail address such as name@example.org",
        ),
        (
            "/users",
            {"username": LONG, "fullname": "N", "password": PASSWORD},
            "expected: 1 to 100 letters, digits",
        ),
        (
            "/workspaces",
            {
                "name": "w", "project": "cardiology", "branch": "main",
                "repo": f"https://github.com/demo-org/{LONG}",
            },
            "expected: the public URL of a repository",
        ),
        (
            "/workspaces",
            {
                "name": "w", "project": "cardiology", "branch": LONG,
                "repo": "https://github.com/demo-org/study",
            },
            "expected: a branch that git takes",
        ),
    ],
)  # fmt: skip
def test_what_a_database_cannot_keep_is_refused_alike(
    rig: Rig, path: str, body: dict[str, Any], sentence: str
) -> None:
    answer = rig.api("POST", path, "ada", body)
    assert answer.status_code == 400
    assert sentence in (answer.json or {})["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/workspaces/heart/?search=%00",
        "/projects/%00/",
        "/staff/audit/?before=99999999999999999999",
    ],
)
def test_numbers_and_letters_beyond_a_databases_are_a_refusal(rig: Rig, path: str) -> None:
    answer = rig.browser("ada").get(path)
    assert answer.status_code == 400
    assert "that cannot be stored" in answer.text
    plain = path.replace("99999999999999999999", "9").replace("%00", "cardiology")
    assert rig.browser("ada").get(plain).status_code == 200


def test_searching_takes_no_notice_of_capitals_or_wildcards(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds.without_git(rig, monkeypatch)
    identifier = rig.submit("make")
    rig.report(identifier, "make", "running")
    rita, found = rig.people["rita"], []
    for word in ("MAK", "make", "m%", "_ake"):
        found.append(rig.services.history.of_workspace(rita, "heart", Filters(word), 1, 5)[1])
    assert found == [1, 1, 0, 0]
    assert len(rig.audit("JOB_REQUEST.")) == 1
    assert len(rig.audit("job%")) == 0
