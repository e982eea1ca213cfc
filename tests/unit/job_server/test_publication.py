"""Releases on their way: resumed, repeated, removed, published; and what the audit keeps of it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from tests.unit.job_server import worlds
from tests.unit.job_server.rig import (
    BOTH,
    CSRF,
    PASSWORD,
    SITE,
    TOKENS,
    Rig,
    file_entry,
    file_list,
)
from tests.unit.job_server.worlds import NAME, TABLE, upload
from werkzeug.test import TestResponse

from sallyport_common.problems import Problem
from sallyport_common.tokens import is_ulid, new_ulid
from sallyport_job_server.models import Operator, Release, ReleaseFile
from sallyport_job_server.roles import Role

ENGINES = BOTH
OTHER = b"name\nyoung\n"


@pytest.fixture(autouse=True)
def _has_run(request: pytest.FixtureRequest) -> None:
    """The backend has run something in the workspace, as each that releases from it has."""
    if "rig" in request.fixturenames:
        request.getfixturevalue("rig").has_run()


def announce(rig: Rig, *files: dict[str, Any], user: str = "carl", **metadata: Any) -> TestResponse:
    """Announce a release."""
    body = file_list(*files, **metadata)
    return rig.call("POST", "/releases/workspace/heart", "publish", json=body, OS_User=user)


def kept(rig: Rig) -> list[tuple[Release, list[ReleaseFile]]]:
    """Return the releases that there are."""
    return rig.services.releases.of_workspace(rig.people["rita"], "heart")


def events(rig: Rig, prefix: str) -> list[tuple[str, str, str]]:
    """Return actor, event and object of the audit's rows, oldest first."""
    rows = rig.audit(prefix)
    return [(row.actor, row.event, row.object) for row in reversed(rows)]


def test_an_interrupted_release_goes_on_where_it_stopped(rig: Rig) -> None:
    files = [file_entry(NAME, TABLE), file_entry("output/names.csv", OTHER)]
    wanted = new_ulid()
    assert announce(rig, *files, airlock_id=wanted).status_code == 201
    first = upload(rig, wanted)
    assert first.status_code == 201
    assert announce(rig, *files, airlock_id=wanted).headers["Release-Id"] == wanted
    again = upload(rig, wanted)
    assert (again.status_code, again.headers["File-Id"]) == (400, first.headers["File-Id"])
    assert upload(rig, wanted, "output/names.csv", OTHER).status_code == 201
    (release, listed), *more = kept(rig)
    assert more == []
    assert release.id == wanted
    assert [(one.name, bool(one.uploaded_at)) for one in listed] == [
        ("output/names.csv", True), (NAME, True),
    ]  # fmt: skip
    assert [what for _who, what, _id in events(rig, "release.")] == [
        "release.create", "release.upload", "release.upload",
    ]  # fmt: skip


def test_a_repeated_announcement_keeps_who_made_it_first(rig: Rig) -> None:
    rig.services.accounts.create(
        Operator("test"), username="cleo", fullname="Cleo", email="", password=PASSWORD,
        roles=[Role.OUTPUT_CHECKER],
    )  # fmt: skip
    rig.services.accounts.add_to_backend(rig.people["ada"], "hospital", "cleo")
    wanted, entry = new_ulid(), file_entry(NAME, TABLE)
    assert announce(rig, entry, airlock_id=wanted).status_code == 201
    assert announce(rig, entry, airlock_id=wanted, user="cleo").status_code == 201
    assert [release.created_by for release, _files in kept(rig)] == ["carl"]
    assert events(rig, "release.") == [("carl", "release.create", wanted)]


