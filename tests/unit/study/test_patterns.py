"""Which output patterns are allowed, and which files they match."""

from __future__ import annotations

import itertools

import pytest

from sallyport_common.outputs import KINDS, PrivacyLevel
from sallyport_study.patterns import matches, problem

HIGH, MODERATE, MINIMAL = PrivacyLevel.HIGH, PrivacyLevel.MODERATE, PrivacyLevel.MINIMAL


@pytest.mark.parametrize(
    "pattern",
    [
        "a.csv", "output/a.csv", "output/a b.csv", "output/*.csv", "*/a.csv", "a*b/c*d.e*f.csv",
        "output/a.csv.gz", "output/.a.csv", ".hidden/a.csv", "output/a..csv", "metadata.csv",
        "metadata_2/a.csv", "output/metadata/a.csv", "output/ä.csv", "output/a.feather",
        "output/a.C", "output/$HOME.csv", "-rf.csv", "a,b.csv", "a{b}.csv", "a]b.csv",
    ],
)  # fmt: skip
def test_good_patterns(pattern: str) -> None:
    assert problem(pattern, HIGH) is None


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a\nb.csv", "it contains a control character"),
        ("a\x7f.csv", "it contains a control character"),
        ("a\\b.csv", "it contains a backslash; separate folders with /"),
        ("..\\a", "it contains a backslash; separate folders with /"),
        ("**/a.csv", "only single * wildcards are supported, not **, ? or ["),
        ("a?.csv", "only single * wildcards are supported, not **, ? or ["),
        ("a[0-9].csv", "only single * wildcards are supported, not **, ? or ["),
        ("output", "it has no file extension; name files, not folders"),
        ("output/", "it has no file extension; name files, not folders"),
        ("output.d/", "it has no file extension; name files, not folders"),
        (".csv", "it has no file extension; name files, not folders"),
        ("output.d/a", "it has no file extension; name files, not folders"),
        ("*", "it has no file extension; name files, not folders"),
        ("a.*", "its extension ends in *; say which type of file it is"),
        ("a.csv*", "its extension ends in *; say which type of file it is"),
        ("output//a.csv", "write it as output/a.csv"),
        ("./a.csv", "write it as a.csv"),
        ("output/../a.csv", "write it as a.csv"),
        ("metadata/a.csv", "the folder metadata is kept for logs"),
        ("metadata/b/a.csv", "the folder metadata is kept for logs"),
        ("/a.csv", "it is an absolute path; start at the study's folder"),
        ("//a.csv", "it is an absolute path; start at the study's folder"),
        ("C:/a.csv", "it is an absolute path; start at the study's folder"),
        ("../a.csv", "it contains '..'; outputs stay inside the study's folder"),
        ("../../a.csv", "it contains '..'; outputs stay inside the study's folder"),
    ],
)
@pytest.mark.parametrize("level", list(PrivacyLevel))
def test_the_first_rule_that_is_broken_is_named(
    pattern: str, reason: str, level: PrivacyLevel
) -> None:
    assert problem(pattern, level) == reason


def test_only_moderate_outputs_are_held_to_reviewable_types() -> None:
    for extension in KINDS:
        assert problem(f"a{extension}", MODERATE) is None
    for extension in (".feather", ".csv.gz", ".CSV", ".xlsx", ".zip", ".rds"):
        found = problem(f"a{extension}", MODERATE)
        assert found is not None
        assert "is not a type that output checkers can review" in found
        assert problem(f"a{extension}", HIGH) is None
        assert problem(f"a{extension}", MINIMAL) is None


@pytest.mark.parametrize(
    ("pattern", "path", "good"),
    [
        ("a.csv", "a.csv", True),
        ("a.csv", "b/a.csv", False),
        ("a.csv", "a.csv.gz", False),
        ("a.csv", "a.csv\n", False),
        ("*.csv", ".csv", True),
        ("*.csv", "b/a.csv", False),
        ("o/*.csv", "o/a.csv", True),
        ("o/*.csv", "o/b/a.csv", False),
        ("o*/a.csv", "output/a.csv", True),
        ("*/*.csv", "o/a.csv", True),
        ("*/*.csv", "a.csv", False),
        ("o/a*b*.csv", "o/a1b2.csv", True),
        ("o/a*b*.csv", "o/a1.csv", False),
        ("o/a+(b).csv", "o/a+(b).csv", True),
        ("o/a.b.csv", "o/aXb.csv", False),
        ("*/*.log", "metadata/other.log", False),
        ("*/*.json", "metadata/manifest.json", False),
        ("m*/*.log", "metadata/other.log", False),
        ("*/*/*.log", "metadata/a/other.log", False),
        ("*/*.log", "metadata2/other.log", True),
        ("*/*/*.log", "o/metadata/other.log", True),
    ],
)
def test_matches(pattern: str, path: str, good: bool) -> None:
    assert matches(pattern, path) == good


def test_whatever_a_good_pattern_matches_stays_in_its_folders() -> None:
    """Every short text is tried: what is accepted can reach no other place."""
    accepted = 0
    for letters in itertools.product("a*./ -", repeat=5):
        pattern = "".join(letters) + ".c"
        if problem(pattern, HIGH) is not None:
            continue
        accepted += 1
        assert matches(pattern, pattern.replace("*", "x"))
        assert not matches(pattern, pattern.replace("*", "x/y") + "/z")
        assert not pattern.startswith(("/", "../"))
        assert ".." not in pattern.split("/")
        for path in (f"/{pattern}", f"../{pattern}", f"metadata/{pattern}"):
            assert not matches(pattern, path)
    assert accepted > 500
