"""Which output patterns are allowed, and which files they match."""

from __future__ import annotations

import itertools

import pytest

from sallyport_common.outputs import KINDS, PrivacyLevel
from sallyport_study.patterns import advice, matches, problems

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
    assert problems(pattern, HIGH) == []


CONTROL = "it contains a tab, a line break or another control character"
BACKSLASH = "it contains a backslash (separate folders with /)"
EXTENSION = "it has no file extension, such as .csv (name files, not folders)"
STAR = "its extension ends in * (write the extension in full, such as .csv)"
DOTS = "it contains './' or '//'"
LOGS = "the folder 'metadata' is reserved for logs"
CLIMB = "it contains '..' (outputs are inside the study's folder)"
ABSOLUTE = "it is an absolute path (begin at the study's folder, as in 'output/{}')"


def wildcard(wrong: str) -> str:
    """Return the reason about a wildcard."""
    return f"it contains {wrong} (the only wildcard is a single *)"


@pytest.mark.parametrize(
    ("pattern", "reasons", "better"),
    [
        ("a\nb.csv", [CONTROL], "ab.csv"),
        ("a\x7f.csv", [CONTROL], "a.csv"),
        ("a\\b.csv", [BACKSLASH], "a/b.csv"),
        ("a\\\\b.csv", [BACKSLASH], "a/b.csv"),
        ("..\\a", [BACKSLASH, EXTENSION, CLIMB], None),
        ("**/a.csv", [wildcard("**")], None),
        ("a?.csv", [wildcard("?")], None),
        ("a[0-9].csv", [wildcard("[")], None),
        ("**/[a]?.csv", [wildcard("** and ? and [")], None),
        ("output", [EXTENSION], None),
        ("output/", [EXTENSION], None),
        ("output.d/", [EXTENSION], None),
        (".csv", [EXTENSION], None),
        ("output.d/a", [EXTENSION], None),
        ("*", [EXTENSION], None),
        ("a.*", [STAR], None),
        ("a.csv*", [STAR], None),
        ("output//a.csv", [DOTS], "output/a.csv"),
        ("./a.csv", [DOTS], "a.csv"),
        (".", ["it names a folder, not a file"], None),
        ("..", [CLIMB], None),
        ("output/../a.csv", [CLIMB], "a.csv"),
        ("output/../../escape.csv", [CLIMB], None),
        ("metadata/a.csv", [LOGS], None),
        ("metadata/b/a.csv", [LOGS], None),
        ("output/../metadata/a.csv", [CLIMB], None),
        ("/a.csv", [ABSOLUTE.format("a.csv")], None),
        ("//a.csv", [ABSOLUTE.format("a.csv")], None),
        ("/", ["it names a folder, not a file", ABSOLUTE.format("table.csv")], None),
        ("C:/a.csv", [ABSOLUTE.format("a.csv")], None),
        ("C:\\b\\a", [BACKSLASH, EXTENSION, ABSOLUTE.format("table.csv")], None),
        ("../a.csv", [CLIMB], None),
        ("../../a.csv", [CLIMB], None),
    ],
)
@pytest.mark.parametrize("level", list(PrivacyLevel))
def test_every_rule_that_is_broken_is_named(
    pattern: str, reasons: list[str], better: str | None, level: PrivacyLevel
) -> None:
    assert problems(pattern, level) == reasons
    assert advice(pattern, level) == better


def test_only_moderate_outputs_are_held_to_reviewable_types() -> None:
    for extension in KINDS:
        assert problems(f"a{extension}", MODERATE) == []
    for extension in (".feather", ".csv.gz", ".xlsx", ".zip", ".rds"):
        (found,) = problems(f"a{extension}", MODERATE)
        assert "is not a type that output checkers can review" in found
        assert problems(f"a{extension}", HIGH) == []
        assert problems(f"a{extension}", MINIMAL) == []


@pytest.mark.parametrize(
    ("pattern", "reason"), [("a.CSV", ".CSV is in capitals"), ("a.csv ", "begins or ends with")]
)
def test_what_only_the_reviewable_level_refuses_has_advice(pattern: str, reason: str) -> None:
    (found,) = problems(pattern, MODERATE)
    assert reason in found
    assert advice(pattern, MODERATE) == "a.csv"
    assert problems(pattern, HIGH) == []


def test_advice_is_allowed_and_never_leaves_the_folder() -> None:
    advised = 0
    for letters in itertools.product(["..", ".", "/", "a", "\\", "*", " ", "C:"], repeat=4):
        for level in (HIGH, MODERATE):
            better = advice("".join(letters) + ".CSV", level)
            if better is None:
                continue
            advised += 1
            assert problems(better, level) == []
            assert not better.startswith(("/", "../"))
            assert ".." not in better.split("/")
    assert advised > 500


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
        if problems(pattern, HIGH):
            continue
        accepted += 1
        assert matches(pattern, pattern.replace("*", "x"))
        assert not matches(pattern, pattern.replace("*", "x/y") + "/z")
        assert not pattern.startswith(("/", "../"))
        assert ".." not in pattern.split("/")
        for path in (f"/{pattern}", f"../{pattern}", f"metadata/{pattern}"):
            assert not matches(pattern, path)
    assert accepted > 500
