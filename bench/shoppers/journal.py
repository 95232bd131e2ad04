"""The journal of calls: one JSON line per invoke, ok, fail and unknown; and their counts."""

import json
import threading
import time
from collections import Counter
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO


class Phase(StrEnum):
    """What is known of a call: it was made; it was done; it was refused; nobody knows."""

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Journal:
    """Writes lines to a file, or only counts where there is none; safe to share by threads."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._file: TextIO | None = None
        self.counts: Counter[tuple[str, Phase]] = Counter()
        self.server_errors: list[str] = []
        self.lost: list[str] = []
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, phase: Phase, operation: str, **details: Any) -> None:
        """Write one line: real time, phase, operation, and what else is known."""
        status = details.get("status")
        with self._lock:
            self.counts[operation, phase] += 1
            if isinstance(status, int) and status >= 500:
                self.server_errors.append(
                    f"{operation}: {status} {details.get('code')} {details.get('request_id')}"
                )
            if self._file is not None:
                line = {"at": round(time.time(), 6), "phase": phase, "operation": operation}
                self._file.write(json.dumps(line | details, ensure_ascii=False) + "\n")

    def lose(self, operation: str, key: str | None) -> None:
        """Note a call of which nobody will know how it ended."""
        with self._lock:
            self.lost.append(f"{operation} {key or ''}".strip())

    @property
    def calls(self) -> int:
        """Return how many attempts were made."""
        with self._lock:
            return sum(n for (_, phase), n in self.counts.items() if phase is Phase.INVOKE)
