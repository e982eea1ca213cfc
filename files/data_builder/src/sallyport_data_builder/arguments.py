"""The arguments of every command, with their help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from sallyport_data_builder.errors import ArgumentsError, nearest

FILE = "a file that ends in .csv, .csv.gz, .arrow or .parquet"
OUTPUT = f"where to: {FILE}, or DIR/:csv for a file per table; standard output without it"
DEFINITION = "the study's definition, a Python file"
HELP = {
    "generate-dataset": "run a dataset definition: on the database, or on dummy data without one",
    "generate-measures": "run a measures definition: on the database, or on dummy data without one",
    "create-dummy-tables": "write dummy tables that a definition can be run on",
    "dump-dataset-sql": "print the SQL of a definition, without running it",
    "debug": "run a definition on dummy tables, and print what its show(...) calls name",
    "dump-example-data": "write small example tables of the core schema",
    "assure": "check a definition against the patients and results of a test file",
    "test-connection": "connect to the database with a backend's settings",
    "maintenance": "print db-maintenance while the backend's own query says that data is loaded",
    "isolation-report": "try what is forbidden to study code, and print what is stopped",
    "compile": "turn a definition into a plan, without a database",
    "execute": "run a plan on the database, without study code",
    "check-backend": "check a backend's mapping: static, live (as a rule) or in full",
    "explain": "print the statements of a plan and the rules that made them",
    "clean-scratch": "drop scratch tables that interrupted jobs left",
    "schema": "list the schemas, or show the tables and columns of one",
}
ALIASES = {"dump-dataset-sql": ("dump-sql",)}
# RUN-01: the words of an action's `run` are those of these commands.
ACTIONS = ("generate-dataset", "generate-measures")


class Parser(argparse.ArgumentParser):
    """Takes no abbreviations and answers in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> Any:
        """Raise what ends with exit code 2."""
        raise ArgumentsError(f"{self.prog}: {message}; see {self.prog} --help")


class Commands:
    """The commands of a parser; underscores in their names are accepted too."""

    def __init__(self, parser: Parser) -> None:
        self._inner: Any = parser.add_subparsers(
            required=True, metavar="COMMAND", dest="name", parser_class=Parser
        )

    def add(self, name: str) -> Parser:
        """Add a command."""
        text = HELP[name]
        underscored = [name.replace("-", "_")] if "-" in name else []
        aliases = [*underscored, *ALIASES.get(name, ())]
        made: Parser = self._inner.add_parser(name, help=text, description=text, aliases=aliases)
        made.set_defaults(command_name=name)
        return made


def database(parser: Parser) -> None:
    """Add what says which database."""
    parser.add_argument(
        "--dsn",
        metavar="URL",
        help="the database, or a folder with a file per table (as a rule: DATABASE_URL)",
    )
    backend(parser)


def backend(parser: Parser) -> None:
    """Add what says which backend and which connector."""
    parser.add_argument(
        "--backend", "-b", metavar="SLUG", help="the backend (as a rule: OPENSAFELY_BACKEND)"
    )
    parser.add_argument(
        "--query-engine", metavar="NAME", help="the connector, in place of that of the URL"
    )


def generating(parser: Parser, name: str) -> None:
    """Add the arguments of generate-dataset and generate-measures."""
    parser.add_argument("definition", metavar="DEF", help=DEFINITION)
    parser.add_argument("--output", metavar="FILE", help=OUTPUT)
    parser.add_argument(
        "--dummy-tables", metavar="DIR", help="without a database: a folder with a file per table"
    )
    parser.add_argument(
        "--dummy-data-file", metavar="PATH", help=f"without a database: the output itself, {FILE}"
    )
    if name == "generate-dataset":
        parser.add_argument(
            "--test-data-file", metavar="FILE", help="first check the definition, as assure does"
        )
    else:
        parser.set_defaults(test_data_file=None)
    database(parser)


def action(words: Sequence[str]) -> Any:
    """Read the words of an action's `run` after the image's name."""
    parser = Parser(prog="--command")
    commands = Commands(parser)
    for name in ACTIONS:
        generating(commands.add(name), name)
    return parse(parser, words, ACTIONS)


def build() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(prog="data-builder", description="Compile studies, and execute their plans.")
    parser.add_argument("--version", action="store_true", help="print the versions of all parts")
    parser.add_argument("--debug", action="store_true", help="log the SQL and more")
    commands = Commands(parser)
    for name in ACTIONS:
        generating(commands.add(name), name)
    _with_definition(commands)
    _with_plan(commands)
    _of_operators(commands)
    return parser


