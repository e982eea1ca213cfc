"""What PostgreSQL knows of its tables, accounts and clocks."""

from __future__ import annotations

import json
from collections.abc import Iterator

import sqlalchemy as sa

from sallyport_data_builder.checks.catalogue import DAY, Catalogue
from sallyport_data_builder.checks.query import ask
from sallyport_data_builder.checks.subject import Subject
from sallyport_data_builder.sql.database import Database
from sallyport_data_builder.sql.standard import operator_text

ROWS = "select cast(reltuples as bigint) from pg_class where oid = to_regclass(:name)"
INDEXES = """
  select pg_get_indexdef(indexrelid, 1, true) from pg_index
  where indrelid = to_regclass(:name) and indisvalid and indpred is null"""
POWERS = """
  select rolsuper, rolcreaterole,
    rolcreatedb or has_database_privilege(current_database(), 'CREATE')
  from pg_roles where rolname = current_user"""
WRITABLE = """
  select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname <> :scratch
    and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_t%'
    and has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
  order by 1 limit 4"""
SCHEMAS = """
  select nspname from pg_namespace
  where nspname <> :scratch and nspname not like 'pg\\_t%' and has_schema_privilege(oid, 'CREATE')
  order by 1 limit 4"""
ZONES = """
  select reset_val, cast(cast('2024-07-01 00:00' as timestamp) at time zone reset_val as date)
      <> '2024-07-01'
    or cast(cast('2024-01-01 00:00' as timestamp) at time zone reset_val as date) <> '2024-01-01'
  from pg_settings where name = 'TimeZone'"""
MOMENTS = """
  select attname from pg_attribute
  where attrelid = to_regclass(:name) and atttypid = cast('timestamptz' as regtype)
    and attnum > 0 and not attisdropped order by attname"""


class PostgreSQLCatalogue(Catalogue):
    """Reads pg_catalog; everything here is readable by any account."""

    oldest = (15,)
    keeps_collation = True

    def rows(self, database: Database, table: str) -> int:
        """Read the statistics."""
        return int(self.ask(database, ROWS, name=table).scalar() or 0)

    def indexes(self, database: Database, table: str) -> set[str] | None:
        """Read the first key of each index, expressions included."""
        return {self.normal(key) for key in self.ask(database, INDEXES, name=table).scalars()}

    def estimate(self, database: Database, sql: str) -> int:
        """Ask for the plan."""
        explained = ask(database, operator_text(f"explain (format json) {sql}")).scalar()
        plan = json.loads(explained) if isinstance(explained, str) else explained
        return int(plan[0]["Plan"]["Plan Rows"])

    def privileges(self, database: Database, scratch: str) -> list[str] | None:
        """Look for powers, tables that can be written, and schemas that can grow."""
        superuser, roles, databases = self.ask(database, POWERS).one()
        if superuser:
            return ["the account is a superuser: make one that only reads"]
        found = []
        if roles:
            found.append("the account may make roles: alter role ... nocreaterole")
        if databases:
            found.append("the account may make schemas or databases: revoke create on database")
        if tables := list(self.ask(database, WRITABLE, scratch=scratch).scalars()):
            found.append(f"the account may write to {_some(tables)}: revoke all but select")
        if schemas := list(self.ask(database, SCHEMAS, scratch=scratch).scalars()):
            found.append(f"the account may create in {_some(schemas)}: revoke create on schema")
        return found

    def shifted(self, database: Database, subject: Subject) -> Iterator[str]:
        """Dates as text, and moments whose day depends on the zone."""
        yield from super().shifted(database, subject)
        text = sa.cast(database.dialect.literal(DAY, "date"), sa.Text)
        if ask(database, sa.select(text)).scalar() != DAY.isoformat():
            yield "dates are not ISO as text: take DateStyle out of settings"
        zone, shifts = self.ask(database, ZONES).one()
        if not shifts:
            return
        for entry in subject.entries():
            for table in subject.base_tables(entry.mapped):
                for column in self.ask(database, MOMENTS, name=table).scalars():
                    if subject.mentions(entry.mapped, column):
                        yield (
                            f"{entry.mapped.name} uses {table}.{column}, a moment, and the "
                            f'connection is in another zone than the server: TimeZone = "{zone}"'
                        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
