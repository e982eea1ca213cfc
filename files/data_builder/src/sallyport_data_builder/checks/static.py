"""The checks that need no database: CHK-01 to CHK-05."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sallyport_data_builder.backends.reader import BAD_FILE, INCOMPLETE, Problem
from sallyport_data_builder.checks import sqltext
from sallyport_data_builder.checks.report import Check
from sallyport_data_builder.checks.subject import Entry, Subject


def problems(slug: str, found: Sequence[Problem]) -> Iterator[Check]:
    """Give the mistakes of a file that could not be read; what follows from them is skipped."""
    for number in (BAD_FILE, INCOMPLETE):
        mine = [item for item in found if item.check == number]
        for item in mine:
            text = f"{item.text} ({slug}.toml, line {item.line})"
            yield Check(number, "fail", text, item.table, item.column)
        if not mine:
            yield _good(number, slug)
    yield Check("CHK-03", "skip", "the mapping must be read first, and so for all others")


def _good(check: str, slug: str, schemas: str = "its schemas") -> Check:
    text = {
        BAD_FILE: f"{slug} is a mapping of format 1",
        INCOMPLETE: f"every table and column of {schemas} is mapped or unavailable",
    }
    return Check(check, "ok", text[check])


def static(subject: Subject) -> Iterator[Check]:
    """Check a mapping that could be read."""
    mapping = subject.mapping
    yield _good(BAD_FILE, mapping.slug)
    yield _good(INCOMPLETE, mapping.slug, ", ".join(mapping.implements) or "its own tables")
    yield from _texts(subject)
    for entry in subject.entries():
        yield from _categories(subject, entry)
        yield from _unavailable(subject, entry)


def _texts(subject: Subject) -> Iterator[Check]:
    """CHK-03: the operator's SQL is one SELECT, or one expression."""
    found = [(path, sqltext.wrong_query(sql, subject.grammar)) for path, sql in _queries(subject)]
    found += [
        (path, sqltext.wrong_expression(sql, subject.grammar))
        for path, sql in _expressions(subject)
    ]
    for path, wrong in found:
        if wrong:
            text = f"{'.'.join(path)}: {wrong} {subject.line(*path)}"
            yield Check("CHK-03", "fail", text)
    if not any(wrong for _path, wrong in found):
        yield Check("CHK-03", "ok", f"{len(found)} pieces of SQL are one SELECT or expression each")


def _queries(subject: Subject) -> Iterator[tuple[tuple[str, ...], str]]:
    for entry in subject.entries():
        if entry.mapped.query:
            yield (entry.mapped.section, entry.mapped.name, "query"), entry.mapped.query
    if subject.only:
        return
    for item in subject.mapping.exclusions:
        yield (*item.path, "sql"), item.sql
    if subject.mapping.maintenance:
        yield ("maintenance", "sql"), subject.mapping.maintenance


def _expressions(subject: Subject) -> Iterator[tuple[tuple[str, ...], str]]:
    for entry in subject.entries():
        place = entry.mapped.section, entry.mapped.name
        if entry.mapped.where:
            yield (*place, "where"), entry.mapped.where
        for column, mapped in entry.mapped.columns.items():
            if mapped.sql:
                yield (*place, "columns", column, "sql"), mapped.sql


def _categories(subject: Subject, entry: Entry) -> Iterator[Check]:
    """CHK-04: a map gives categories of the column, and closes them."""
    for column, spec in entry.columns.items():
        mapped = entry.mapped.columns.get(column)
        if not mapped or not mapped.map or not spec.categories:
            continue
        where = subject.at(entry.mapped, column)
        given = {*map(str, mapped.map.values())}
        given |= set() if mapped.otherwise is None else {str(mapped.otherwise)}
        wrong = []
        if strangers := sorted(given - {*spec.categories}):
            known = ", ".join(spec.categories)
            wrong.append(f"map gives {', '.join(strangers)}; the categories are {known}")
        if mapped.otherwise is None:
            wrong.append("add otherwise = ...: a value that map does not name would be NULL")
        for text in wrong:
            yield Check("CHK-04", "fail", f"{text} {where}", entry.mapped.name, column)
        if not wrong:
            yield Check("CHK-04", "ok", "maps to its categories", entry.mapped.name, column)


def _unavailable(subject: Subject, entry: Entry) -> Iterator[Check]:
    """CHK-05: what studies see as NULL."""
    name, gone = entry.mapped.name, sorted(entry.mapped.unavailable)
    where = subject.at(entry.mapped, key="unavailable")
    if entry.mapped.absent:
        yield Check("CHK-05", "warn", f"is unavailable: studies see no rows {where}", name)
        return
    required = [column for column in gone if entry.columns[column].not_null]
    for column in required:
        text = f"is unavailable though it must not be null: studies see NULL {where}"
        yield Check("CHK-05", "warn", text, name, column)
    if others := [column for column in gone if column not in required]:
        named = "1 column is" if len(others) == 1 else f"{len(others)} columns are"
        text = f"{named} unavailable, NULL in studies: {', '.join(others)} {where}"
        yield Check("CHK-05", "warn", text, name)