@pytest.mark.parametrize(
    "files",
    [
        [file_entry(NAME, OTHER)],
        [file_entry(NAME, TABLE), file_entry("output/names.csv", OTHER)],
    ],
)
def test_other_files_under_a_known_id_are_409_and_nothing_is_kept(
    rig: Rig, files: list[dict[str, Any]]
) -> None:
    wanted = new_ulid()
    assert announce(rig, file_entry(NAME, TABLE), airlock_id=wanted).status_code == 201
    answer = announce(rig, *files, airlock_id=wanted)
    assert answer.status_code == 409
    assert (answer.json or {})["detail"] == (
        f"The release {wanted} already exists with other files."
    )
    assert [[one.sha256 for one in listed] for _release, listed in kept(rig)] == [
        [hashlib.sha256(TABLE).hexdigest()]
    ]


@pytest.mark.parametrize("given", [None, "", "x", "01j" + "0" * 23, 5, ["a"]])
def test_an_id_that_is_no_ulid_gives_a_new_release(rig: Rig, given: Any) -> None:
    made = announce(rig, file_entry(NAME, TABLE), airlock_id=given)
    assert made.status_code == 201
    assert is_ulid(made.headers["Release-Id"])
    assert made.headers["Release-Id"] != given


def test_a_wrong_digest_leaves_no_bytes_and_the_right_ones_follow(rig: Rig) -> None:
    release = worlds.announce(rig)
    wrong = upload(rig, release, NAME, TABLE + b"x")
    assert wrong.status_code == 400
    assert list((rig.folder / "releases").rglob("*.csv")) == []
    assert upload(rig, release).status_code == 201
    path = rig.folder / "releases/heart/releases" / release / NAME
    assert path.read_bytes() == TABLE


def test_the_name_of_an_upload_may_be_spelled_in_utf8(rig: Rig) -> None:
    release = worlds.announce(rig, "output/männer.csv")
    headers = {
        "Authorization": TOKENS["publish"],
        "OS-User": "carl",
        "Content-Disposition": "attachment; filename*=UTF-8''output%2Fm%C3%A4nner.csv",
    }
    path = f"/api/v2/releases/release/{release}"
    assert rig.app.test_client().post(path, data=TABLE, headers=headers).status_code == 201


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/csv", "multipart/x"])
def test_the_bytes_of_an_upload_count_whatever_their_type(rig: Rig, kind: str) -> None:
    release = worlds.announce(rig)
    headers = {
        "Authorization": TOKENS["publish"], "OS-User": "carl", "Content-Type": kind,
        "Content-Disposition": f'attachment; filename="{NAME}"',
    }  # fmt: skip
    path = f"/api/v2/releases/release/{release}"
    assert rig.app.test_client().post(path, data=TABLE, headers=headers).status_code == 201


def test_a_body_beyond_every_limit_is_refused_before_it_is_read(rig: Rig) -> None:
    release = worlds.announce(rig)
    answer = upload(rig, release, NAME, b"x" * (18 * 1024 * 1024))
    assert answer.status_code == 400
    assert answer.json == {"detail": "File is too large, it must be below 16.0Mb"}
    form = {"csrf_token": CSRF, "label": "x" * (18 * 1024 * 1024)}
    assert rig.browser("rita").send("/settings/tokens/", form).status_code == 413


def test_a_file_that_was_removed_before_it_came_is_not_taken(rig: Rig) -> None:
    release = worlds.announce(rig)
    file = kept(rig)[0][1][0]
    rig.services.releases.delete(rig.people["carl"], file.id)
    answer = upload(rig, release)
    assert answer.status_code == 400
    assert (answer.json or {})["detail"] == f"File {NAME} was removed from release {release}"
    assert list((rig.folder / "releases").rglob("*.csv")) == []


def test_a_removed_file_has_no_bytes_and_says_who_removed_it(rig: Rig) -> None:
    release = worlds.announce(rig)
    identifier = upload(rig, release).headers["File-Id"]
    assert list((rig.folder / "releases").rglob("*.csv"))
    rig.services.releases.delete(rig.people["carl"], identifier)
    assert list((rig.folder / "releases").rglob("*.csv")) == []
    file = kept(rig)[0][1][0]
    assert (file.deleted_by, bool(file.deleted_at), bool(file.uploaded_at)) == ("carl", True, True)
    assert events(rig, "release.delete") == [("carl", "release.delete", identifier)]
    with pytest.raises(Problem, match="or it was removed"):
        rig.services.releases.delete(rig.people["carl"], identifier)


