"""The images of a backend, as a site describes them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from sallyport_common.errors import SettingsError
from sallyport_study.catalogue import DEFAULT, Catalogue, ImageEntry
from sallyport_study.images import DOCKER_IMAGES
from sallyport_study.site import Site, add_options, read_site

GOOD = {
    "name": "rstan",
    "repository": "quay.io/northmoor/rstan",
    "tags": ["v1"],
    "database": True,
    "command": ["Rscript"],
}


def test_names_and_objects_are_read() -> None:
    found = Catalogue.parse(json.dumps(["python", GOOD, {"name": "python", "repository": "a/b"}]))
    assert found.names == ["python", "rstan"]
    assert found.entries["python"] == ImageEntry(name="python", repository="a/b")
    assert found.entries["rstan"] == ImageEntry(
        name="rstan",
        repository="quay.io/northmoor/rstan",
        tags=("v1",),
        database=True,
        command=("Rscript",),
    )
    assert found.pairs == ["rstan:v1"]
    assert DEFAULT.names == sorted(DOCKER_IMAGES)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"name": "R"}, "the image 'R' has a name"),
        ({"repository": "rstan"}, "NAMESPACE/NAME"),
        ({"repository": "quay.io/x/rstan:v1"}, "NAMESPACE/NAME"),
        ({"repository": "https://quay.io/x"}, "NAMESPACE/NAME"),
        ({"repository": 1}, "NAMESPACE/NAME"),
        ({"tags": ["1.0"]}, "look like v2"),
        ({"tags": "v1"}, "look like v2"),
        ({"database": "yes"}, "not true or false"),
        ({"command": "Rscript"}, "not a list of words"),
        ({"command": [""]}, "not a list of words"),
        ({"digest": "x"}, "unknown settings: digest"),
    ],
)
def test_a_malformed_entry_is_named(change: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=r"the image '(R|rstan)'") as caught:
        Catalogue.parse(json.dumps([GOOD | change]))
    assert part in str(caught.value)
    assert Catalogue.parse(json.dumps([GOOD])).names == ["rstan"]


@pytest.mark.parametrize("text", ['{"name": "x"}', "[1]", '[{"repository": "a/b"}]', "["])
def test_something_else_than_images_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"image|Expecting"):
        Catalogue.parse(text)


def test_a_job_server_learns_names_and_tags() -> None:
    own = Catalogue.parse(json.dumps(["python", GOOD]))
    told = Catalogue.from_flags(" ".join(own.names), " ".join(own.pairs))
    assert told.names == own.names
    assert told.tag_problem("rstan:v2").startswith("of which this backend allows other tags only")
    assert not told.tag_problem("rstan:v1")
    assert not told.tag_problem("python:v9")


def site(*words: str, **environment: str) -> Site:
    """Return the site that a command line and variables describe."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--registry")
    add_options(parser)
    return read_site(parser.parse_args(words), environment)


def test_options_count_more_than_variables_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(
        "registry: r.example.org/a\naction_organisation: github.com/one\naction_branch: trunk\n"
        "action_folder: clones\nimages:\n- {name: rstan, repository: quay.io/x/rstan}\n"
    )
    assert site() == Site()
    known = site("--site", str(file))
    assert (known.registry, str(known.actions), known.branch) == (
        "r.example.org/a", "github.com/one", "trunk",
    )  # fmt: skip
    assert known.folder == tmp_path / "clones"
    assert {"rstan", "python"} <= set(known.images.names)
    assert known == site(SALLYPORT_SITE=str(file))
    other = site("--action-organisation", "https://github.com/two/", SALLYPORT_SITE=str(file))
    assert str(other.actions) == "github.com/two"
    variables = {"SALLYPORT_REGISTRY": "r/b", "SALLYPORT_ACTION_FOLDER": "/c"}
    assert site(**variables) == Site(registry="r/b", folder=Path("/c"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("registries: x\n", "expected a mapping with some of"),
        ("- x\n", "expected a mapping"),
        ("registry: 1\n", "'registry' must be text"),
        ("images: [{name: R}]\n", "the image 'R' has a name"),
        ("images: 1\n", "site.yaml: "),
        ("action_organisation: x\n", "expected a forge and an organisation"),
        ("registry: {\n", "not valid YAML"),
    ],
)
def test_a_faulty_file_of_a_site_is_named(tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / "site.yaml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        site("--site", str(tmp_path / "site.yaml"))
    assert part in str(caught.value)
