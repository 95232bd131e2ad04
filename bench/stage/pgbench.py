"""pgbench: the plain rate of this server at this minute, and rates of our own statements."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.stage.ground import Ground

CLIENTS = 16
SCALE = 20
_RATE = re.compile(r"tps = ([0-9.]+) \(without initial connection time\)")
_DONE = re.compile(r"number of transactions actually processed: (\d+)(?:/(\d+))?")
_FAILED = re.compile(r"number of failed transactions: (\d+)")


@dataclass(frozen=True)
class Pgbench:
    """pgbench of one server; `plain_url` is a database of its own, made by `prepare`."""

    program: Path
    plain_url: str

    @classmethod
    def prepare(cls, ground: Ground) -> "Pgbench":
        """Create and fill pgbench's own tables."""
        made = cls(ground.pgbench, ground.empty_database("plain"))
        made._run("-i", "-q", "-s", str(SCALE), made.plain_url)
        return made

    def plain_rate(self, seconds: int) -> float:
        """Return transactions per second of `pgbench -N -M prepared`."""
        return self._rate("-N", "-n", "-T", str(seconds), self.plain_url)

    def rate_of(self, url: str, script: str, *, each: int, **variables: int) -> float:
        """Return transactions per second of a script run `each` times by every client.

        The script finds `each`, and its own counter `n`, among its variables.
        """
        with tempfile.NamedTemporaryFile("w", prefix="pinbu-", suffix=".sql") as file:
            file.write(script)
            file.flush()
            variables = {**variables, "each": each, "n": 0}
            given = [part for name, n in variables.items() for part in ("-D", f"{name}={n}")]
            return self._rate("-n", "-f", file.name, "-t", str(each), *given, url, wanted=each)

    def _rate(self, *arguments: str, wanted: int | None = None) -> float:
        told = self._run("-M", "prepared", "-c", str(CLIENTS), "-j", "2", *arguments)
        done, failed, rate = _DONE.search(told), _FAILED.search(told), _RATE.search(told)
        if not (done and rate) or (failed and int(failed[1])):
            raise RuntimeError(f"pgbench did not do it all:\n{told}")
        if wanted is not None and int(done[1]) != wanted * CLIENTS:
            raise RuntimeError(f"pgbench did not do it all:\n{told}")
        return float(rate[1])

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self.program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin:/bin", "PGOPTIONS": "-c timezone=UTC"},
        )
        if done.returncode != 0:
            raise RuntimeError(f"pgbench failed:\n{done.stderr[-2000:]}")
        return done.stdout
