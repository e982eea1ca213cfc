"""What people and programs are shown: words for times, sizes and states, previews, roles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.job_server.rig import Rig, job

from sallyport_common.problems import NotFoundError, Problem
from sallyport_common.protocol import utc_text
from sallyport_common.schemas import read
from sallyport_disclosure.kinds import ENCODING, OTHER_KIND
from sallyport_disclosure.layout import Table
from sallyport_job_server.models import Job, Outcome
from sallyport_job_server.roles import (
    CLASSIC_NAMES,
    GLOBAL_ROLES,
    GRANTS,
    PROJECT_ROLES,
    Permission,
    Role,
    classic,
    permissions_of,
)
from sallyport_job_server.schemas.jobs import JobReport
from sallyport_job_server.services import checks, clock
from sallyport_job_server.services.previews import MOST_ROWS, MOST_TEXT, preview
from sallyport_job_server.services.request_views import RequestView, shown_status, status_of
from sallyport_job_server.views import filters
from sallyport_job_server.views.classic_releases import _plain, media_type


def stored(action: str, status: str) -> Job:
    """Return a job as it is kept."""
    report = read(JobReport, job("r", action, status))
    return Job(id=1, **(report.columns() | {"job_request_id": 1}))


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ([], "pending"),
        (["pending"], "pending"),
        (["running"], "running"),
        (["succeeded"], "succeeded"),
        (["failed", "failed"], "failed"),
        (["succeeded", "running"], "running"),
        (["failed", "running"], "running"),
        (["pending", "succeeded"], "running"),
        (["pending", "failed"], "running"),
        (["pending", "running"], "running"),
        (["succeeded", "failed"], "failed"),
    ],
)
def test_the_status_of_a_request_is_that_of_its_jobs(statuses: list[str], shown: str) -> None:
    jobs = [stored(f"a{number}", status) for number, status in enumerate(statuses)]
    assert status_of({job.status for job in jobs}) == shown
    final = bool(statuses) and not {"pending", "running"} & set(statuses)
    request: Any = None
    assert RequestView(request, jobs).final is final


@pytest.mark.parametrize(
    ("outcomes", "shown"),
    [
        ([("failed", "cancelled_by_user")], "cancelled"),
        ([("failed", "cancelled_by_user"), ("succeeded", "succeeded")], "cancelled"),
        ([("failed", "cancelled_by_user"), ("failed", "nonzero_exit")], "failed"),
        ([("failed", "cancelled_by_user"), ("running", "executing")], "running"),
        ([("failed", "nonzero_exit")], "failed"),
    ],
)
def test_what_was_cancelled_is_not_shown_as_failed(
    outcomes: list[tuple[str, str]], shown: str
) -> None:
    assert shown_status(Outcome(*outcome) for outcome in outcomes) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-24T23:41:09Z", "24 Nov 2026, 23:41 UTC"),
        ("2026-01-05T00:30:00+01:00", "4 Jan 2026, 23:30 UTC"),
        (None, "-"),
        ("", "-"),
    ],
)
def test_a_moment_is_shown_in_utc(text: str | None, shown: str) -> None:
    assert filters.moment(text) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (3600, "1 h 0 min"),
     (90_061, "25 h 1 min"), (-5, "0 s")],
)  # fmt: skip
def test_a_duration_is_shown_in_words(seconds: int, shown: str) -> None:
    start = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    end = utc_text(start + timedelta(seconds=seconds))
    assert filters.duration(utc_text(start), end) == shown
    assert filters.duration(None, end) == "-"


def test_a_duration_without_an_end_runs_on() -> None:
    assert filters.duration(clock.ago(125), None).startswith("2 min ")


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
     (1024 * 1024, "1.0 MiB"), (16 * 1024 * 1024, "16.0 MiB")],
)  # fmt: skip
def test_a_size_is_shown_in_words(number: int, shown: str) -> None:
    assert filters.size(number) == shown


@pytest.mark.parametrize(
    ("data", "header", "rows", "numeric"),
    [
        (b"a,b\n1,x\n2,y\n", ["a", "b"], [["1", "x"], ["2", "y"]], [True, False]),
        (b"\xef\xbb\xbfa\n1\n", ["a"], [["1"]], [True]),
        (b"a,b\n1\n2,3,4\n", ["a", "b", ""], [["1", "", ""], ["2", "3", "4"]], [True] * 3),
        (b'a\n"x,y"\n', ["a"], [["x,y"]], [False]),
        (b"a;b\n1;x\n2;y\n", ["a", "b"], [["1", "x"], ["2", "y"]], [True, False]),
        (b"sep=;\na;b\n1,5;yes\n", ["a", "b"], [["1,5", "yes"]], [True, False]),
        (b"\na,b\n1,[REDACTED]\n2,3\n", ["a", "b"], [["1", "[REDACTED]"], ["2", "3"]], [True] * 2),
        (b"a,b\n", ["a", "b"], [], []),
    ],
)
def test_a_table_is_shown_with_all_its_columns(
    data: bytes, header: list[str], rows: list[list[str]], numeric: list[bool]
) -> None:
    shown = preview("output/t.CSV", data)
    assert (shown.kind, shown.note) == ("table", "")
    assert shown.table == Table((), [header], rows)
    assert shown.numeric == numeric


def test_lines_above_a_table_are_its_titles() -> None:
    shown = preview("t.csv", b"People by band\n\nband,n\na,10\n").table
    assert shown == Table(("People by band",), [["band", "n"]], [["a", "10"]])


@pytest.mark.parametrize(
    ("name", "data", "kind", "note"),
    [
        ("t.csv", b"", "none", "The table is empty."),
        (
            "t.csv",
            b"\xff\xfe",
            "none",
            f"This file is not shown: {ENCODING.format(' but in UTF-16')}.",
        ),
        (
            "t.csv",
            b'a\n"open',
            "none",
            "This file is not shown: the file cannot be read as a table: a damaged quote.",
        ),
        ("t.csv", b"a\n" + b"1\n" * (MOST_ROWS + 1), "table", "Only the beginning is shown."),
        ("t.csv", b"a\n" + b"1\n" * MOST_ROWS, "table", ""),
        ("t.log", b"x" * MOST_TEXT, "text", ""),
        ("t.log", b"x" * (MOST_TEXT + 1), "text", "Only the beginning is shown."),
        ("t.json", b"{}", "text", ""),
        ("t.json", b"PK\x03\x04", "none", f"This file is not shown: {OTHER_KIND}."),
        ("t.PNG", b"", "image", ""),
        ("t.svg", b"<svg/>", "image", ""),
        ("t.html", b"<b>", "none", "This kind of file is not shown here; download it."),
        ("t.svgz", b"\x1f\x8b", "none", "This kind of file is not shown here; download it."),
        ("t", b"", "none", "This kind of file is not shown here; download it."),
    ],
)
def test_a_preview_says_what_it_leaves_out(name: str, data: bytes, kind: str, note: str) -> None:
    shown = preview(name, data)
    assert (shown.kind, shown.note) == (kind, note)
    assert shown.table is None or len(shown.table.rows) <= MOST_ROWS
    assert len(shown.text) <= MOST_TEXT


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "text/csv"), ("a.txt", "text/plain"), ("a.LOG", "text/plain"),
        ("a.json", "application/json"), ("a.png", "image/png"), ("a.jpeg", "image/jpeg"),
        ("a.svg", "image/svg+xml"), ("a.html", "application/octet-stream"),
        ("a.md", "text/markdown"), ("a.svgz", "application/octet-stream"),
        ("a.js", "application/octet-stream"), ("html", "application/octet-stream"),
    ],
)  # fmt: skip
def test_a_file_is_never_sent_as_a_page_or_a_script(name: str, kind: str) -> None:
    assert media_type(name) == kind


@pytest.mark.parametrize(
    ("name", "sent"),
    [("a/b.csv", "b.csv"), ('a"b.csv', "a_b.csv"), ("ä.csv", "_.csv"), ("a\r\nb", "a__b"),
     ("a\\b", "a_b"), ("a b.csv", "a b.csv")],
)  # fmt: skip
def test_a_files_name_cannot_break_a_header(name: str, sent: str) -> None:
    assert _plain(name) == sent


def test_every_role_is_given_either_in_a_project_or_everywhere() -> None:
    assert set(PROJECT_ROLES) | set(GLOBAL_ROLES) == set(Role) == set(GRANTS) == set(CLASSIC_NAMES)
    assert not set(PROJECT_ROLES) & set(GLOBAL_ROLES)
    assert set().union(*GRANTS.values()) == set(Permission)


@pytest.mark.parametrize(
    ("permission", "holders"),
    [
        (Permission.JOB_RUN, {Role.RESEARCHER}),
        (Permission.JOB_CANCEL, {Role.RESEARCHER, Role.ADMIN}),
        (Permission.PROJECT_MANAGE, {Role.ADMIN}),
        (Permission.PROJECT_CREATE, {Role.ADMIN}),
        (Permission.RELEASE_FILE_UPLOAD, {Role.OUTPUT_CHECKER}),
        (Permission.RELEASE_FILE_DELETE, {Role.OUTPUT_CHECKER}),
        (Permission.RELEASE_FILE_VIEW, set(Role) - {Role.ADMIN}),
        (Permission.UNRELEASED_OUTPUTS_VIEW, {Role.RESEARCHER, Role.OUTPUT_CHECKER}),
        (Permission.SNAPSHOT_CREATE, {Role.RESEARCHER}),
        (Permission.SNAPSHOT_PUBLISH, {Role.PUBLICATION_APPROVER}),
        (Permission.WORKSPACE_CREATE, {Role.RESEARCHER, Role.ADMIN}),
        (Permission.WORKSPACE_ARCHIVE, {Role.RESEARCHER, Role.ADMIN}),
        (Permission.STAFF_AREA_ACCESS, {Role.ADMIN}),
        (Permission.BACKEND_MANAGE, {Role.ADMIN}),
        (Permission.USER_MANAGE, {Role.ADMIN}),
    ],
)
def test_who_holds_a_permission(permission: Permission, holders: set[Role]) -> None:
    assert {role for role in Role if permission in permissions_of([role])} == holders


def test_a_name_that_is_no_role_allows_nothing() -> None:
    assert permissions_of(["boss"]) == frozenset()
    assert permissions_of(["boss", "collaborator"]) == {Permission.RELEASE_FILE_VIEW}
    assert classic(["researcher", "admin"]) == ["ProjectDeveloper", "StaffAreaAdministrator"]


@pytest.mark.parametrize("name", ["a", "a-b_1", " Heart ", "x" * 100])
def test_a_slug_is_lower_case(name: str) -> None:
    assert checks.slug("name", name) == name.strip().lower()


@pytest.mark.parametrize("name", ["", "-a", "_a", "a b", "a/b", "a.b", "é", "x" * 101, "a\nb"])
def test_a_slug_of_other_letters_is_refused(name: str) -> None:
    with pytest.raises(Problem, match="The name may hold only letters, digits, '-' and '_'"):
        checks.slug("name", name)


@pytest.mark.parametrize("name", ["", ".", "-a", "a b", "a:b", "a/b", "é", "a\nb", "x" * 101])
def test_a_user_name_that_breaks_headers_or_paths_is_refused(name: str) -> None:
    with pytest.raises(Problem, match="A user name may hold only"):
        checks.username(name)
    assert checks.username("Rita.M-2_x") == "Rita.M-2_x"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("https://h.example/", "https://h.example"),
        (" https://h.example ", "https://h.example"),
    ],
)
def test_an_address_loses_its_slash(given: str, kept: str) -> None:
    assert checks.https_address("address", given) == kept
    with pytest.raises(Problem, match="must start with https://"):
        checks.https_address("address", "http://h.example")


@pytest.mark.parametrize("status", ["lost", "paused", "maintenance", "fine"])
def test_the_status_page_says_how_a_backend_is(
    rig: Rig, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = {
        "paused": '{"paused":{"v":"true","ts":"t"}}',
        "maintenance": '{"mode":{"v":"db-maintenance","ts":"t"}}',
    }.get(status, '{"paused":{"v":null,"ts":"t"},"mode":{"v":null,"ts":"t"}}')
    assert rig.call("GET", "/job-requests/", Flags=flags).status_code == 200
    if status == "lost":
        monkeypatch.setattr(clock, "seconds_since", lambda _moment: 301.0)
    page = rig.browser().get("/status/").text
    assert ("no contact" in page) is (status == "lost")
    assert ("It is paused: pending jobs wait." in page) is (status == "paused")
    assert ("The database is under maintenance" in page) is (status == "maintenance")
    probe = rig.browser().get("/status/hospital/")
    assert probe.status_code == (503 if status == "lost" else 200)
    assert probe.text == rig.services.backends.by_slug("hospital").last_seen_at


def test_a_backend_that_never_called_is_lost(rig: Rig) -> None:
    answer = rig.browser().get("/status/hospital/")
    assert (answer.status_code, answer.text) == (503, "never")
    with pytest.raises(NotFoundError, match="There is no backend 'clinic'"):
        rig.services.backends.by_slug("clinic")
