"""Package archives: declared suites and pools, bytes untouched, packages held."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
from tests.unit.proxy.doubles import Archive
from tests.unit.proxy.rig import Rig, write_policy

INDEX = "/debian/dists/bookworm/InRelease"
PACKAGE = "/debian/pool/main/h/hello/hello_2.10-3+b1_amd64.deb"
AS_APT_WRITES_IT = PACKAGE.replace("+", "%2b")


@pytest.fixture
def archive(rig: Rig) -> Archive:
    """Give the archive behind the proxy."""
    return rig.upstreams.archive


def test_an_index_is_passed_on_each_time(rig: Rig, archive: Archive) -> None:
    for _ in range(2):
        assert rig.get("archive", INDEX).content == archive.files[INDEX]
    assert archive.paths() == [INDEX, INDEX]


def test_an_unchanged_index_is_not_sent_again(rig: Rig) -> None:
    first = rig.get("archive", INDEX)
    again = rig.get("archive", INDEX, If_Modified_Since=first.headers["Last-Modified"])
    assert (again.status_code, again.content) == (304, b"")


def test_an_interrupted_download_resumes(rig: Rig, archive: Archive) -> None:
    for path in (INDEX, PACKAGE):
        answer = rig.get("archive", path, Range="bytes=100-")
        assert (answer.status_code, answer.content) == (206, archive.files[path][100:])


def test_a_package_is_kept_and_then_sent_by_the_front(rig: Rig, archive: Archive) -> None:
    cold = rig.get("archive", AS_APT_WRITES_IT)
    archive.seen.clear()
    warm = rig.get("archive", PACKAGE)
    assert cold.content == warm.content == archive.files[PACKAGE]
    assert warm.headers["X-Sent-By"] == "front"
    assert rig.upstreams.saw_nothing()


def test_what_is_asked_upstream_is_the_canonical_form(rig: Rig, archive: Archive) -> None:
    rig.get("archive", AS_APT_WRITES_IT, Cookie="c4nary", User_Agent="c4nary")
    assert archive.paths() == [PACKAGE]
    assert set(archive.seen[0].headers) <= {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "connection",
    }
    assert "c4nary" not in str(archive.seen)


def test_a_held_package_keeps_its_time(rig: Rig) -> None:
    rig.get("archive", PACKAGE)
    held = rig.settings.cache_directory / f"archives{PACKAGE}"
    assert held.stat().st_mtime == 1_700_000_000
    assert held.stat().st_mode & 0o777 == 0o640


def test_a_package_that_breaks_off_is_not_kept(rig: Rig, archive: Archive) -> None:
    archive.missing_bytes = 1000
    with pytest.raises(requests.exceptions.RequestException):
        rig.get("archive", PACKAGE)
    assert not (rig.settings.cache_directory / f"archives{PACKAGE}").exists()
    archive.missing_bytes = 0
    assert rig.get("archive", PACKAGE).content == archive.files[PACKAGE]


def test_a_cold_head_asks_for_the_headers_only(rig: Rig, archive: Archive) -> None:
    status, headers, text = rig.raw("archive", "HEAD", PACKAGE)
    assert (status, text) == (200, "")
    assert headers["Content-Length"] == str(len(archive.files[PACKAGE]))


def test_a_missing_package_is_said_in_text(rig: Rig) -> None:
    answer = rig.get("archive", "/debian/pool/main/n/nothing.deb")
    assert (answer.status_code, "not_found" in answer.text) == (404, True)
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_an_archive_that_is_down_leaves_held_packages(rig: Rig, archive: Archive) -> None:
    rig.get("archive", PACKAGE)
    archive.down = True
    assert rig.get("archive", PACKAGE).status_code == 200
    assert rig.get("archive", INDEX).status_code == 502


def test_a_package_beyond_its_limit_is_cut(start_rig: Callable[..., Rig]) -> None:
    rig = start_rig()
    write_policy(rig.settings.policy, rig.upstreams, limits={"package": 1000})
    answer = rig.get("archive", PACKAGE)
    assert (answer.status_code, "upstream_limit" in answer.text) == (502, True)
    assert not (rig.settings.cache_directory / f"archives{PACKAGE}").exists()
