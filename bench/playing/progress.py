"""A progress bar on stderr; on a dumb terminal, or in a file, a line now and then."""

import os
import sys
import time
from typing import TextIO

WIDTH = 28
LINE_EVERY_SECONDS = 15.0
DRAW_EVERY_SECONDS = 0.1


class Progress:
    """Shows one phase after another: a share of it done, and a detail."""

    def __init__(self, output: TextIO | None = None) -> None:
        self._output = output or sys.stderr
        self._is_live = self._output.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._phase = ""
        self._shown_at = float("-inf")
        self._last = ""

    def begin(self, phase: str) -> None:
        """Begin a phase; the one before is left as it stands."""
        self._finish_line()
        self._phase = phase
        self._shown_at = float("-inf")
        self.show(0.0)

    def show(self, share: float, detail: str = "") -> None:
        """Show how much of the phase is done, between 0 and 1; draws now and then only."""
        now = time.monotonic()
        pause = DRAW_EVERY_SECONDS if self._is_live else LINE_EVERY_SECONDS
        self._last = self._text(share, detail)
        if now - self._shown_at >= pause:
            self._shown_at = now
            self._draw()

    def done(self, detail: str = "") -> None:
        """End the phase."""
        self._last = self._text(1.0, detail)
        self._draw()
        self._finish_line()
        self._phase = ""

    def _text(self, share: float, detail: str) -> str:
        share = min(1.0, max(0.0, share))
        filled = round(share * WIDTH)
        bar = "#" * filled + "." * (WIDTH - filled)
        return f"[{bar}] {share:4.0%}  {self._phase}  {detail}".rstrip()

    def _draw(self) -> None:
        if self._is_live:
            self._output.write(f"\r\033[K{self._last}")
        else:
            self._output.write(f"{self._last}\n")
        self._output.flush()

    def _finish_line(self) -> None:
        if self._phase and self._is_live:
            self._output.write("\n")
            self._output.flush()
