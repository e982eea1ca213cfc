"""The command `data-builder`: what it ends with, and that it says nothing of the data."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from sallyport_data_builder import arguments as command_line
from sallyport_data_builder.errors import ArgumentsError, ExitCode, Failure
from sallyport_data_builder.settings import Settings

Command = Callable[[Any, Settings], "int | None"]


def _generate(given: Any, settings: Settings) -> None:
    from sallyport_data_builder import commands

    commands.generate(settings, given, given.parameters)


def _create_dummy_tables(given: Any, settings: Settings) -> None:
    from sallyport_data_builder import commands

    commands.create_dummy_tables(settings, given.definition, given.parameters, given.folder)


def _dump(given: Any, settings: Settings) -> None:
    from sallyport_data_builder import commands

    plan = commands.compile_plan(settings, given.definition, given.parameters)
    commands.dump_sql(settings, plan, given.output)


def _debug(given: Any, settings: Settings) -> None:
    from sallyport_data_builder import debugging

    debugging.debug(settings, given, given.parameters)


def _dump_examples(given: Any, _settings: Settings) -> None:
    from sallyport_data_builder import examples

    examples.dump(given.folder)


def _assure(given: Any, settings: Settings) -> None:
    from sallyport_data_builder import commands

    commands.assure(settings, given.file, given.parameters)


def _compile(given: Any, settings: Settings) -> None:
    from sallyport_data_builder import commands

    if bool(given.command) == bool(given.definition):
        raise ArgumentsError("compile needs a definition, or --command and its words.")
    words = command_line.action(given.command) if given.command else given
    commands.compile_command(settings, words, given.parameters, given.plan)


def _execute(given: Any, settings: Settings) -> None:
    from sallyport_data_builder import commands

    words = command_line.action(given.command) if given.command else given
    kind = words.command_name.partition("-")[2] if given.command else ""
    commands.execute_command(settings, given.plan, words.output, kind)


def _explain(given: Any, settings: Settings) -> None:
    from sallyport_data_builder import commands

    commands.dump_sql(settings, commands.read_plan(given.plan), None)


def _check(given: Any, settings: Settings) -> int:
    from sallyport_data_builder.checks import command

    level = given.level or "live"
    return command.check_backend(settings, given.slug, level, given.table, given.json)


def _connect(_given: Any, settings: Settings) -> None:
    from sallyport_data_builder import operators

    operators.test_connection(settings)


def _maintenance(_given: Any, settings: Settings) -> None:
    from sallyport_data_builder import operators

    print(operators.maintenance(settings))


def _clean(given: Any, settings: Settings) -> None:
    from sallyport_data_builder import operators

    operators.clean_scratch(settings, given)


def _isolation(_given: Any, _settings: Settings) -> None:
    from sallyport_data_builder.confine import report

    print(report.summary())
    for line in report.lines():
        print(line)


def _schema(given: Any, _settings: Settings) -> None:
    from sallyport_data_builder import operators

    if given.what == "show" and not given.schema:
        raise ArgumentsError("schema show needs the name of a schema; schema list prints them.")
    print(
        "\n".join(operators.describe(given.schema) if given.what == "show" else operators.names())
    )


COMMANDS: dict[str, Command] = {
    "generate-dataset": _generate,
    "generate-measures": _generate,
    "create-dummy-tables": _create_dummy_tables,
    "dump-dataset-sql": _dump,
    "debug": _debug,
    "dump-example-data": _dump_examples,
    "assure": _assure,
    "compile": _compile,
    "execute": _execute,
    "explain": _explain,
    "check-backend": _check,
    "test-connection": _connect,
    "maintenance": _maintenance,
    "clean-scratch": _clean,
    "isolation-report": _isolation,
    "schema": _schema,
}


def version() -> str:
    """Return the versions of the engine, the plan format and the schemas."""
    from sallyport_data_builder import operators

    return operators.version()


def split(words: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return our arguments, the words after --command, and the parameters after `--`."""
    ours, parameters = list(words), []
    if "--" in ours:
        place = ours.index("--")
        ours, parameters = ours[:place], ours[place + 1 :]
    command: list[str] = []
    if "--command" in ours:
        place = ours.index("--command")
        ours, command = ours[:place], ours[place + 1 :]
    return ours, command, parameters


def run(words: Sequence[str], own_process: bool) -> int:
    """Run a command and return its exit code."""
    ours, command, parameters = split(words)
    if "--version" in ours[:2]:
        print(version())
        return ExitCode.OK
    given = command_line.parse(command_line.build(), ours)
    given.command, given.parameters = command, parameters
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("data_builder").setLevel(logging.DEBUG if given.debug else logging.INFO)
    settings = Settings.from_env(os.environ).with_arguments(given, own_process)
    return int(COMMANDS[given.command_name](given, settings) or ExitCode.OK)


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a failure is one message on standard error.

    Without arguments the process is ours: it reads its own, and confines itself permanently.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.setrecursionlimit(20_000)
    if words is None:
        warnings.simplefilter("ignore")  # a library's warning may quote what it read (LOG-01)
    try:
        return run(sys.argv[1:] if words is None else words, words is None)
    except Failure as error:
        print(error, file=sys.stderr)
        return error.code
    except SystemExit as error:  # --help
        return int(error.code or ExitCode.OK)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains again at its end
        print("nobody reads standard output any more", file=sys.stderr)
        return ExitCode.FAILED
    except Exception as error:
        print(unforeseen(error), file=sys.stderr)
        return ExitCode.FAILED


def unforeseen(error: Exception) -> str:
    """Say where a bug showed itself, without its text, which may quote data (LOG-01)."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"  {frame.filename}, line {frame.lineno}, in {frame.name}" for frame in frames]
    return "\n".join([f"unforeseen: {type(error).__name__}", *lines[-8:]])
