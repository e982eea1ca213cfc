"""YAML from strangers: safe, without surprises, with the line where it is wrong."""

from __future__ import annotations

import contextlib
import gc
import time
from typing import Any

import pytest

from sallyport_common.strict_yaml import MAX_DEPTH, MAX_NODES, YamlError, load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("a: 1", {"a": 1}),
        ("{a: [1, 2.5, yes, null, text]}", {"a": [1, 2.5, True, None, "text"]}),
        ("x: &x {a: 1}\ny: {<<: *x, b: 2}", {"x": {"a": 1}, "y": {"a": 1, "b": 2}}),
        ("x: &x [1]\ny: *x", {"x": [1], "y": [1]}),
        ('a: "\\U0001F600"', {"a": "\U0001f600"}),
        ("a: '1'\nb: 1", {"a": "1", "b": 1}),
    ],
)
def test_what_is_read(text: str, value: Any) -> None:
    assert load(text) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3", "3, column 1: 'a' appears twice: it is on line 1 already."),
        ("x:\n  - {a: 1, a: 2}", "2, column 12: 'a' appears twice: it is on line 2 already."),
        ("a: &a [*a]", "1, column 8: The file holds an alias to something that contains it."),
        ("a: &a {b: *a}", "1, column 11: The file holds an alias to something that contains it."),
        ('a: "\\0"', "1, column 4: The value contains a NUL character; remove it."),
        ("a: *x", "1, column 4: A value that begins with '*' must be in quotes: '*x'."),
        ("a: !custom x", "1, column 4: A value that begins with '!' must be in quotes."),
        ("a: !custom [x]", "1, column 4: The tag '!custom' is not known here; remove it."),
        (
            "a: !!python/name:os.x",
            "1, column 4: A value that begins with '!' must be in quotes.",
        ),
        ("a: &x:.csv", "1, column 4: A value that begins with '&' must be in quotes."),
        ("a: &x 1\nb: &x 2", "2, column 4: The anchor '&x' is defined twice."),
        (
            "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
            f"1, column {MAX_DEPTH + 1}: The file is nested too deeply.",
        ),
    ],
)
def test_what_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(YamlError) as caught:
        load(text)
    assert caught.value.problems == (f"line {sentence}",)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1, 2", "line 2, column 1"),
        ("a: 1\n b: 2", "line 2, column 3"),
        ("a: 1\n\tb: 2", "line 2, column 1"),
        ("a: 1\n---\nb: 2", "line 2, column 1"),
        ("{[1]: 2}", "line 1, column 2"),
        ('a: "open', "line 1, column 9"),
        ("a: @x", "line 1, column 4"),
        ('a: 1\n"\\ud800": 2', "line 2, column 4"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(text: str, place: str) -> None:
    with pytest.raises(YamlError) as caught:
        load(text)
    (found,) = caught.value.problems
    assert found.startswith(f"{place}: The file is not valid YAML: ")


@pytest.mark.parametrize("text", ["a: 2026-13-45", "a: !!binary é", f"a: {'9' * 5000}", "a: \x07"])
def test_values_without_a_meaning_are_refused_too(text: str) -> None:
    with pytest.raises(YamlError, match="not valid YAML"):
        load(text)


def test_duplicates_are_all_told() -> None:
    with pytest.raises(YamlError) as caught:
        load("a: 1\na: 2\nb: {c: 1,\n c: 2}\na: 3")
    assert len(caught.value.problems) == 3


def test_the_size_counts_once_aliases_are_followed() -> None:
    few = f"x: &x [{', '.join('1' * 400)}]\ny: [{', '.join(['*x'] * 400)}]"
    assert len(load(few)["y"]) == 400
    many = f"{few}\nz: [{', '.join(['*x'] * 400)}]"
    with pytest.raises(YamlError, match=f"larger than {MAX_NODES} values"):
        load(many)


def test_depth_below_the_limit_is_read() -> None:
    depth = MAX_DEPTH - 1
    assert load("[" * depth + "]" * depth)


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60)]
    bomb = "\n".join(["a0: &a0 [1, 2, 3]", *levels])
    started = time.process_time()
    with pytest.raises(YamlError, match=f"larger than {MAX_NODES} values"):
        load(bomb)
    assert time.process_time() - started < 2
    assert load("\n".join(bomb.splitlines()[:4]))["a3"]


@pytest.mark.parametrize("text", ["[" * 2_000_000, "- " * 1_000_000, "a: " + "{b: " * 500_000])
def test_a_deep_document_is_refused_before_it_is_read_to_its_end(text: str) -> None:
    started = time.process_time()
    with pytest.raises(YamlError, match=r"nested too deeply|maximum nesting depth"):
        load(text)
    assert time.process_time() - started < 2


def test_a_scalar_of_a_hundred_thousand_lines_is_read() -> None:
    text = "a: |\n" + "  one line\n" * 100_000
    assert len(load(text)["a"]) == 900_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\n---\nb: 2", "the file holds more than one document"),
        ("a: {<<: 5}", "expected a mapping"),
    ],
)
def test_what_libyaml_leaves_to_its_user_is_checked(text: str, reason: str) -> None:
    with pytest.raises(YamlError, match=reason):
        load(text)


@pytest.mark.parametrize("text", ["a: 1", "a: [", "a: 1\na: 2"])
def test_the_garbage_collector_is_on_again_whatever_the_document_is(text: str) -> None:
    with contextlib.suppress(YamlError):
        load(text)
    assert gc.isenabled()
