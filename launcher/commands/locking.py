"""`lock`: pin every requirement, for all platforms, with hashes and without any address."""

import argparse
import subprocess
import tempfile
from pathlib import Path

from launcher.errors import CannotGoOn
from launcher.installing import PROJECT, REQUIREMENTS, make_venv

OLDEST_PYTHON = "3.11"


def execute(options: argparse.Namespace) -> int:
    """Compile each requirements.in beside its lock; `--upgrade` forgets the present pins."""
    with tempfile.TemporaryDirectory(prefix="pinbu-lock-") as folder:
        venv = Path(folder) / "venv"
        make_venv(venv)
        _run([str(venv / "bin" / "pip"), "install", "--quiet", "uv"], PROJECT)
        for name in REQUIREMENTS:
            lock = PROJECT / name
            print(f"  {name}", flush=True)
            _run(
                [
                    *(str(venv / "bin" / "uv"), "pip", "compile", "--quiet", "--universal"),
                    *("--python-version", OLDEST_PYTHON, "--generate-hashes"),
                    *("--no-emit-index-url", "--no-emit-find-links", "--no-header"),
                    *(["--upgrade"] if options.upgrade else []),
                    *(lock.with_suffix(".in").name, "-o", lock.name),
                ],
                lock.parent,
            )
            if "://" in lock.read_text():
                raise CannotGoOn(f"{name} names an address of a registry; it must not.")
    return 0


def _run(command: list[str], folder: Path) -> None:
    if subprocess.run(command, cwd=folder, check=False).returncode != 0:
        raise CannotGoOn(f"{' '.join(command)} failed.")
