"""Manifests between components: what is written is read, and every change is refused by name."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.approved import approved_manifest

from sallyport_common import names
from sallyport_common.manifests import (
    ApprovedFile,
    ApprovedManifest,
    ManifestError,
    Output,
    WorkspaceManifest,
)
from sallyport_common.outputs import PrivacyLevel

Manifest = WorkspaceManifest | ApprovedManifest
Path = tuple[str | int, ...]

TEXTS = st.text(max_size=20)
PERSONS = st.from_regex(names.PERSON, fullmatch=True)
PLACES = st.from_regex(names.WORKSPACE, fullmatch=True)
BACKENDS = st.from_regex(names.SLUG, fullmatch=True)
SHA256 = st.from_regex(names.SHA256, fullmatch=True)
SIZES = st.integers(min_value=0)
MOMENTS = st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat())
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PEOPLE = st.lists(PERSONS, max_size=3).map(tuple)

OUTPUTS = st.builds(
    Output,
    level=st.sampled_from(PrivacyLevel),
    job_id=TEXTS,
    job_request=TEXTS,
    action=TEXTS,
    user=TEXTS,
    repo=TEXTS,
    commit=TEXTS,
    size=SIZES,
    timestamp=NUMBERS,
    content_hash=SHA256,
    excluded=st.booleans(),
    message=st.none() | TEXTS,
    row_count=st.none() | SIZES,
    col_count=st.none() | SIZES,
    out_of_date_action=st.booleans(),
    out_of_date_output=st.booleans(),
)
WORKSPACES = st.builds(
    WorkspaceManifest,
    workspace=PLACES,
    repo=st.none() | TEXTS,
    outputs=st.dictionaries(TEXTS, OUTPUTS, max_size=3),
)
FILES = st.builds(
    ApprovedFile,
    name=TEXTS,
    sha256=SHA256,
    size=SIZES,
    date=MOMENTS,
    job_id=TEXTS,
    commit=TEXTS,
    approved_by=PEOPLE,
)
APPROVED = st.builds(
    ApprovedManifest,
    request=TEXTS,
    backend=BACKENDS,
    workspace=PLACES,
    author=PERSONS,
    releasing_checker=PERSONS,
    approved_at=MOMENTS,
    created_at=MOMENTS,
    reviewers=PEOPLE,
    policy=TEXTS,
    files=st.lists(FILES, max_size=3).map(tuple),
    version=st.just(1),
    state=st.just("APPROVED"),
)

OUTPUT = Output(
    level=PrivacyLevel.MODERATE,
    job_id="j",
    job_request="r",
    action="make",
    user="ada",
    repo="https://github.com/org/study",
    commit="9417bc4e" * 5,
    size=7,
    timestamp=1795414606.11,
    content_hash="0a" * 32,
    message="note",
    row_count=1,
    col_count=2,
)
WORKSPACE = WorkspaceManifest(workspace="w1", repo="org/study", outputs={"output/t.csv": OUTPUT})
REQUEST = approved_manifest({"output/t.csv": b"content"})


@settings(
    deadline=None, max_examples=60, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(WORKSPACES | APPROVED)
def test_what_is_written_is_read(manifest: Manifest) -> None:
    assert type(manifest).from_json(manifest.to_json()) == manifest


def containers(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every object and list below a value, itself included, with its path."""
    if isinstance(value, dict | list):
        yield path, value
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from containers(inner, (*path, key))


def changed(content: Any, path: Path) -> tuple[Any, Any]:
    """Return a copy of the content, and the container at a path of the copy."""
    whole = copy.deepcopy(content)
    inner = whole
    for key in path:
        inner = inner[key]
    return whole, inner


def foreign(value: Any) -> list[Any]:
    """Return values of other JSON types than this one's."""
    examples: list[Any] = [None, True, 5, 0.5, "text", [1], {"a": 1}]
    kinds = (int, float) if type(value) is float else (type(value),)
    return [example for example in examples if type(example) not in kinds]


