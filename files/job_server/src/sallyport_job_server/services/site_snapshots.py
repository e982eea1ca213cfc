"""Snapshots of all that the server keeps: its database and the released files, of one moment."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from sallyport_common.errors import SallyportError
from sallyport_common.paths import sha256_file, write_atomic
from sallyport_common.versions import package_version
from sallyport_job_server.models import Operator
from sallyport_job_server.services import clock
from sallyport_job_server.storage import copying, releases
from sallyport_job_server.storage.database import Database
from sallyport_job_server.storage.files import ReleaseStore

ABOUT, FILES = "snapshot.json", "releases"
FORMAT = 1


class SiteSnapshots:
    """The use cases of an operator on the host."""

    def __init__(self, database: Database, store: ReleaseStore) -> None:
        self._database, self._store = database, store

    def take(self, actor: Operator, folder: Path) -> int:
        """Make a snapshot while the server works; return how many released files it has.

        It is a folder that is complete or not there. Raise SallyportError for a folder that exists,
        and, after the snapshot was made, for files that are not what was released.
        """
        if folder.exists():
            raise SallyportError(f"{folder} exists already")
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)  # of one that was stopped
        part.mkdir(parents=True, mode=0o700)
        names, wrong = self._fill(part)
        about = {
            "format": FORMAT,
            "taken_at": clock.now(),
            "version": package_version("sallyport-job-server"),
            "files": names,
        }
        write_atomic(part / ABOUT, json.dumps(about, indent=1).encode(), 0o600)
        part.rename(folder)
        os.sync()
        with self._database.change(actor.username) as change:
            change.record("site.snapshot", folder.name, files=len(names), wrong=len(wrong))
        if wrong:
            raise SallyportError(
                f"{folder} was made, but of {len(names)} released files {len(wrong)} are missing "
                f"or are not what was released: {', '.join(wrong[:5])}"
            )
        return len(names)

    def _fill(self, part: Path) -> tuple[dict[str, str], list[str]]:
        """Copy everything; return files with their digests, and which of them are not theirs."""
        copies = part / FILES
        # Bytes are there before their row and go after it: what is copied before the database
        # may lack what came since, and has what was removed since.
        self._store.copy(copies)
        with copying.saved(self._database.engine, part) as connection:
            names = releases.kept(connection)
        self._store.copy(copies, names)
        extra = ReleaseStore(copies).addresses() - names.keys()
        for address in extra:
            (copies / address).unlink()
        wrong = [one for one, digest in names.items() if _digest(copies / one) != digest]
        return names, wrong

    def put_back(self, actor: Operator, folder: Path) -> int:
        """Fill an empty server from a snapshot; return how many released files came with it."""
        names = _about(folder)
        if self._store.addresses():
            raise SallyportError("there are released files already; nothing was changed")
        copying.put_back(self._database.engine, folder)
        self._store.take(folder / FILES)
        self._database.migrate()
        wrong = [one for one, digest in names.items() if not self._store.has(one, digest)]
        with self._database.change(actor.username) as change:
            change.record("site.put_back", folder.name, files=len(names), wrong=len(wrong))
        if wrong:
            raise SallyportError(
                f"all was put back, but {len(wrong)} released files are missing or are not what "
                f"was released: {', '.join(wrong[:5])}"
            )
        return len(names)


def _about(folder: Path) -> dict[str, str]:
    """Return the files of a snapshot with their digests; raise SallyportError for anything else."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise SallyportError(f"{folder} was made by another version: {about['version']}")
        return dict(about["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise SallyportError(f"{folder} is not a snapshot: it has no {ABOUT}") from None


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return sha256_file(stream)
    except OSError:
        return ""
