"""The text of the repository is plain technical English: phrases that it does not use.

A phrase is a pattern, a sentence that it rejects, and how that sentence is written instead.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from repository import ROOT, tracked

PHRASES = [
    (r"be had\b", "The image cannot be had.", "The image could not be pulled."),
    (r"\bis none\b(?! %\})", "None where there is none.", "None if it does not exist."),
    (
        r"(?<![Tt]here )\b(?:is|was) no (?!longer\b|such\b|lib)\w",
        "It is no URL.",
        "It is not a URL.",
    ),
    (
        r"(?<![Tt]here )\bare no (?!longer\b|such\b)\w",
        "Links are no files.",
        "Links are not files.",
    ),
    (
        r"\bstands?\b(?!-| (?:for|in for)\b)",
        "The key stands twice.",
        "The key appears twice, where `*` stands for a part of a name.",
    ),
    (r"\banew\b", "The file is written anew.", "The file is rewritten."),
    (r"\bhears (?!= )\w", "The server hears of events.", "The server receives events."),
    (r"\b[Tt]ell whether\b", "Tell whether it is open.", "Return whether it is open."),
    (r"\bborne\b", "A fault is borne for a while.", "A transient error is retried."),
    (r"\bclosed in\b", "The unit is closed in like a service.", "The unit is sandboxed."),
    (r"\bbelongs? into\b", "It belongs into a file.", "Put it in a file."),
    (r"\bbelieved\b", "A tag is believed for a minute.", "A tag is cached for a minute."),
    (r"\b[Mm]end(?:s|ed|ing)?\b", "Mend what is named above.", "Fix the errors above."),
    (r"\bbears?\b", "A name that bears a prefix.", "A name that has a prefix."),
    (r"\bcomes? round\b", "The collector comes round.", "The collector runs."),
    (r"\bfor (?:ever|good)\b", "The job stops for good.", "The job stops permanently."),
    (r"\bon its way\b", "The file is on its way.", "The file is still being uploaded."),
    (r"\bplain form\b", "The address is not in its plain form.", "The URL is not canonical."),
    (
        r"\ba text\b(?! (?:column|file|field|or code))(?<!image, a text)",
        "The name must be a text.",
        "The name must be a string in a text file.",
    ),
    (r"\bis made again\b", "The mirror is made again.", "The mirror is cloned again."),
    (r"\bof no (?:bytes|use)\b", "A file of no bytes.", "An empty file."),
    (r"\bis away\b", "The engine is away.", "The engine is unavailable."),
    (r"\bwent away\b", "The server went away.", "The connection was lost."),
    (r"\bgoes with version\b", "It goes with version 2.", "It will be removed in version 2."),
    (r"\bhold a question\b", "The server may hold a question.", "Maximum long-poll duration."),
    (r"\bstands? still\b", "A loop stands still.", "A loop has stalled."),
    (r"\bcannot be kept\b", "The number cannot be kept.", "The number cannot be stored."),
    (r"\bmay use no\b", "You may use no backend.", "You do not have access to a backend."),
    (r"\b[Cc]hoose at least one\b", "Choose at least one file.", "Select at least one file."),
    (r"\bin a circle\b", "They need each other in a circle.", "They form a cycle."),
    (r"\bwhence\b|\bwhereby\b|\bought\b|\bnought\b", "It ought to run.", "It must run."),
]
"""A space is also the end of a line, of a line of a comment or of a string literal."""
EXEMPT = {"LICENSE", "test_voice.py", "words.txt"}
"""Somebody else's text, the list itself, and the dictionary for passphrases."""
JOINED = re.compile(r'"\s*\n\s*f?"')
BREAK = re.compile(r"\n[ #*/-]*")


def sentences(text: str) -> str:
    """Return the content of a file with its lines, comments and literals joined."""
    return BREAK.sub(" ", JOINED.sub("", text))


@pytest.fixture(scope="module", name="tree")
def _tree() -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): sentences(path.read_text(encoding="utf-8"))
        for path in tracked()
        if path.is_file() and path.name not in EXEMPT and b"\0" not in path.read_bytes()
    }


@pytest.mark.parametrize(("phrase", "old", "new"), PHRASES, ids=[old for _, old, _ in PHRASES])
def test_a_phrase_is_not_used(tree: dict[str, str], phrase: str, old: str, new: str) -> None:
    # A pattern that begins with a letter is found a dozen times as fast, in every such text.
    wider = phrase.removeprefix(r"\b")
    uses = [
        f"{name}: …{text[max(match.start() - 30, 0) : match.end() + 30]}…"
        for name, text in tree.items()
        if re.search(wider, text)
        for match in re.finditer(phrase, text)
    ]
    assert not uses, f"not {old!r} but {new!r}"


@pytest.mark.parametrize(("phrase", "old", "new"), PHRASES, ids=[old for _, old, _ in PHRASES])
def test_a_pattern_rejects_the_phrase_and_accepts_its_rewrite(
    phrase: str, old: str, new: str
) -> None:
    assert re.search(phrase, sentences(old))
    assert re.search(phrase, sentences(old.replace(" ", "\n    # ")))
    assert re.search(phrase, sentences(old.replace(" ", ' "\n    f"')))
    assert not re.search(phrase, sentences(new))


def test_the_whole_tree_is_read(tree: dict[str, str]) -> None:
    suffixes = {Path(name).suffix for name in tree}
    assert {".py", ".yml", ".md", ".j2", ".html", ".toml", ".service"} <= suffixes
