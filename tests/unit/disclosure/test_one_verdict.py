"""One verdict on a file: the runner's level-4 check, the hatch and the publisher agree on it."""

from __future__ import annotations

import atexit
import functools
import hashlib
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.output_publisher import doubles as publisher_doubles
from tests.unit.release_hatch.doubles import write_workspace
from tests.unit.runner.made import REQUEST, job
from tests.unit.runner.rig import settings as runner_settings

from sallyport_common.outputs import PrivacyLevel
from sallyport_disclosure.engine import check_file
from sallyport_disclosure.findings import Finding
from sallyport_disclosure.policy import Policy
from sallyport_output_publisher.approved import ApprovedTree
from sallyport_output_publisher.models import RefusedError
from sallyport_release_hatch.models import BadInputError, Identity, WorkspaceAccess
from sallyport_release_hatch.services.requesting import Description, Requesting
from sallyport_release_hatch.storage.database import Database
from sallyport_release_hatch.storage.frozen import FrozenFiles
from sallyport_release_hatch.storage.workspaces import Workspaces
from sallyport_runner.services.outputs.publish import PrivacyTrees

FOLDER = Path(__file__).parent / "labelled"
SEALED = "cc592151e595378416ba76a07dbab437f80913ce75a1b7ee37d875565e6ec98d"
POLICY = Policy()
AUTHOR = Identity(
    "ada", "Ada", {"w1": WorkspaceAccess("p", True, False)}, frozenset(), False, False
)


@dataclass(frozen=True)
class Example:
    """A file, and the findings that it must have; none means no finding at all."""

    name: str
    data: bytes
    codes: frozenset[str]


def examples(name: str) -> list[Example]:
    """Return the labelled files of a set."""
    entries = tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))["file"]
    return [
        Example(
            f"output/{entry['name']}",
            entry["text"].encode(entry.get("encoding", "utf-8")),
            frozenset(entry["codes"]),
        )
        for entry in entries
    ]


SETS = {name: examples(f"{name}.toml") for name in ("sealed", "tuned")}
EXAMPLES = [example for examples in SETS.values() for example in examples]


@functools.cache
def empty_database() -> Path:
    """Return the file of a hatch's database without a row, migrated once."""
    path = Path(tempfile.mkdtemp(prefix="one-verdict-")) / "empty.sqlite3"
    atexit.register(shutil.rmtree, path.parent)
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path


def at_runner(folder: Path, example: Example) -> bool:
    """Return whether the level-4 check withholds a file."""
    settings = runner_settings(folder, output_policy=POLICY)
    volume = folder / "volume"
    (volume / "output").mkdir(parents=True)
    (volume / example.name).write_bytes(example.data)
    (folder / "workspaces").mkdir()
    publisher = PrivacyTrees(settings)
    matched = {example.name: PrivacyLevel.MODERATE.value}
    withheld = publisher.publish(job(), REQUEST, volume, matched).withheld
    copied = settings.medium_privacy_storage_base / "workspaces/ws1" / example.name
    assert copied.exists() == (example.name not in withheld)
    return example.name in withheld


def at_hatch(folder: Path, example: Example) -> tuple[bool, set[str]]:
    """Return whether the hatch refuses a file, and the findings that checkers are shown."""
    write_workspace(folder / "shown", "w1", {example.name: example.data})
    shutil.copy(empty_database(), folder / "hatch.sqlite3")
    database = Database(f"sqlite:///{folder}/hatch.sqlite3")
    try:
        requesting = Requesting(
            database, Workspaces(folder / "shown"), FrozenFiles(folder / "frozen"), POLICY
        )
        request = requesting.create(AUTHOR, "w1", [example.name], Description("a", "b", "c"))
    except BadInputError:
        return True, set()
    finally:
        database.close()
    return False, {finding.code for finding in request.files[0].findings}


def at_publisher(folder: Path, example: Example) -> bool:
    """Return whether the publisher refuses an approved request with a file."""
    tree = folder / "approved"
    tree.mkdir()
    files = {example.name: example.data}
    described = publisher_doubles.manifest(files)
    request = publisher_doubles.hand_over(tree, described, files).name
    try:
        ApprovedTree(tree, "hospital", POLICY).load(request)
    except RefusedError:
        return True
    return False


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_runner_hatch_and_publisher_agree(example: Example, tmp_path: Path) -> None:
    verdict = check_file(example.name, example.data, POLICY)
    codes = {finding.code for finding in verdict.findings}
    refused_by_hatch, shown = at_hatch(tmp_path, example)
    blocked = {at_runner(tmp_path, example), refused_by_hatch, at_publisher(tmp_path, example)}
    assert blocked == {bool(verdict.blocking)}
    assert shown == (set() if verdict.blocking else codes)
    word = "blocked" if verdict.blocking else "passes"
    line = f"{example.name:44} {word} at all three  {', '.join(sorted(codes)) or 'no finding'}"
    sys.stdout.write(f"{line}\n")
    assert codes >= example.codes
    assert codes <= example.codes or example.codes


def test_the_sealed_half_is_the_one_that_was_written_first() -> None:
    content = (FOLDER / "sealed.toml").read_bytes()
    assert hashlib.sha256(content).hexdigest() == SEALED
    assert hashlib.sha256(content + b"\n").hexdigest() != SEALED


@pytest.mark.parametrize("name", SETS)
def test_recall_and_false_alarms_of_each_half(name: str) -> None:
    faulty = [example for example in SETS[name] if example.codes]
    clean = [example for example in SETS[name] if not example.codes]
    hits = [e for e in faulty if {f.code for f in _findings(e)} >= e.codes]
    alarms = [e for e in clean if _findings(e)]
    recall = f"{len(hits)} of {len(faulty)} recognised"
    sys.stdout.write(f"{name}: {recall}, {len(alarms)} of {len(clean)} false alarms\n")
    assert len(SETS[name]) >= 30
    assert len(hits) >= 0.95 * len(faulty)
    assert len(alarms) <= 0.05 * len(clean)


def _findings(example: Example) -> tuple[Finding, ...]:
    return check_file(example.name, example.data, POLICY).findings
