"""What an audit found: one line per check, as text for people and JSON for programs."""

from dataclasses import dataclass
from typing import Any

from domain.auditing.checks import Check


@dataclass(frozen=True, slots=True)
class Breaches:
    """How many rows break a sentence, the first of them, and the seconds the probe took."""

    count: int
    examples: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """One check and what it found."""

    check: Check
    breaches: Breaches

    @property
    def is_ok(self) -> bool:
        """Say whether the sentence is true."""
        return self.breaches.count == 0

    def to_text(self) -> str:
        """Write the line, and the rows that break the sentence below it."""
        verdict = "ok" if self.is_ok else self._verdict()
        head = f"{verdict:<14} {self.check.name:<36} {self.check.sentence}"
        return "\n".join((head, *(f"{'':<14} - {key}" for key in self.breaches.examples)))

    def _verdict(self) -> str:
        if self.check.is_clock:
            return f"{self.breaches.count} late"
        return _violations(self.breaches.count)

    def to_json(self) -> dict[str, Any]:
        """Write the line as JSON."""
        return {
            "name": self.check.name,
            "invariant": self.check.invariant,
            "sentence": self.check.sentence,
            "is_clock": self.check.is_clock,
            "is_ok": self.is_ok,
            "violations": self.breaches.count,
            "examples": list(self.breaches.examples),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All lines of an audit; parked work is a warning, not a violation, and neither is lateness."""

    lines: tuple[Line, ...]
    parked: Breaches

    @property
    def is_ok(self) -> bool:
        """Say whether every sentence about the books is true; clocks are told apart."""
        return not self.violated

    @property
    def violated(self) -> tuple[str, ...]:
        """Return the names of the checks whose sentence is broken, but for clocks."""
        return tuple(line.check.name for line in self.broken)

    @property
    def broken(self) -> list[Line]:
        """Return the lines whose sentence is broken, but for clocks."""
        return [line for line in self.lines if not line.is_ok and not line.check.is_clock]

    @property
    def late(self) -> list[Line]:
        """Return the clocks that ran out, each with whom it names for ever."""
        return [line for line in self.lines if not line.is_ok and line.check.is_clock]

    def to_text(self) -> str:
        """Write the report for a terminal."""
        lines = [line.to_text() for line in self.lines]
        if self.parked.count:
            lines.append(
                f"{'warning':<14} {'work.parked':<36} {self.parked.count} rows wait for a person"
            )
            lines.extend(f"{'':<14} - {key}" for key in self.parked.examples)
        broken = len(self.violated)
        summary = "all of them hold" if not broken else f"{broken} of them broken"
        told = [f"{len(self.lines)} invariants checked: {summary}."]
        if self.late:
            rows = sum(line.breaches.count for line in self.late)
            told.insert(
                0, f"Served late, for ever: {rows} rows, by {len(self.late)} of the clocks."
            )
        return "\n".join((*lines, "", *told))

    def to_json(self) -> dict[str, Any]:
        """Write the report as JSON."""
        return {
            "is_ok": self.is_ok,
            "is_in_time": not self.late,
            "lines": [line.to_json() for line in self.lines],
            "warnings": [
                {
                    "name": "work.parked",
                    "count": self.parked.count,
                    "examples": list(self.parked.examples),
                }
            ]
            if self.parked.count
            else [],
        }


def _violations(count: int) -> str:
    return f"{count} violation{'' if count == 1 else 's'}"