def _with_definition(commands: Commands) -> None:
    tables = commands.add("create-dummy-tables")
    tables.add_argument("definition", metavar="DEF", help=DEFINITION)
    tables.add_argument(
        "folder", metavar="DIR", nargs="?", help="DIR or DIR:ext; standard output without it"
    )
    dumping = commands.add("dump-dataset-sql")
    dumping.add_argument("definition", metavar="DEF", help=DEFINITION)
    dumping.add_argument("--output", metavar="FILE", help="standard output without it")
    database(dumping)
    debugging = commands.add("debug")
    debugging.add_argument("definition", metavar="DEF", help=DEFINITION)
    debugging.add_argument(
        "--dummy-tables",
        metavar="DIR",
        help="a folder with a file per table; without it, tables are made for the definition",
    )
    debugging.add_argument(
        "--display-format",
        choices=("ascii", "html"),
        default="ascii",
        help="lines for a terminal (as a rule), or a fragment for an editor's page",
    )
    examples = commands.add("dump-example-data")
    examples.add_argument(
        "-d",
        dest="folder",
        metavar="DIR",
        default="example-data",
        help="where to; --dummy-tables and --dsn take it (as a rule: example-data)",
    )
    assuring = commands.add("assure")
    assuring.add_argument("file", metavar="FILE", help="a Python file with dataset and test_data")


def _with_plan(commands: Commands) -> None:
    compiling = commands.add("compile")
    compiling.add_argument("definition", metavar="DEF", nargs="?", help=DEFINITION)
    compiling.add_argument("--plan", metavar="FILE", required=True, help="where to")
    compiling.epilog = "In place of DEF: --command WORDS..., the words of an action's run."
    executing = commands.add("execute")
    executing.add_argument("plan", metavar="PLAN", help="the plan that compile wrote")
    executing.add_argument("--output", metavar="FILE", help=OUTPUT)
    executing.epilog = "In place of --output: --command WORDS..., the words of an action's run."
    database(executing)
    explaining = commands.add("explain")
    explaining.add_argument("plan", metavar="PLAN", help="the plan that compile wrote")
    database(explaining)


def _of_operators(commands: Commands) -> None:
    connecting = commands.add("test-connection")
    connecting.add_argument("--url", "-u", dest="dsn", metavar="URL", help="the database")
    backend(connecting)
    database(commands.add("maintenance"))
    checking = commands.add("check-backend")
    checking.add_argument("slug", metavar="SLUG", help="the backend")
    level = checking.add_mutually_exclusive_group()
    level.add_argument(
        "--static", dest="level", action="store_const", const="static", help="no database needed"
    )
    level.add_argument(
        "--full", dest="level", action="store_const", const="full", help="read every row once"
    )
    checking.add_argument("--table", metavar="NAME", default="", help="only this table")
    checking.add_argument("--json", metavar="FILE", default="", help="write a report too")
    cleaning = commands.add("clean-scratch")
    cleaning.add_argument("--job", metavar="ID", action="append", help="those of a job; repeatable")
    cleaning.add_argument("--older-than", metavar="AGE", help="those of this age, such as 24h")
    cleaning.add_argument(
        "--all", action="store_true", help="those of every job, even running ones"
    )
    cleaning.add_argument("--dry-run", action="store_true", help="only name them")
    database(cleaning)
    commands.add("isolation-report")
    schema = commands.add("schema")
    schema.add_argument("what", choices=("list", "show"), help="what to print")
    schema.add_argument("schema", metavar="NAME", nargs="?", help="the schema to show")


def parse(parser: Parser, words: Sequence[str], known: Sequence[str] = tuple(HELP)) -> Any:
    """Read arguments; an unknown command is answered with the nearest ones."""
    places = [word for word in words if not word.startswith("-")]
    every = {*known, *(alias for name in known for alias in ALIASES.get(name, ()))}
    if places and places[0].replace("_", "-") not in every and places[0] == _first(words):
        raise ArgumentsError(f"{places[0]} is not a command.{nearest(places[0], every)}")
    return parser.parse_args(words)


def _first(words: Sequence[str]) -> str:
    """Return the word in the position of the command."""
    return next((word for word in words if word not in ("--debug", "--version")), "")
