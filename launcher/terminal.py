"""What the person at the terminal sees: one line per step, and what went wrong."""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TextIO

GREEN, YELLOW, RED, BOLD, DIM, PLAIN = "32", "33", "31", "1", "2", "0"
NAME_WIDTH = 16


class Terminal:
    """Writes lines, with colours and a moving last line where the output is a terminal."""

    def __init__(self, output: TextIO | None = None) -> None:
        self._output = output or sys.stdout
        self._is_live = self._output.isatty() and os.environ.get("TERM") != "dumb"
        self._has_colour = self._is_live and "NO_COLOR" not in os.environ
        self._began_at = time.monotonic()

    def coloured(self, text: str, colour: str) -> str:
        """Return the text in a colour, where the output shows colours."""
        return f"\033[{colour}m{text}\033[{PLAIN}m" if self._has_colour else text

    def line(self, text: str = "") -> None:
        """Write one line."""
        with contextlib.suppress(OSError):  # a closed terminal must not keep us from stopping
            print(text, file=self._output, flush=True)

    def begin(self, name: str) -> None:
        """Say that a step goes on; its result replaces the line."""
        self._began_at = time.monotonic()
        if self._is_live:
            self._output.write(f"  {name:<{NAME_WIDTH}} …")
            self._output.flush()

    def done(self, name: str, detail: str = "", *, word: str = "ready") -> None:
        """Say that the step begun last is done, and how long it took."""
        seconds = f"{time.monotonic() - self._began_at:5.1f} s"
        result = f"{self.coloured(f'{word:<5}', GREEN)} {seconds}  {detail}"
        self._replace(f"  {name:<{NAME_WIDTH}} {result}".rstrip())

    def failed(self, name: str) -> None:
        """Say that the step begun last did not work."""
        self._replace(f"  {name:<{NAME_WIDTH}} {self.coloured('failed', RED)}")

    def warn(self, text: str) -> None:
        """Write one line about something that went wrong but goes on."""
        self._replace(self.coloured(f"! {text}", YELLOW))

    def loud(self, text: str) -> None:
        """Write something nobody should miss."""
        rule = "*" * 80
        self.line(self.coloured(f"{rule}\n{text}\n{rule}", YELLOW))

    def _replace(self, text: str) -> None:
        if self._is_live:
            self._output.write("\r\033[K")
        self.line(text)


def last_lines(log: Path, count: int = 15) -> str:
    """Return the end of a log file, indented."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        text = file.read().decode(errors="replace")
    return "\n".join(f"    {line}" for line in text.splitlines()[-count:])
