"""A copy of the project in which faults are planted and tests are run; the project stays whole."""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.planted.faults import Fault
from launcher.errors import CannotGoOn
from launcher.places import PROJECT

_FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)
TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Run:
    """One run of tests: whether all passed, the first that failed, what was printed, seconds.

    A run without either broke down: its tests could not even begin.
    """

    is_green: bool
    first_red: str | None
    output: str
    seconds: float

    @property
    def told(self) -> str:
        """Return what assertions said was different, without the reports that they looked at."""
        lines = (line for line in self.output.splitlines() if line.startswith("E "))
        return "\n".join(line for line in lines if "Report(" not in line)


class Field:
    """A copy of what git knows of the project, with what is not committed yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        listed = subprocess.run(
            [_git(), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            source, target = PROJECT / name, folder / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    def test(self, tests: tuple[str, ...], *, workers: int = 0) -> Run:
        """Run tests until the first that fails; more workers run a file's tests together."""
        began = time.monotonic()
        try:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pytest", "-q", "-x", f"-n{workers}"),
                    *("--dist=loadfile", "-p", "no:cacheprovider", "--no-header", *tests),
                ],
                cwd=self._folder,
                check=False,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(self._folder)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            told = f"the tests did not end within {TIMEOUT_SECONDS} s"
            return Run(is_green=False, first_red=None, output=told, seconds=TIMEOUT_SECONDS)
        found = _FAILED.search(done.stdout)
        return Run(
            done.returncode == 0,
            found[1] if found else None,
            done.stdout,
            time.monotonic() - began,
        )

    def test_with(self, fault: Fault) -> Run:
        """Run what finds a fault while it is planted."""
        file = self._folder / fault.path
        whole = file.read_text()
        if whole.count(fault.old) != 1:
            raise ValueError(f"{fault.name}: its old text stands {whole.count(fault.old)} times")
        file.write_text(whole.replace(fault.old, fault.new))
        try:
            return self.test(fault.found_by)
        finally:
            file.write_text(whole)


def _git() -> str:
    """Return the path of git. Raises CannotGoOn."""
    found = shutil.which("git")
    if found is None:
        raise CannotGoOn("git tells which files to copy.", mend="apt-get install git")
    return found
