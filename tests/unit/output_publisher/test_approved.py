"""Checks before publishing: each fault alone refuses a request that is otherwise accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.approved import REQUEST, sha256
from tests.unit.output_publisher.doubles import CSV, FILES, PNG, hand_over, manifest

from sallyport_disclosure.policy import Policy
from sallyport_output_publisher.approved import ApprovedTree
from sallyport_output_publisher.models import RefusedError


def approved(tree: Path) -> ApprovedTree:
    """Return the tree of the backend `hospital`."""
    return ApprovedTree(tree, "hospital", Policy())


def test_an_approved_request_is_read(tree: Path) -> None:
    hand_over(tree, manifest())
    (tree / ".01ARZ3NDEKTSV4RRFFQ69G5FAW.draft").mkdir()
    (tree / "notes").mkdir()
    assert approved(tree).requests() == [REQUEST]
    request = approved(tree).load(REQUEST)
    assert (request.manifest.workspace, request.manifest.releasing_checker) == ("w1", "di")
    assert {file.name: file.sha256 for file in request.files} == {
        name: sha256(data) for name, data in FILES.items()
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": 2}, "version is not 1"),
        ({"request": "01ARZ3NDEKTSV4RRFFQ69G5FAW"}, "request is not"),
        ({"state": "REVIEWED"}, "state is not APPROVED"),
        ({"backend": "other"}, "backend is not hospital"),
        ({"workspace": "../w2"}, "workspace is not the name of a workspace"),
        ({"workspace": None}, "workspace is not a string"),
        ({"author": ""}, "author is not a user name"),
        ({"releasing_checker": "a b"}, "releasing_checker is not a user name"),
        ({"releasing_checker": "ada"}, "two people besides its author"),
        ({"reviewers": ["cy"]}, "two people besides its author"),
        ({"reviewers": ["cy", "cy"]}, "two people besides its author"),
        ({"reviewers": ["cy", "ada"]}, "two people besides its author"),
        ({"reviewers": "cy,di"}, "reviewers is not a list"),
        ({"files": []}, "lists no file"),
        ({"files": {}}, "files is not a list"),
        ({"files": ["x"]}, r"files\[1\] is not an object"),
        ({"extra": 1}, "extra is not a known key"),
    ],
)
def test_a_doubtful_manifest_is_refused(tree: Path, changes: dict[str, Any], sentence: str) -> None:
    folder = hand_over(tree, manifest())
    assert approved(tree).load(REQUEST)
    (folder / "manifest.json").write_text(json.dumps(manifest() | changes))
    with pytest.raises(RefusedError, match=sentence):
        approved(tree).load(REQUEST)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "../x.csv"}, "A file name is refused"),
        ({"name": "/x.csv"}, "A file name is refused"),
        ({"name": "a/.x.csv"}, "A file name is refused"),
        ({"name": 'x".csv'}, "a quote or a control character"),
        ({"name": "x\n.csv"}, "a quote or a control character"),
        ({"name": "output/plot.png"}, "names a file twice"),
        ({"name": "output/table.rds"}, "Files of type .rds are not released"),
        ({"name": "output/table.png"}, "he content is not what the suffix says"),
        ({"sha256": "0" * 64}, "files that the manifest does not list"),
        ({"sha256": "../x"}, "sha256 is not a SHA-256"),
        ({"sha256": sha256(PNG)}, "files that the manifest does not list"),
        ({"size": 1}, "not those that were approved"),
        ({"size": True}, "size is not a whole number"),
        ({"date": "yesterday"}, "date is not a time with an offset"),
        ({"date": "2026-11-23"}, "date is not a time with an offset"),
        ({"approved_by": ["cy"]}, "not approved by two people"),
        ({"approved_by": ["cy", "ada"]}, "not approved by two people"),
        ({"approved_by": ["cy", "nobody"]}, "not approved by two people"),
        ({"approved_by": None}, "approved_by is not a list"),
    ],
)
def test_a_doubtful_file_is_refused(tree: Path, changes: dict[str, Any], sentence: str) -> None:
    described = manifest()
    folder = hand_over(tree, described)
    assert approved(tree).load(REQUEST)
    described["files"][0] |= changes
    (folder / "manifest.json").write_text(json.dumps(described))
    with pytest.raises(RefusedError, match=sentence):
        approved(tree).load(REQUEST)


def test_bytes_that_changed_after_approval_are_refused(tree: Path) -> None:
    folder = hand_over(tree, manifest())
    assert approved(tree).load(REQUEST)
    (folder / sha256(CSV)).write_bytes(CSV.replace(b"25", b"26"))
    with pytest.raises(RefusedError, match="not those that were approved"):
        approved(tree).load(REQUEST)


def test_links_and_strangers_are_refused(tree: Path, tmp_path: Path) -> None:
    folder = hand_over(tree, manifest())
    (folder / "extra").write_text("x")
    with pytest.raises(RefusedError, match="files that the manifest does not list"):
        approved(tree).load(REQUEST)
    (folder / "extra").unlink()
    assert approved(tree).load(REQUEST)
    (tmp_path / "elsewhere").write_bytes(CSV)
    (folder / sha256(CSV)).unlink()
    (folder / sha256(CSV)).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="cannot be read as a plain file"):
        approved(tree).load(REQUEST)


def test_patients_rows_and_sizes_are_checked_again(tree: Path) -> None:
    rows = {"output/t.csv": b"rate\n" + b"0.5\n" * 5000}
    folder = hand_over(tree, manifest(rows), rows)
    assert approved(tree).load(REQUEST)
    for data, sentence in (
        (b"rate\n" + b"0.5\n" * 5001, "more than 5000 rows"),
        (b"patient_id\n1\n", "patient identifiers"),
        (b"rate\n" + b"0" * 16 * 1024 * 1024, "is too large"),
    ):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        files = {"output/t.csv": data}
        folder = hand_over(tree, manifest(files), files)
        with pytest.raises(RefusedError, match=sentence):
            approved(tree).load(REQUEST)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000])
def test_nonsense_is_refused(tree: Path, text: str) -> None:
    folder = hand_over(tree, manifest())
    assert approved(tree).load(REQUEST)
    (folder / "manifest.json").write_text(text)
    with pytest.raises(RefusedError, match=r"not a JSON object|levels deep"):
        approved(tree).load(REQUEST)


def test_a_request_approved_under_other_rules_is_refused(tree: Path) -> None:
    described = manifest()
    hand_over(tree, described)
    assert (
        ApprovedTree(tree, "hospital", Policy()).load(REQUEST).manifest.policy == Policy().version
    )
    with pytest.raises(RefusedError, match="approved under the rules for outputs"):
        ApprovedTree(tree, "hospital", Policy(threshold=5)).load(REQUEST)
