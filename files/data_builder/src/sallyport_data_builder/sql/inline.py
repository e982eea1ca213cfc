"""The rows of a study's own tables, checked again where they are used (PLAN-04, SEM-22)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sallyport_data_builder.errors import DataFileError
from sallyport_data_builder.io import inputs, rules
from sallyport_data_builder.io.tables import OutputTable, column
from sallyport_data_builder.model.nodes import Inline


def rows_of(node: Inline) -> Iterator[tuple[Any, ...]]:
    """Yield the rows; raise DataFileError if the file is another one, or a patient occurs twice."""
    if not node.source:
        yield from node.rows
        return
    path = Path(node.source)
    if not path.is_file() or path.resolve() != Path.cwd().resolve() / path:  # a link on the way
        raise DataFileError(f"There is no file {node.source}.")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != node.digest:
        raise DataFileError(f"{node.source} is not the file that the study was compiled with.")
    table = OutputTable.of_patients(node.source, (column(name, kind) for name, kind in node.spec))
    yield from rules.one_per_patient(node.source, inputs.rows(path, table))
