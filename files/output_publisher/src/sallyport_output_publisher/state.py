"""What the publisher remembers: how far each request and each file has come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text, delete, insert, select

from sallyport_common import database, revisions
from sallyport_common.protocol import utc_now_text
from sallyport_output_publisher.models import Progress

MIGRATIONS = Path(__file__).parent / "migrations"
FILE = "output_publisher.sqlite3"
metadata = MetaData()

requests = Table(
    "requests",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("progress", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("due", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("updated_at", String(32), nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("request", String(26), primary_key=True),
    Column("name", String(1000), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("file_id", String(100), nullable=False),
    Column("uploaded_at", String(32), nullable=False),
)


@dataclass(frozen=True)
class RequestProgress:
    """How far one request has come, and when it is looked at again."""

    request: str
    progress: Progress
    reason: str
    due: float
    attempts: int
    updated_at: str


class State:
    """The publisher's own database."""

    def __init__(self, folder: Path) -> None:
        self._engine = database.create_engine(f"sqlite:///{folder / FILE}")

    def migrate(self) -> None:
        """Bring the tables to the newest revision."""
        revisions.migrate(self._engine, "sallyport_output_publisher", MIGRATIONS)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def all(self) -> list[RequestProgress]:
        """Return every request that was looked at, oldest first."""
        with database.read(self._engine) as connection:
            rows = connection.execute(select(requests).order_by(requests.c.id)).all()
        return [
            RequestProgress(
                row.id, Progress(row.progress), row.reason, row.due, row.attempts, row.updated_at
            )
            for row in rows
        ]

    def settle(self, request: str, progress: Progress, reason: str = "", due: float = 0) -> None:
        """Note how an attempt ended."""
        with database.write(self._engine) as connection:
            mine = requests.c.id == request
            before = connection.execute(select(requests.c.attempts).where(mine)).scalar()
            connection.execute(delete(requests).where(mine))
            connection.execute(
                insert(requests).values(
                    id=request,
                    progress=progress.value,
                    reason=reason,
                    due=due,
                    attempts=(before or 0) + 1,
                    updated_at=utc_now_text(),
                )
            )

    def uploaded(self, request: str) -> dict[str, str]:
        """Return the files of a request that have arrived: name to the job server's id."""
        query = select(files.c.name, files.c.file_id).where(files.c.request == request)
        with database.read(self._engine) as connection:
            return {row.name: row.file_id for row in connection.execute(query)}

    def add_upload(self, request: str, name: str, sha256: str, file_id: str) -> None:
        """Note that a file has arrived."""
        with database.write(self._engine) as connection:
            connection.execute(
                insert(files).values(
                    request=request,
                    name=name,
                    sha256=sha256,
                    file_id=file_id,
                    uploaded_at=utc_now_text(),
                )
            )
