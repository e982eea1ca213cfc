"""Sets of files on their way to the public: queue, decision, comments, what everybody sees."""

from __future__ import annotations

import pytest
from tests.unit.job_server import worlds
from tests.unit.job_server.rig import BOTH, CSRF, REPO, Rig
from tests.unit.job_server.test_publication import events, kept
from tests.unit.job_server.worlds import NAME, TABLE, World

from sallyport_common.problems import ConflictError
from sallyport_job_server.models import SetState
from sallyport_job_server.services.access_tokens import Wish
from sallyport_job_server.services.snapshots import MOST_REJECTED
from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import add

ENGINES = BOTH
PAGE = "/workspaces/heart/snapshots/{snapshot}/"


def state(world: World) -> SetState:
    """Return the state of the world's set."""
    rita = world.rig.people["rita"]
    return world.rig.services.snapshots.view(rita, "heart", int(world.snapshot)).snapshot.state


def test_an_approver_finds_what_waits_and_sees_each_file(world: World) -> None:
    paul, page = world.rig.browser("paul"), world.fill(PAGE)
    home = paul.get("/").text
    assert "1 set of files waits" in home
    assert 'href="/publications/"' in home
    assert page in paul.get("/publications/").text
    shown = paul.get(page).text
    assert NAME in shown
    assert "<td>young</td>" in shown
    assert "Proposed by rita" in shown
    paul.post(f"{page}publish/")
    assert "Nothing waits for a decision." in paul.get("/publications/").text
    assert page in paul.get("/publications/?state=published").text
    assert "waits" not in paul.get("/").text


def test_a_rejection_needs_a_reason_and_the_proposer_reads_it(world: World) -> None:
    paul, page = world.rig.browser("paul"), world.fill(PAGE)
    empty = paul.post(f"{page}reject/", {"reason": " "})
    assert empty.status_code == 400
    assert "The reason must not be empty." in empty.text
    assert state(world) is SetState.WAITING
    assert paul.post(f"{page}reject/", {"reason": "Counts below\nseven."}).status_code == 302
    assert state(world) is SetState.REJECTED
    rita = world.rig.browser("rita")
    assert f"Your set {world.snapshot} of heart was rejected" in rita.get("/").text
    shown = rita.get(page).text
    assert "Counts below\nseven." in shown
    assert "Rejected by paul" in shown
    assert ">Publish<" not in paul.get(page).text
    with pytest.raises(ConflictError, match="was rejected; it has to be proposed again"):
        world.rig.services.snapshots.publish(world.rig.people["paul"], "heart", int(world.snapshot))
    assert world.rig.browser().get(f"/cardiology/heart/published/{world.file}/").status_code == 404


def test_a_rejected_set_can_be_proposed_again_and_then_published(world: World) -> None:
    rig, number = world.rig, int(world.snapshot)
    rita, paul, snapshots = rig.people["rita"], rig.people["paul"], rig.services.snapshots
    snapshots.reject(paul, "heart", number, "Why?")
    again = snapshots.create(rita, "heart", [world.file], "Because the board asked for it.")
    assert (again.id, again.state) == (number, SetState.WAITING)
    snapshots.publish(paul, "heart", number)
    said = [(one.kind, one.text) for one in snapshots.view(rita, "heart", number).comments]
    assert said == [("rejected", "Why?"), ("proposed", "Because the board asked for it.")]
    assert rig.browser().get(f"/cardiology/heart/published/{world.file}/raw").data == TABLE


def test_what_was_public_can_be_withdrawn_and_leaves_a_tombstone(world: World) -> None:
    rig, number = world.rig, int(world.snapshot)
    paul, snapshots, public = rig.people["paul"], rig.services.snapshots, rig.browser()
    address = f"/cardiology/heart/published/{world.file}/"
    snapshots.publish(paul, "heart", number)
    assert public.get(address).status_code == 200
    assert "Heart study" in public.get("/published/").text
    assert NAME in public.get("/published/cardiology/").text
    rig.browser("paul").post(world.fill(f"{PAGE}reject/"), {"reason": "A wrong denominator."})
    assert state(world) is SetState.WITHDRAWN
    answer = public.get(address)
    assert answer.status_code == 410
    assert "This file was withdrawn on" in answer.text
    assert "denominator" not in answer.text
    assert public.get(f"{address}raw").status_code == 404
    assert public.get("/published/cardiology/").status_code == 404
    assert public.get(f"/api/v2/workspaces/heart/snapshots/{number}").status_code == 404
    assert [what for _who, what, _of in events(rig, "snapshot.")][-1] == "snapshot.withdraw"


def test_a_file_that_another_set_keeps_public_is_named(world: World) -> None:
    rig, number = world.rig, int(world.snapshot)
    paul, snapshots = rig.browser("paul"), rig.services.snapshots
    other = worlds.announce(rig, "output/other.csv")
    worlds.upload(rig, other, "output/other.csv")
    added = next(
        file.id
        for _release, files in kept(rig)
        for file in files
        if file.name == "output/other.csv"
    )
    both = snapshots.create(rig.people["rita"], "heart", [world.file, added])
    for one in (number, both.id):
        snapshots.publish(rig.people["paul"], "heart", one)
    paul.post(world.fill(f"{PAGE}reject/"), {"reason": "A wrong denominator."})
    assert f"Still public by another set: {NAME}." in paul.get(world.fill(PAGE)).text
    paul.post(f"/workspaces/heart/snapshots/{both.id}/reject/", {"reason": "The same."})
    assert "Still public" not in paul.get(world.fill(PAGE)).text
    assert snapshots.still_public(rig.people["rita"], "heart", both.id) == []


