"""Structured logs: one JSON object a line on standard error, which the journal keeps."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType

from sallyport_common.redaction import Redactor

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Render a record as JSON; keys of `extra` become fields of their own."""

    def __init__(self, service: str, redactor: Redactor) -> None:
        super().__init__()
        self._service, self._redactor = service, redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return one line; an exception is reduced to its traceback text in `exception`."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(self._redactor.value(json.loads(json.dumps(entry, default=str))))


def configure(service: str, level: str = "INFO", secrets: Iterable[str] = ()) -> None:
    """Send every log record of this process to standard error as JSON, without some secrets.

    Exceptions that nobody caught, in threads too, become records.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service, Redactor(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    sys.excepthook = _uncaught
    threading.excepthook = lambda fault: _uncaught(
        fault.exc_type, fault.exc_value, fault.exc_traceback
    )


def _uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if error is not None and isinstance(error, Exception):
        logging.getLogger().critical("uncaught exception", exc_info=(kind, error, trace))
