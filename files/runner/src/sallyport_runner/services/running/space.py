"""Free disk space of every file system that jobs use."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from sallyport_runner.services import metrics
from sallyport_runner.services.executor import Executor, TransientError
from sallyport_runner.settings import Settings

log = logging.getLogger(__name__)


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
        self._reported: Path | None = None

    def short(self) -> Path | None:
        """Return the first folder with less free space than the floor, or None."""
        free = {folder: shutil.disk_usage(folder).free for folder in self._all()}
        for folder, number in free.items():
            metrics.FREE_BYTES.labels(str(folder)).set(number)
        short = next((folder for folder, number in free.items() if number < self._floor), None)
        if short is not None and short != self._reported:
            figures = {"folder": str(short), "free": free[short], "floor": self._floor}
            log.warning("too little disk space in %s: no job starts", short, extra=figures)
        self._reported = short
        return short

    def _all(self) -> list[Path]:
        try:
            self._engine = self._engine or self._executor.data_folder()
        except TransientError:
            return self._folders
        return [*self._folders, self._engine] if self._engine.exists() else self._folders