def test_a_removed_file_leaves_a_tombstone_for_members_and_for_the_public(world: World) -> None:
    rig, address = world.rig, f"/cardiology/heart/published/{world.file}/"
    rig.services.snapshots.publish(rig.people["paul"], "heart", int(world.snapshot))
    carl = rig.browser("carl")
    form = {"reason": "One person could be told."}
    assert carl.post(f"/files/{world.file}/delete/", form).status_code == 302
    inside = rig.browser("rita").get(f"/files/{world.file}/")
    assert inside.status_code == 410
    assert "One person could be told." in inside.text
    assert "carl" in inside.text
    outside = rig.browser().get(address)
    assert outside.status_code == 410
    assert NAME in outside.text
    assert "could be told" not in outside.text
    assert "carl" not in outside.text
    assert rig.browser("mallory").get(f"/files/{world.file}/").status_code == 404
    assert rig.browser("rita").get(f"/api/v2/releases/file/{world.file}").status_code == 404


def test_a_file_that_never_was_public_has_no_tombstone_outside(world: World) -> None:
    world.rig.services.releases.delete(world.rig.people["carl"], world.file)
    assert world.rig.browser().get(f"/cardiology/heart/published/{world.file}/").status_code == 404


def test_people_of_the_project_talk_about_a_set(world: World) -> None:
    page = world.fill(PAGE)
    for name, text in (("rita", "It is for the annual report."), ("paul", "<b>Which</b> one?")):
        browser = world.rig.browser(name)
        assert browser.post(f"{page}comments/", {"text": text}).status_code == 302
    shown = world.rig.browser("cora").get(page).text
    assert "It is for the annual report." in shown
    assert "&lt;b&gt;Which&lt;/b&gt; one?" in shown
    long = world.rig.browser("rita").post(f"{page}comments/", {"text": "x" * 5001})
    assert long.status_code == 400
    assert "x" * 5001 in long.text


def test_one_file_that_is_gone_from_the_disk_does_not_hide_the_set(world: World) -> None:
    for path in (world.rig.folder / "releases").rglob("*.csv"):
        path.unlink()
    answer = world.rig.browser("paul").get(world.fill(PAGE))
    assert answer.status_code == 200
    assert "Open it to see it." in answer.text


def test_the_audit_notes_who_was_shown_a_file_but_not_the_public(world: World) -> None:
    rig = world.rig
    rita = rig.browser("rita")
    rita.get(f"/files/{world.file}/")
    rita.get(f"/files/{world.file}/raw?download")
    rig.browser("paul").get(world.fill(PAGE))
    rig.api("GET", "/me", "cora")
    token = rig.services.access_tokens.create(rig.people["cora"], Wish("t"))
    rig.app.test_client().get(
        f"/api/v2/releases/file/{world.file}", headers={"Authorization": f"cora:{token}"}
    )
    rig.services.snapshots.publish(rig.people["paul"], "heart", int(world.snapshot))
    rig.browser().get(f"/cardiology/heart/published/{world.file}/raw")
    read = [(row.actor, row.data["how"]) for row in reversed(rig.audit("release.read"))]
    assert read == [("rita", "page"), ("rita", "download"), ("paul", "preview"), ("cora", "api")]


def test_only_an_approver_decides_and_only_what_is_waiting_is_published(rig: Rig) -> None:
    rig.has_run()
    identifier = worlds.upload(rig, worlds.announce(rig)).headers["File-Id"]
    rig.services.snapshots.create(rig.people["rita"], "heart", [identifier])
    path = "/workspaces/heart/snapshots/1/reject/"
    form = {"csrf_token": CSRF, "reason": "No."}
    for name in ("rita", "carl", "cora", "ada"):
        assert rig.browser(name).send(path, form).status_code == 403, name
    assert rig.browser("paul").send(path, form).status_code == 302


def test_the_home_page_has_the_newest_rejected_sets_of_projects_that_are_shown(rig: Rig) -> None:
    directory, ada, rita = rig.services.directory, rig.people["ada"], rig.people["rita"]
    directory.create_project(ada, "lungs", "Lungs")
    directory.create_workspace(ada, name="breath", project="lungs", repo=REPO, branch="main")
    moment = "2026-11-23T06:16:47Z"
    with rig.services.database.change("test") as change:
        for number in range(MOST_REJECTED + 2):
            add(
                change.connection, tables.snapshots, workspace_id=1 if number < 2 else 2,
                key=f"{number:064}", created_by="rita", created_at=moment, rejected_by="paul",
                rejected_at=moment,
            )  # fmt: skip

    def places() -> list[str]:
        return [one.workspace for one in rig.services.snapshots.rejected_of(rita)]

    assert places() == ["heart", "heart"]
    directory.set_member(ada, "lungs", "rita", ["researcher"])
    assert places() == ["breath"] * MOST_REJECTED
