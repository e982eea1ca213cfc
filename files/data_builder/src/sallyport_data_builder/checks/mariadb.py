"""What MariaDB knows of its tables, accounts and clocks."""

from __future__ import annotations

from collections.abc import Iterator

from sallyport_data_builder.checks.catalogue import Catalogue
from sallyport_data_builder.checks.query import ask
from sallyport_data_builder.checks.subject import Subject
from sallyport_data_builder.sql.database import Database
from sallyport_data_builder.sql.standard import operator_text

ROWS = """
  select table_rows from information_schema.tables
  where table_schema = coalesce(nullif(:place, ''), database()) and table_name = :name"""
INDEXES = """
  select column_name from information_schema.statistics
  where table_schema = coalesce(nullif(:place, ''), database()) and table_name = :name
    and seq_in_index = 1"""
GLOBAL = """
  select distinct privilege_type from information_schema.user_privileges
  where grantee = concat('''', replace(current_user(), '@', '''@'''), '''')
    and privilege_type in
      ('INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'ALTER', 'SUPER', 'CREATE USER')
  order by 1 limit 4"""
PLACES = """
  select distinct place from (
    select table_schema as place, privilege_type, table_schema, grantee
    from information_schema.schema_privileges
    union all
    select concat(table_schema, '.', table_name), privilege_type, table_schema, grantee
    from information_schema.table_privileges) granted
  where grantee = concat('''', replace(current_user(), '@', '''@'''), '''')
    and privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'ALTER')
    and table_schema <> :scratch
  order by 1 limit 4"""
ZONES = """
  select coalesce(cast(convert_tz('2024-07-01 00:00:00', @@global.time_zone, @@session.time_zone)
      as date) <> '2024-07-01', true)
    or cast(convert_tz('2024-01-01 00:00:00', @@global.time_zone, @@session.time_zone)
      as date) <> '2024-01-01'"""
MOMENTS = """
  select column_name from information_schema.columns
  where table_schema = coalesce(nullif(:place, ''), database()) and table_name = :name
    and data_type = 'timestamp'
  order by 1"""


class MariaDBCatalogue(Catalogue):
    """Reads information_schema, which shows an account what it may see."""

    oldest = (10, 11)
    keeps_collation = True
    strict_when_storing = True

    def rows(self, database: Database, table: str) -> int:
        """Read the statistics."""
        return int(self.ask(database, ROWS, **_place(table)).scalar() or 0)

    def indexes(self, database: Database, table: str) -> set[str] | None:
        """Read the first column of each index; there are none on expressions."""
        found = self.ask(database, INDEXES, **_place(table)).scalars()
        return {self.normal(key) for key in found}

    def estimate(self, database: Database, sql: str) -> int:
        """Ask for the plan; its rows multiply."""
        product = 1
        for row in ask(database, operator_text(f"explain {sql}")).mappings():
            product *= int(row["rows"] or 0)
        return product

    def privileges(self, database: Database, scratch: str) -> list[str] | None:
        """Look for grants that write, at each level."""
        found = []
        if powers := list(self.ask(database, GLOBAL).scalars()):
            found.append(f"the account has {', '.join(powers)} everywhere: revoke them")
        if places := list(self.ask(database, PLACES, scratch=scratch).scalars()):
            found.append(f"the account may write to {', '.join(places)}: revoke all but select")
        return found

    def shifted(self, database: Database, subject: Subject) -> Iterator[str]:
        """Moments whose day depends on the zone."""
        yield from super().shifted(database, subject)
        if not self.ask(database, ZONES).scalar():
            return
        for entry in subject.entries():
            for table in subject.base_tables(entry.mapped):
                for column in self.ask(database, MOMENTS, **_place(table)).scalars():
                    if subject.mentions(entry.mapped, column):
                        yield (
                            f"{entry.mapped.name} uses {table}.{column}, a moment, and the "
                            "connection is in another zone than the server: set time_zone"
                        )


def _place(table: str) -> dict[str, str]:
    place, _, name = table.rpartition(".")
    return {"place": place, "name": name}