def mutations(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield single changes: a key dropped or added, a value replaced by one of another type."""
    for path, container in containers(content):
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        is_table = path == ("outputs",)
        if isinstance(container, dict) and not is_table:
            whole, inner = changed(content, path)
            inner["surplus"] = 1
            yield "surplus", whole
        for key in keys:
            if isinstance(container, dict) and not is_table:
                whole, inner = changed(content, path)
                del inner[key]
                yield str(key), whole
            for value in foreign(container[key]):
                if value is None and key in OPTIONAL:
                    continue
                whole, inner = changed(content, path)
                inner[key] = value
                # People count from one.
                yield f"[{key + 1}]" if isinstance(key, int) else str(key), whole


OPTIONAL = {"message", "row_count", "col_count", "repo"}
"""Keys that may be null in the workspace manifest; there `repo` of an output may not."""


@pytest.mark.parametrize("manifest", [WORKSPACE, REQUEST], ids=["workspace", "approved"])
def test_every_single_mutation_is_refused_by_name(manifest: Manifest) -> None:
    kind, raw = type(manifest), manifest.to_json()
    assert kind.from_json(raw) == manifest
    cases = list(mutations(json.loads(raw)))
    assert len(cases) > 100
    for name, content in cases:
        with pytest.raises(ManifestError) as refused:
            kind.from_json(json.dumps(content).encode())
        assert any(name in problem for problem in refused.value.problems), (name, content)
        assert all(problem.endswith(".") for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("manifest", "path", "value", "sentence"),
    [
        (WORKSPACE, ("outputs", "output/t.csv", "repo"), None, "repo is not a string"),
        (WORKSPACE, ("outputs", "output/t.csv", "level"), "secret", "level is not one of high"),
        (WORKSPACE, ("outputs", "output/t.csv", "size"), -1, "size is not a number of bytes"),
        (WORKSPACE, ("outputs", "output/t.csv", "timestamp"), float("nan"), "timestamp is not a"),
        (WORKSPACE, ("outputs", "output/t.csv", "content_hash"), "0A" * 32, "is not a SHA-256"),
        (WORKSPACE, ("outputs", "output/t.csv", "excluded"), 1, "excluded is not true or false"),
        (REQUEST, ("version",), 2, "version is not 1"),
        (REQUEST, ("version",), True, "version is not 1"),
        (REQUEST, ("version",), "1", "version is not 1"),
        (REQUEST, ("state",), "REVIEWED", "state is not APPROVED"),
        (REQUEST, ("author",), "../ada", "author is not a user name"),
        (REQUEST, ("approved_at",), "2026-11-24T10:00:00", "approved_at is not a time with an off"),
        (REQUEST, ("files", 0, "date"), "yesterday", r"files\[1\].date is not a time"),
        (REQUEST, ("files", 0, "approved_by", 1), "d i", r"approved_by\[2\] is not a user name"),
    ],
)
def test_values_are_judged_by_their_form(
    manifest: Manifest, path: Path, value: Any, sentence: str
) -> None:
    raw = manifest.to_json()
    assert type(manifest).from_json(raw)
    content, inner = changed(json.loads(raw), path[:-1])
    inner[path[-1]] = value
    with pytest.raises(ManifestError, match=sentence):
        type(manifest).from_json(json.dumps(content).encode())


def test_all_faults_are_named_at_once_and_their_number_is_bounded() -> None:
    content = json.loads(REQUEST.to_json())
    del content["author"]
    content |= {"version": 2, "size": 1, "reviewers": "cy"}
    with pytest.raises(ManifestError) as refused:
        ApprovedManifest.from_json(json.dumps(content).encode())
    assert refused.value.problems == (
        "The manifest has no author.",
        "The manifest's size is not a known key.",
        "The manifest's reviewers is not a list.",
        "The manifest's version is not 1.",
    )
    content = json.loads(REQUEST.to_json()) | {f"key{number}": 1 for number in range(500)}
    with pytest.raises(ManifestError) as refused:
        ApprovedManifest.from_json(json.dumps(content).encode())
    assert len(refused.value.problems) == 21
    assert refused.value.problems[-1] == "The manifest has 480 more faults."


def test_nothing_is_written_that_would_not_be_read() -> None:
    assert REQUEST.to_json()
    with pytest.raises(ManifestError, match="author is not a user name"):
        replace(REQUEST, author="").to_json()
