"""Trino, by its own driver; compiled and parsed, not run in our tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import trino
from trino.sqlalchemy.dialect import TrinoDialect

from sallyport_data_builder.errors import ExitCode
from sallyport_data_builder.schemas.types import TEXTS
from sallyport_data_builder.sql.dialect import Dialect, Element, Limits
from sallyport_data_builder.sql.portable import in_groups
from sallyport_data_builder.sql.statements import Analyze, ArrayOf, CreateTableAs

MOST_ARGUMENTS = 250
TRANSIENT = ("SERVER_SHUTTING_DOWN", "SERVER_STARTING_UP", "CLUSTER_OUT_OF_MEMORY")
NOT_AVAILABLE = ("TABLE_NOT_FOUND", "COLUMN_NOT_FOUND", "SCHEMA_NOT_FOUND", "CATALOG_NOT_FOUND")
TOO_COMPLEX = ("QUERY_TEXT_TOO_LARGE", "QUERY_HAS_TOO_MANY_STAGES", "COMPILER_ERROR")


class Trino(Dialect):
    """Scratch tables are real ones, in `catalog.schema`: there are no temporary tables."""

    name = "trino"
    grammar = "trino"
    limits = Limits(parameters=1_000, joins=40, columns=1_000, identifier=63, literals=2_000)
    types: Mapping[str, Any] = {
        "bool": sa.Boolean(),
        "int": sa.BigInteger(),
        "float": sa.Double(),
        "date": sa.Date(),
        **dict.fromkeys(TEXTS, sa.VARCHAR()),
    }
    errors = (sa.exc.SQLAlchemyError, trino.exceptions.Error)
    native: Mapping[str, tuple[str, ...]] = {
        "bool": ("boolean",),
        "int": ("bigint", "integer", "smallint", "tinyint"),
        "float": ("double",),
        "date": ("date",),
        **dict.fromkeys(TEXTS, ("varchar",)),
    }

    def compiler(self) -> sa.Dialect:
        """The driver's own."""
        made: Any = TrinoDialect
        found: sa.Dialect = made(paramstyle="named")
        return found

    @contextmanager
    def connect(self, url: str, job: str, settings: Mapping[str, Any]) -> Iterator[sa.Connection]:
        """Connect, with the client certificate of the environment if there is one."""
        with ExitStack() as stack:
            arguments: dict[str, Any] = {
                "source": f"data-builder {job}",
                "session_properties": {name: str(value) for name, value in settings.items()},
            }
            if os.environ.get("PRESTO_TLS_CERT"):
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                paths = [_secret(folder, name) for name in ("PRESTO_TLS_CERT", "PRESTO_TLS_KEY")]
                certificate = trino.auth.CertificateAuthentication(*paths)
                arguments |= {"http_scheme": "https", "auth": certificate}
            engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=arguments)
            yield stack.enter_context(engine.connect())

    def cancel(self, connection: sa.Connection) -> None:
        """Kill what carries our source."""
        driver: Any = connection.connection.driver_connection
        driver.close()

    def create_table(self, name: str, select: sa.Select[Any], schema: str) -> list[Any]:
        """A table of the scratch schema, with statistics."""
        return [CreateTableAs("", name, schema, select), Analyze(name, schema)]

    def column_types(self, connection: sa.Connection, select: sa.Select[Any]) -> dict[str, str]:
        """Ask the answer of no rows for its types."""
        columns = connection.execute(select.limit(0)).cursor.description
        return {item[0]: str(item[1]).partition("(")[0] for item in columns}

    def query_id(self, cursor: Any) -> str:
        """Each statement has one."""
        return str(cursor.query_id)

    def classify(self, error: Exception) -> tuple[ExitCode, str]:
        """Read the error's name."""
        original = getattr(error, "orig", error)
        name = str(getattr(original, "error_name", "") or type(original).__name__)
        if name in TRANSIENT or not isinstance(original, trino.exceptions.TrinoQueryError):
            return ExitCode.UNREACHABLE, name
        if name in NOT_AVAILABLE:
            return ExitCode.NOT_AVAILABLE, name
        code = ExitCode.TOO_COMPLEX if name in TOO_COMPLEX else ExitCode.REFUSED
        return code, name

    def date_add(self, op: str, date: Element, amount: Element) -> Element:
        """Clamped to the end of the month by the database, then moved to the first."""
        unit: Element = sa.literal_column({"days": "'day'", "months": "'month'"}[op])
        moved = sa.func.date_add(unit, amount, date, type_=sa.Date())
        return moved if op == "days" else self.clamped(date, moved)

    def date_diff_days(self, start: Element, end: Element) -> Element:
        """A function of its own."""
        day: Element = sa.literal_column("'day'")
        return sa.func.date_diff(day, start, end, type_=sa.BigInteger())

    def date_floor(self, op: str, date: Element) -> Element:
        """date_trunc keeps the type."""
        unit: Element = sa.literal_column(f"'{op}'")
        return sa.func.date_trunc(unit, date, type_=sa.Date())

    def to_int(self, number: Element) -> Element:
        """A cast would round."""
        return sa.cast(sa.func.truncate(number), sa.BigInteger)

    def extreme(self, op: str, parts: Sequence[Element], kind: str) -> Element:
        """Of an array without its NULLs; the functions of arguments give NULL if one is."""
        function = sa.func.array_min if op == "least" else sa.func.array_max
        known: Element = sa.literal_column("x -> x IS NOT NULL")

        def best(group: Sequence[Element]) -> Element:
            return function(sa.func.filter(ArrayOf(*group), known), type_=self.types[kind])

        return in_groups(parts, MOST_ARGUMENTS, best)

    def contains(self, text: Element, needle: Element) -> Element:
        """No pattern, so no escapes."""
        return sa.func.strpos(text, needle) > 0


def _secret(folder: Path, name: str) -> str:
    """Write a secret of the environment where the driver reads it."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(os.environ.get(name, ""), encoding="utf-8")
    return str(path)
