"""Structured logs: one JSON object a line on stderr, ids in fields, no personal data."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

Context = Callable[[], Mapping[str, Any]]


def no_context() -> Mapping[str, Any]:
    """Return nothing: what a process tells that serves no requests."""
    return {}


class JsonFormatter(logging.Formatter):
    """Writes a record, its context and its extra fields as one line of JSON."""

    def __init__(self, context: Context = no_context) -> None:
        super().__init__()
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        line: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._context(),
        }
        line.update((k, v) for k, v in record.__dict__.items() if k not in _STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, str).decode()


def configure_logging(context: Context = no_context) -> None:
    """Send this process's logs to stderr as JSON; a repeat changes nothing."""
    root = logging.getLogger()
    if any(isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(context))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
