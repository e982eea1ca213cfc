"""The command's verbs and options: their names, their help and what a mistyped one ends with."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from sallyport_job_server import cli


def parsers(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Give every command's parser under its words."""
    yield " ".join(words), parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from parsers(inner, (*words, name))


def _is_group(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


COMMANDS = dict(parsers(cli._parser()))


def test_the_verbs_are_those_of_the_reference_page() -> None:
    leaves = {name for name, one in COMMANDS.items() if not any(map(_is_group, one._actions))}
    assert leaves == {
        "check-config", "migrate", "user create", "user link", "user end-codes", "backend ensure",
        "administrators ensure", "audit verify", "audit export", "tidy", "mail-test",
        "snapshot", "put-back",
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_verb_and_option_says_what_it_is_for(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = COMMANDS[name]
    assert parser.description
    for action in parser._actions:
        assert action.help, action.dest
        if isinstance(action, argparse._SubParsersAction):
            assert len(action._choices_actions) == len(action.choices)
            assert all(choice.help for choice in action._choices_actions)
    with pytest.raises(SystemExit) as ended:
        cli.main([*name.split(), "--help"])
    assert ended.value.code == 0
    assert parser.prog in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "the following arguments are required: command"),
        (["dance"], "invalid choice: 'dance'"),
        (["user"], "required"),
        (["user", "create", "nina"], "--fullname"),
        (["user", "create", "n", "--fullname", "N", "--role", "boss"], "invalid choice: 'boss'"),
        (["backend", "ensure", "h"], "--name"),
        (["backend", "ensure", "h", "--name", "H", "--token-file", "x"], "expected SCOPE=PATH"),
        (["backend", "ensure", "h", "--name", "H", "--token-file", "dance=/x"], "jobs, review,"),
        (["administrators", "ensure"], "--file"),
        (["migrate", "--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_a_mistyped_command_ends_with_2_and_its_usage(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert sentence in shown
    assert "usage: sallyport-job-server" in shown