def test_bytes_that_are_gone_from_the_disk_are_a_missing_file(rig: Rig) -> None:
    identifier = upload(rig, worlds.announce(rig)).headers["File-Id"]
    browser = rig.browser("rita")
    assert browser.get(f"/files/{identifier}/raw").data == TABLE
    for path in (rig.folder / "releases").rglob("*.csv"):
        path.unlink()
    assert browser.get(f"/files/{identifier}/raw").status_code == 404
    assert browser.get(f"/api/v2/releases/file/{identifier}").status_code == 404


def test_a_link_in_the_place_of_a_file_is_not_followed(rig: Rig) -> None:
    identifier = upload(rig, worlds.announce(rig)).headers["File-Id"]
    (secret := rig.folder / "secret").write_text("secret")
    for path in (rig.folder / "releases").rglob("*.csv"):
        path.unlink()
        path.symlink_to(secret)
    answer = rig.browser("rita").get(f"/files/{identifier}/raw")
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_a_published_set_is_frozen_and_a_removed_file_leaves_it(rig: Rig) -> None:
    first = upload(rig, worlds.announce(rig)).headers["File-Id"]
    rita, paul = rig.people["rita"], rig.people["paul"]
    snapshot = rig.services.snapshots.create(rita, "heart", [first])
    later = upload(rig, worlds.announce(rig, NAME, OTHER), NAME, OTHER).headers["File-Id"]
    rig.services.snapshots.publish(paul, "heart", snapshot.id)
    public = rig.browser()
    index = f"/api/v2/workspaces/heart/snapshots/{snapshot.id}"
    assert [one["id"] for one in (public.get(index).json or {})["files"]] == [first]
    assert public.get(f"/cardiology/heart/published/{first}/raw").data == TABLE
    assert public.get(f"/cardiology/heart/published/{later}/raw").status_code == 404
    rig.services.releases.delete(rig.people["carl"], first)
    assert public.get(f"/cardiology/heart/published/{first}/raw").status_code == 404
    assert [one["is_deleted"] for one in (public.get(index).json or {})["files"]] == [True]
    with pytest.raises(Problem, match="Select at least one available file"):
        rig.services.snapshots.create(rita, "heart", [first])


def test_the_same_set_is_one_snapshot_published_once(rig: Rig) -> None:
    ids = [
        upload(rig, worlds.announce(rig, name), name).headers["File-Id"]
        for name in (NAME, "output/b.csv")
    ]
    rita, paul, snapshots = rig.people["rita"], rig.people["paul"], rig.services.snapshots
    one = snapshots.create(rita, "heart", ids)
    assert snapshots.create(rita, "heart", [*reversed(ids), ids[0]]).id == one.id
    assert snapshots.create(rita, "heart", ids[:1]).id != one.id
    for _ in range(2):
        snapshots.publish(paul, "heart", one.id)
    names = [(who, what) for who, what, _id in events(rig, "snapshot.")]
    assert names == [
        ("rita", "snapshot.create"), ("rita", "snapshot.create"), ("paul", "snapshot.publish"),
    ]  # fmt: skip


def test_nobody_publishes_what_they_proposed(rig: Rig) -> None:
    """One person may hold both roles, and is then one of two who are needed."""
    identifier = upload(rig, worlds.announce(rig)).headers["File-Id"]
    rig.services.directory.set_member(rig.people["ada"], "cardiology", "paul", [Role.RESEARCHER])
    page, path = "/workspaces/heart/snapshots/1/", "/workspaces/heart/snapshots/1/publish/"
    paul = rig.browser("paul")
    assert paul.post("/workspaces/heart/snapshots/", {"file_ids": [identifier]}).status_code == 302
    shown = paul.get(page).text
    assert "You proposed it, so somebody else has to publish it." in shown
    assert ">Publish<" not in shown
    answer = paul.post(path)
    assert answer.status_code == 403
    assert "Somebody else has to publish what you proposed." in answer.text
    public = f"/cardiology/heart/published/{identifier}/"
    assert rig.browser().get(public).status_code == 404
    rig.services.accounts.update(
        rig.people["ada"], "carl", roles=[Role.PUBLICATION_APPROVER, Role.OUTPUT_CHECKER],
        backend_slugs=["hospital"], is_active=True,
    )  # fmt: skip
    assert rig.browser("carl").post(path).status_code == 302
    assert rig.browser().get(public).status_code == 200


