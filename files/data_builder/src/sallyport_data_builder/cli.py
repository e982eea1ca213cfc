"""The command `data-builder`: its arguments, and what it ends with."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sallyport_data_builder import __version__, commands, schemas
from sallyport_data_builder.errors import ArgumentsError, Failure
from sallyport_data_builder.model.plan import VERSION
from sallyport_data_builder.settings import Settings, Url

GENERATE = ("generate-dataset", "generate_dataset")
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Takes no abbreviations and answers in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> Any:
        """Raise what ends with exit code 2."""
        raise ArgumentsError(f"{message}; see data-builder --help")


def _with_definition(commands_: Any, name: str, run: Callable[..., Any], *aliases: str) -> Parser:
    parser: Parser = commands_.add_parser(name, aliases=aliases)
    parser.add_argument("definition")
    parser.add_argument("--output")
    parser.set_defaults(run=run)
    return parser


def _database_options(parser: Parser) -> None:
    parser.add_argument("--dsn", "--url", "-u")
    parser.add_argument("--backend", "-b")
    parser.add_argument("--query-engine")


def build_parser() -> Parser:
    """Return the parser of all commands."""
    version = f"data-builder {__version__}, plan format {VERSION}, " + ", ".join(
        f"{name} {schemas.load(name).version}" for name in schemas.names()
    )
    parser = Parser(prog="data-builder", description="Compile studies and execute their plans.")
    parser.add_argument("--version", action="version", version=version)
    parser.add_argument("--debug", action="store_true", help="log the SQL too")
    inner = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for name, run in (("generate-dataset", _generate), ("dump-dataset-sql", _dump)):
        alias = "generate_dataset" if run is _generate else "dump-sql"
        _database_options(_with_definition(inner, name, run, alias))
    compiling = inner.add_parser("compile")
    compiling.add_argument("definition", nargs="?")
    compiling.add_argument("--plan", required=True)
    compiling.set_defaults(run=_compile)
    executing = inner.add_parser("execute")
    executing.add_argument("plan")
    executing.add_argument("--output")
    _database_options(executing)
    executing.set_defaults(run=_execute)
    explaining = inner.add_parser("explain")
    explaining.add_argument("plan")
    _database_options(explaining)
    explaining.set_defaults(run=_explain)
    checking = inner.add_parser("check-backend")
    checking.add_argument("slug")
    level = checking.add_mutually_exclusive_group()
    for name in ("static", "full"):
        level.add_argument(f"--{name}", dest="level", action="store_const", const=name)
    checking.add_argument("--table", default="", help="only this table")
    checking.add_argument("--json", default="", metavar="FILE", help="write a report too")
    checking.set_defaults(run=_check)
    _small_commands(inner)
    return parser


def _small_commands(inner: Any) -> None:
    connecting = inner.add_parser("test-connection")
    _database_options(connecting)
    connecting.set_defaults(run=lambda _arguments, settings: commands.test_connection(settings))
    cleaning = inner.add_parser("clean-scratch")
    cleaning.add_argument("--job", required=True)
    cleaning.add_argument("--dry-run", action="store_true")
    _database_options(cleaning)
    cleaning.set_defaults(
        run=lambda given, settings: commands.clean_scratch(settings, given.job, given.dry_run)
    )
    inner.add_parser("isolation-report").set_defaults(run=_isolation)
    schema = inner.add_parser("schema")
    schema.add_argument("what", choices=("list", "show"))
    schema.add_argument("name", nargs="?")
    schema.set_defaults(run=_schema)


def _generate(arguments: Any, settings: Settings) -> None:
    commands.generate(settings, arguments.definition, arguments.parameters, arguments.output)


def _dump(arguments: Any, settings: Settings) -> None:
    plan = commands.compile_plan(arguments.definition, arguments.parameters)
    commands.dump_sql(settings, plan, arguments.output)


def _words(arguments: Any) -> Any:
    """Read the words of the action's `run`: only generate-dataset has two phases (RUN-01)."""
    parser = Parser(prog="--command")
    inner = parser.add_subparsers(required=True, parser_class=Parser)
    _database_options(_with_definition(inner, GENERATE[0], _generate, *GENERATE[1:]))
    return parser.parse_args(arguments.command)


def _compile(arguments: Any, settings: Settings) -> None:
    if bool(arguments.command) == bool(arguments.definition):
        raise ArgumentsError("compile needs a definition, or --command and its words.")
    definition = arguments.definition or _words(arguments).definition
    commands.compile_command(settings, definition, arguments.parameters, arguments.plan)


def _execute(arguments: Any, settings: Settings) -> None:
    output = _words(arguments).output if arguments.command else arguments.output
    if not settings.url:
        raise ArgumentsError("execute needs DATABASE_URL or DATABASE_URL_FILE.")
    commands.execute(settings, commands.read_plan(arguments.plan), output)


def _explain(arguments: Any, settings: Settings) -> None:
    commands.dump_sql(settings, commands.read_plan(arguments.plan), None)


def _check(arguments: Any, settings: Settings) -> int:
    level = arguments.level or "live"
    return commands.check_backend(settings, arguments.slug, level, arguments.table, arguments.json)


def _isolation(_arguments: Any, _settings: Settings) -> None:
    from sallyport_data_builder.confine import report

    print(report.summary())
    for line in report.lines():
        print(line)


def _schema(arguments: Any, _settings: Settings) -> None:
    if arguments.what == "list" or not arguments.name:
        print("\n".join(schemas.names()))
        return
    for table, spec in schemas.load(arguments.name).tables.items():
        print(f"{table} ({spec.node.rows} row{'s' if spec.node.rows == 'many' else ''})")
        for column, kind in spec.node.spec:
            print(f"  {column}: {kind}")


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


def _settings(arguments: Any) -> Settings:
    settings = Settings.from_env(os.environ)
    if getattr(arguments, "dsn", None):
        settings = replace(settings, url=Url(arguments.dsn), url_from_file=False)
    backend = getattr(arguments, "backend", None) or settings.backend
    engine = getattr(arguments, "query_engine", None) or settings.query_engine
    return replace(settings, backend=backend, query_engine=engine)


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a failure is one message on standard error."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.setrecursionlimit(20_000)
    ours, command, parameters = split(sys.argv[1:] if words is None else words)
    try:
        arguments = build_parser().parse_args(ours)
        arguments.command, arguments.parameters = command, parameters
        level = logging.DEBUG if arguments.debug else logging.INFO
        logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
        logging.getLogger("data_builder").setLevel(level)
        return int(arguments.run(arguments, _settings(arguments)) or 0)
    except Failure as error:
        print(error, file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        print(unforeseen(error), file=sys.stderr)
        return 1


def unforeseen(error: Exception) -> str:
    """Say where a bug showed itself, without its text, which may quote data (LOG-01)."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"  {frame.filename}, line {frame.lineno}, in {frame.name}" for frame in frames]
    return "\n".join([f"unforeseen: {type(error).__name__}", *lines[-8:]])
