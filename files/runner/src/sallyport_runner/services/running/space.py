"""Free disk space of every file system that jobs use."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sallyport_runner.services import metrics
from sallyport_runner.services.executor import Executor, TransientError
from sallyport_runner.settings import Settings

log = logging.getLogger(__name__)
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Shortage:
    """A file system with too little free space, by a folder on it; sizes in bytes."""

    folder: Path
    free: int
    floor: int

    def __str__(self) -> str:
        return (
            f"{self.folder} has {_mebibytes(self.free)} of free disk space, and jobs start from "
            f"{_mebibytes(self.floor)} on (runner_disk_free_floor)"
        )


def _mebibytes(number: int) -> str:
    return f"{number / MEBIBYTE:,.0f} MiB"


class Space:
    """Looks at both privacy trees, the runner's own folder, temporary files and the engine's."""

    def __init__(self, settings: Settings, executor: Executor) -> None:
        self._floor, self._executor = settings.disk_free_floor, executor
        self._folders = [
            settings.high_privacy_storage_base,
            settings.medium_privacy_storage_base,
            settings.workdir,
            Path(tempfile.gettempdir()),
        ]
        self._engine: Path | None = None
        self._unseen = False
        self._reported: frozenset[Path] = frozenset()

    def short(self) -> list[Shortage]:
        """Return every file system with less free space than the floor; a new one is logged."""
        free = {folder: shutil.disk_usage(folder).free for folder in self._all()}
        for folder, number in free.items():
            metrics.FREE_BYTES.labels(str(folder)).set(number)
        short = [
            Shortage(folder, number, self._floor)
            for folder, number in free.items()
            if number < self._floor
        ]
        for shortage in short:
            if shortage.folder not in self._reported:
                figures = {"folder": str(shortage.folder), "free": shortage.free}
                log.warning("no job starts: %s", shortage, extra=figures)
        self._reported = frozenset(shortage.folder for shortage in short)
        return short

    def _all(self) -> list[Path]:
        try:
            self._engine = self._engine or self._executor.data_folder()
        except TransientError:
            return self._folders
        try:
            self._engine.stat()
        except OSError as error:
            self._say_unseen(self._engine, error)
            return self._folders
        self._unseen = False
        return [*self._folders, self._engine]

    def _say_unseen(self, folder: Path, error: OSError) -> None:
        if not self._unseen:
            log.warning(
                "the free space of the container engine is not checked: this service cannot see "
                "its folder",
                extra={"folder": str(folder), "error": error.strerror},
            )
        self._unseen = True
