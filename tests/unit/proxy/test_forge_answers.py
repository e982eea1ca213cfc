"""Each answer of a forge has its own reason, and several forges are served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.proxy.doubles import Forge, Reply
from tests.unit.proxy.rig import Rig, git, policy_data, write_policy

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("study")]
STUDY = "/demo-org/demo-study"
REFS = "/info/refs?service=git-upload-pack"

ANSWERS = [
    (401, 403, "login_required"),
    (403, 403, "upstream_forbidden"),
    (404, 404, "not_found"),
    (301, 410, "moved"),
    (302, 410, "moved"),
    (308, 410, "moved"),
    (429, 429, "rate_limited"),
    (500, 502, "upstream_error"),
    (503, 502, "upstream_error"),
    (504, 504, "upstream_timeout"),
]


@pytest.mark.parametrize(("status", "shown", "reason"), ANSWERS)
def test_without_a_copy_the_reason_is_that_of_the_forge(
    rig: Rig, status: int, shown: int, reason: str
) -> None:
    rig.upstreams.forge.answer = Reply(status, {"Location": "https://elsewhere.example/x"})
    answer = rig.raw("git", "GET", STUDY + REFS)
    assert (answer[0], f"({reason})" in answer[2]) == (shown, True), answer[2]
    rig.upstreams.forge.answer = None
    assert rig.raw("git", "GET", STUDY + REFS)[0] == 200


@pytest.mark.parametrize(("status", "served"), [
    (401, False), (404, False), (301, False), (403, True), (429, True), (500, True),
])  # fmt: skip
def test_a_copy_stands_in_for_an_outage_only(rig: Rig, status: int, served: bool) -> None:
    assert rig.raw("git", "GET", STUDY + REFS)[0] == 200
    rig.upstreams.forge.answer = Reply(status, {"Location": "https://elsewhere.example/x"})
    assert (rig.raw("git", "GET", STUDY + REFS)[0] == 200) is served


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("{origin}/demo-org/renamed.git/info/refs?service=git-upload-pack",
         "https://github.com/demo-org/renamed"),
        ("https://code.example/demo-org/renamed/info/refs", "https://code.example/demo-org/renamed"),
        ("https://code.example/demo-org/<script>/info/refs", ""),
        ("/demo-org/renamed/info/refs", ""),
        ("javascript:alert(1)", ""),
    ],
)  # fmt: skip
def test_a_moved_repository_names_its_new_url(rig: Rig, location: str, named: str) -> None:
    forge = rig.upstreams.forge
    forge.answer = Reply(301, {"Location": location.format(origin=forge.origin)})
    text = rig.raw("git", "GET", STUDY + REFS)[2]
    ending = f": {named} (moved)" if named else " (moved)"
    assert text.strip() == f"Sallyport proxy: the repository has moved; use its new URL{ending}"


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Forge]:
    """Give another forge, with a repository of the same name and other content."""
    forge = Forge(tmp_path / "second")
    bare, work = forge.folder / "demo-org/demo-study.git", tmp_path / "second-work"
    git("init", "--quiet", "--bare", "--initial-branch=main", bare)
    git("init", "--quiet", "--initial-branch=main", work)
    (work / "file.txt").write_text("of the second forge")
    git("-C", work, "add", "file.txt")
    git("-C", work, "commit", "--quiet", "--message", "second")
    git("-C", work, "push", "--quiet", bare, "main")
    yield forge
    forge.close()


@pytest.fixture
def two_forges(start_rig: Callable[..., Rig], second: Forge, tmp_path: Path) -> Rig:
    """Give a proxy with two forges and a credential for the second."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/second").write_text("reader:c4nary")
    rig = start_rig()
    section = policy_data(rig.upstreams)["git"]
    section["forges"]["code.example"] = second.origin
    section["credentials"] = {"code.example/Demo-Org": "second"}
    write_policy(rig.settings.policy, rig.upstreams, git=section)
    return rig


def test_two_forges_are_served_side_by_side(two_forges: Rig, tmp_path: Path) -> None:
    for prefix, text in (("", "first"), ("/code.example", "of the second forge")):
        copy = tmp_path / f"copy{len(prefix)}"
        git("clone", "--quiet", two_forges.url("git", prefix + STUDY), copy)
        assert (copy / "file.txt").read_text() == text
    status, _, text = two_forges.raw("git", "GET", f"/other.example{STUDY}{REFS}")
    assert (status, "(forge_unknown)" in text) == (403, True)


def test_a_credential_goes_to_its_own_forge_only(two_forges: Rig, second: Forge) -> None:
    second.password = "needed"
    two_forges.upstreams.forge.password = "needed"
    assert two_forges.raw("git", "GET", f"/code.example{STUDY}{REFS}")[0] == 200
    assert two_forges.raw("git", "GET", STUDY + REFS)[0] == 403
    assert any("authorization" in seen.headers for seen in second.seen)
    assert not any("authorization" in seen.headers for seen in two_forges.upstreams.forge.seen)


@pytest.mark.parametrize("reason", ["unsafe_objects"])
def test_an_unsafe_object_is_named_and_a_harmless_flaw_passes(rig: Rig, reason: str) -> None:
    bare = rig.upstreams.study.bare
    blob = git("-C", bare, "rev-parse", "main:file.txt").stdout.strip()
    for mode, name, passes in (("0100644", "a.txt", True), ("100644", ".git", False)):
        entry = f"{mode} {name}\0".encode() + bytes.fromhex(blob)
        (bare.parent / "tree").write_bytes(entry)
        tree = git("-C", bare, "hash-object", "-t", "tree", "-w", "--literally",
                   bare.parent / "tree").stdout.strip()  # fmt: skip
        commit = git("-C", bare, "commit-tree", tree, "-m", "odd").stdout.strip()
        git("-C", bare, "update-ref", "refs/heads/odd", commit)
        status, _, text = rig.raw("git", "GET", STUDY + REFS)
        assert (status == 200 and commit in text) is passes, text
        if not passes:
            assert "odd" in text, "the last good copy is served"
            (rig.settings.state_directory / "mirrors/demo-org/demo-study.git").rename(
                rig.settings.state_directory / "away"
            )
            assert f"({reason})" in rig.raw("git", "GET", STUDY + REFS)[2]
