"""The whole product as `make run` starts it, in a passing place: a launcher and its processes."""

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from bench.stage.ground import inherited
from bench.stage.processes import find_child, resident_kb, tree_of
from launcher.places import Place, passing_place
from launcher.ports import HOST, Ports, free_ports, variable
from launcher.probes import answers
from launcher.programs import Program
from launcher.stack import NAMES, STEPS
from launcher.supervisor import Supervisor
from launcher.terminal import Terminal

READY_SECONDS = 300.0
STOP_SECONDS = 60.0
PROGRAMS = tuple(name for name in NAMES if name not in STEPS)


@dataclass(frozen=True)
class Product:
    """The running product; `launcher` is the number of the process that started the others."""

    home: Path
    ports: Ports
    launcher: int

    def url(self, process: str) -> str:
        """Return where a listening process is reached."""
        return f"http://{HOST}:{asdict(self.ports)[process]}"

    @property
    def logins(self) -> dict[str, str]:
        """Return the passwords of the sample merchant's staff by login."""
        logins: dict[str, str] = json.loads((self.home / "sample-login.json").read_text())
        return logins

    def shares_kb(self) -> dict[str, int]:
        """Return the memory (PSS) of each program with all that it started, and the launcher's.

        Raises RuntimeError where one has ended.
        """
        roster: list[list[Any]] = json.loads((self.home / "processes.json").read_text())
        shares = {
            name: sum(resident_kb(pid) for pid in tree_of(pid))
            for name, (pid, _) in zip(PROGRAMS, roster, strict=True)
        }
        shares["launcher"] = resident_kb(self.launcher)
        if gone := [name for name, share in shares.items() if not share]:
            raise RuntimeError(f"no longer running: {', '.join(gone)}")
        return shares


@contextlib.contextmanager
def running_product() -> Iterator[Product]:
    """Run `launcher run` with data and ports of its own; stop and remove all at the end."""
    ports = free_ports()
    with passing_place("memory") as place:
        command = (sys.executable, "-m", "launcher", "run")
        program = Program(
            "product",
            command,
            {**inherited(), **_environment(place, ports)},
            is_ready=partial(answers, ports.console, "/_stcore/health"),
            ready_seconds=READY_SECONDS,
            stop_seconds=STOP_SECONDS,
        )
        with Supervisor(logs=place.logs, terminal=Terminal(StringIO())) as supervisor:
            supervisor.start(program)
            yield Product(place.home, ports, find_child(" ".join(command)))


def _environment(place: Place, ports: Ports) -> dict[str, str]:
    """Return what sets this launcher apart from another on the machine."""
    return {
        "PINBU_VAR": str(place.home),
        "PINBU_SERVERS_DIR": str(place.servers),
        **{variable(process): str(port) for process, port in asdict(ports).items()},
    }
