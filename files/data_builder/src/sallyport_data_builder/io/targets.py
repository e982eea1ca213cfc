"""Where an output goes: one file, a folder with a file per table, or standard output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sallyport_data_builder.errors import ArgumentsError, DataFileError

EXTENSIONS = (".csv", ".csv.gz", ".arrow", ".parquet")
CSV = (".csv", ".csv.gz")


@dataclass(frozen=True)
class Target:
    """An output as it was asked for; without a folder and a file it is standard output."""

    file: Path | None = None
    folder: Path | None = None
    extension: str = ".csv"

    @classmethod
    def of(cls, output: str | None, option: str = "--output") -> Target:
        """Read FILE.ext, DIR/:ext or DIR:ext; raise ArgumentsError on any other extension."""
        if output is None:
            return cls()
        folder, colon, word = output.rpartition(":")
        if colon and "/" not in word:
            return cls(folder=Path(folder), extension=_known(f".{word}", f"{option} {output}"))
        return cls(file=Path(output), extension=extension_of(output, option))

    @property
    def takes_csv(self) -> bool:
        """Whether lines that a database rendered as CSV can be written as they come (FMT-11)."""
        return self.extension in CSV

    @property
    def parent(self) -> Path | None:
        """The folder that files appear in, or None for standard output."""
        return self.folder or (self.file.parent if self.file else None)

    def path(self, table: str) -> Path | None:
        """Return the file of a table, or None for standard output."""
        if self.folder is None:
            return self.file
        return self.folder / f"{quote(table, safe=' ')}{self.extension}"

    def check(self, tables: Sequence[str]) -> None:
        """Refuse several tables in one file."""
        if len(tables) > 1 and self.file is not None:
            fix = f"{self.file.parent}/:{self.extension[1:]}"
            raise DataFileError(
                f"There are {len(tables)} tables ({', '.join(tables)}), and {self.file} is one "
                f"file: name a folder instead, --output {fix}."
            )


def extension_of(path: str, option: str) -> str:
    """Return the extension of a file that can be read and written, else raise ArgumentsError."""
    found = [known for known in EXTENSIONS if path.endswith(known)]
    return found[0] if found else _known(Path(path).suffix, f"{option} {path}")


def _known(extension: str, place: str) -> str:
    if extension not in EXTENSIONS:
        raise ArgumentsError(f"{place}: the file must end in one of {', '.join(EXTENSIONS)}.")
    return extension
