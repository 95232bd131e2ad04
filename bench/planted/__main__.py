"""`python -m bench.planted [NAME ...]`: plants each fault in turn, and shows what goes red.

Exits with 1 if a fault is not found, if a test is red without one, or if an invariant of the audit
was never seen red.
"""

import argparse
import json
import queue
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.planted.faults import FAULTS, Fault
from bench.planted.field import Field
from domain.auditing.running import checks
from launcher.places import PROJECT

AT_ONCE = 2
IN_ROWS = "tests/domain/auditing/test_faults.py"
"""Plants a fault in rows for each invariant, and fails where its check stays green."""


@dataclass(frozen=True)
class Found:
    """What came of one fault: the first test that went red, the invariants it named, seconds."""

    fault: Fault
    red: str | None
    invariants: tuple[str, ...]
    seconds: float
    is_broken: bool = False

    def __str__(self) -> str:
        verdict = "MISSED" if self.red is None else "found"
        if self.is_broken:
            verdict = "NOT RUN"
        named = f"  [{', '.join(self.invariants)}]" if self.invariants else ""
        return f"{verdict:<8} {self.fault.name:<32} {self.red or ''}{named}"


def main() -> int:
    """Plant the faults that the command line names, or all."""
    options = _options()
    if options.list:
        for fault in FAULTS:
            print(f"{fault.name:<32} {fault.damage}")
        return 0
    wanted = [fault for fault in FAULTS if not options.names or fault.name in options.names]
    began = time.monotonic()
    with ExitStack() as stack:
        fields = [
            Field(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pinbu-planted-"))))
            for _ in range(AT_ONCE)
        ]
        sound = fields[0].test(_tests_of(wanted, whole=not options.names), workers=AT_ONCE)
        if not sound.is_green:
            print(sound.output, file=sys.stderr)
            print(f"red without any fault: {sound.first_red}")
            return 1
        print(f"sound without a fault ({sound.seconds:.0f} s)", flush=True)
        results = _plant_all(fields, wanted)
    missed = [found.fault.name for found in results if found.red is None or found.is_broken]
    names = [check.name for check in checks(at_rest=True)]
    by_code = sorted({name for found in results for name in found.invariants})
    if not options.names:
        print(
            f"\n{len(names)} invariants, each seen red by a fault in rows ({IN_ROWS});"
            f" {len(by_code)} by a fault in the code, too"
        )
    print(
        f"{len(results) - len(missed)} of {len(results)} planted faults were found"
        f" in {(time.monotonic() - began) / 60:.0f} min"
    )
    _keep(options.report, results, names)
    return 1 if missed else 0


def _plant_all(fields: Sequence[Field], wanted: Sequence[Fault]) -> list[Found]:
    """Plant faults, as many at once as there are fields; tells each as soon as it is known."""
    free: queue.SimpleQueue[Field] = queue.SimpleQueue()
    for field in fields:
        free.put(field)
    invariants = [check.name for check in checks(at_rest=True)]

    def plant(fault: Fault) -> Found:
        field = free.get()
        try:
            run = field.test_with(fault)
        finally:
            free.put(field)
        named = tuple(name for name in invariants if f"'{name}'" in run.told)
        is_broken = not run.is_green and run.first_red is None
        found = Found(fault, run.first_red, () if run.is_green else named, run.seconds, is_broken)
        print(found, flush=True)
        return found

    with ThreadPoolExecutor(max_workers=len(fields)) as pool:
        return list(pool.map(plant, wanted))


def _tests_of(wanted: Sequence[Fault], *, whole: bool) -> tuple[str, ...]:
    tests = dict.fromkeys(test for fault in wanted for test in fault.found_by)
    return (*tests, *((IN_ROWS,) if whole else ()))


def _keep(report: Path, results: Sequence[Found], names: Sequence[str]) -> None:
    report.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "faults": [
            {
                "name": found.fault.name,
                "damage": found.fault.damage,
                "found_by": found.red,
                "invariants": found.invariants,
                "seconds": round(found.seconds, 1),
            }
            for found in results
        ],
        "invariants": names,
    }
    report.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    print(f"report: {report}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.planted", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *_names()])
    parser.add_argument("--list", action="store_true", help="list the faults, and plant none")
    parser.add_argument("--report", type=Path, default=PROJECT / "var" / "planted.json")
    return parser.parse_args()


def _names() -> list[str]:
    return [fault.name for fault in FAULTS]


if __name__ == "__main__":
    sys.exit(main())