def test_the_pages_show_the_way_of_a_file_to_the_public(rig: Rig) -> None:
    page = "/workspaces/heart/releases/"
    rita, paul = rig.browser("rita"), rig.browser("paul")
    assert "Nothing was released from this workspace yet." in rita.get(page).text
    release = worlds.announce(rig)
    assert "still being uploaded" in rita.get(page).text
    identifier = upload(rig, release).headers["File-Id"]
    assert rita.get(f"/releases/{release}/").headers["Location"] == f"{page}#{release}"
    assert "Propose the chosen files for publication" in rita.get(page).text
    assert "Propose the chosen files" not in paul.get(page).text
    rita.post("/workspaces/heart/snapshots/", {"file_ids": [identifier]})
    proposal = "/workspaces/heart/snapshots/1/"
    assert proposal in paul.get(page).text
    assert ">Publish<" in paul.get(proposal).text
    assert ">Publish<" not in rita.get(proposal).text
    paul.post(f"{proposal}publish/")
    shown = paul.get(page).text
    assert "published by paul" in shown
    assert f"/cardiology/heart/published/{identifier}/" in shown
    assert ">Publish<" not in paul.get(proposal).text


def test_every_change_of_a_life_of_a_study_is_in_the_chain(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds.without_git(rig, monkeypatch)
    start = rig.services.audit.verify().rows
    request = rig.submit("make")
    rig.report(request, "make", "running")
    rig.services.job_requests.cancel(rig.people["rita"], request, None)
    rig.report(request, "make", "failed")
    release = worlds.announce(rig)
    file = upload(rig, release).headers["File-Id"]
    rig.services.snapshots.create(rig.people["rita"], "heart", [file])
    rig.services.snapshots.publish(rig.people["paul"], "heart", 1)
    rig.services.directory.archive(rig.people["rita"], "heart", archived=True)
    job = f"{request}-make"
    assert events(rig, "")[start:] == [
        ("rita", "job_request.create", request),
        ("backend:hospital", "job.status", job),
        ("rita", "job_request.cancel", request),
        ("backend:hospital", "job.status", job),
        ("carl", "release.create", release),
        ("carl", "release.upload", file),
        ("rita", "snapshot.create", "heart/1"),
        ("paul", "snapshot.publish", "heart/1"),
        ("rita", "workspace.archive", "heart"),
    ]
    assert rig.services.audit.verify().intact


def test_the_audit_page_leads_to_older_rows(rig: Rig) -> None:
    for number in range(60):
        with rig.services.database.change("test") as change:
            change.record("probe.row", f"n{number}")
    browser = rig.browser("ada")
    first = browser.get("/staff/audit/?event=probe").text
    assert "n59<" in first
    assert "n9<" not in first
    older = first.partition('href="/staff/audit/?event=probe&amp;before=')[2].partition('"')[0]
    second = browser.get(f"/staff/audit/?event=probe&before={older}").text
    assert "n9<" in second
    assert "n10<" not in second
    assert ">Older<" not in second


def test_addresses_in_answers_begin_with_the_configured_name(rig: Rig) -> None:
    made = announce(rig, file_entry(NAME, TABLE))
    release = made.headers["Release-Id"]
    assert (made.json or {})["release_url"] == f"{SITE}/releases/{release}/"
    assert upload(rig, release).headers["Location"].startswith(f"{SITE}/api/v2/releases/file/")
