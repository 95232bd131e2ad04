"""Makes the venv when it is missing or older than the locked requirements; needs no package."""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from launcher.errors import CannotGoOn

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
REQUIREMENTS = (
    "requirements.txt",
    "console/requirements.txt",
    "launcher/requirements.txt",
    "tests/requirements.txt",
)


def enter_venv(arguments: Sequence[str]) -> None:
    """Install what is missing, and go on inside the venv; returns only if we are inside."""
    if not _is_installed():
        lock = PROJECT / "var" / "install.lock"
        lock.parent.mkdir(exist_ok=True)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_installed():
                _install()
    if not _is_inside():
        _go_on_inside(arguments)


def make_venv(folder: Path) -> None:
    """Create an empty venv; raises CannotGoOn with Debian's package if Python lacks a part."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        name = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        raise CannotGoOn(
            f"{sys.executable} has no venv module with pip.",
            mend=f"apt-get install python3-venv   (or {name})",
        )
    if folder.is_symlink():
        raise CannotGoOn(
            f"{folder} is a link: what it points to may be another checkout's, and is left alone.",
            mend=f"rm {folder}",
        )
    python = getattr(sys, "_base_executable", None) or sys.executable
    done = subprocess.run(
        [python, "-m", "venv", "--clear", str(folder)], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise CannotGoOn(
            f"python -m venv {folder} failed:\n{done.stdout}{done.stderr}",
            mend="apt-get install python3-venv",
        )


def _install() -> None:
    if not _has_working_pip():
        print("Making .venv ...", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        make_venv(VENV)
    print("Installing the locked packages into .venv (a minute or two at the first time) ...")
    sys.stdout.flush()
    STAMP.unlink(missing_ok=True)
    files = ["--require-hashes", *(part for name in REQUIREMENTS for part in ("-r", name))]
    done = subprocess.run(
        [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *files],
        cwd=PROJECT,
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        raise CannotGoOn(
            "pip could not install the packages:\n" + _without_noise(done.stderr),
            mend="check the network (pip's settings: pip config list), then the same command again",
        )
    version = _venv_says("import sys; print('%d.%d' % sys.version_info[:2])")
    STAMP.write_text(f"{_fingerprint()} {version}")


def _is_installed() -> bool:
    try:
        known, version = STAMP.read_text().split()
    except (OSError, ValueError):
        return False
    # An upgrade of the system's Python turns the venv's into another version.
    is_same_python = not _is_inside() or version == _python_version()
    return known == _fingerprint() and PYTHON.exists() and is_same_python


def _is_inside() -> bool:
    return Path(sys.prefix).resolve() == VENV.resolve()


def _fingerprint() -> str:
    """Return what the venv depends on: the requirements, and its place, which its scripts name."""
    digest = hashlib.sha256(str(VENV).encode())
    for name in REQUIREMENTS:
        digest.update((PROJECT / name).read_bytes())
    return digest.hexdigest()


def _python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _has_working_pip() -> bool:
    """Tell whether .venv was made in this place, for a Python that is still there, with pip."""
    if not PYTHON.exists() or not _belongs_here():
        return False
    return _venv_says("import pip; print('yes')") == "yes"


def _venv_says(script: str) -> str:
    done = subprocess.run(
        [str(PYTHON), "-c", script], check=False, capture_output=True, text=True, cwd=PROJECT
    )
    return done.stdout.strip()


def _belongs_here() -> bool:
    """Tell whether the venv was made where it stands: its scripts name their place."""
    script = VENV / "bin" / "pip"
    return script.exists() and str(VENV) in script.read_text().partition("\n")[0]


def _go_on_inside(arguments: Sequence[str]) -> NoReturn:
    os.chdir(PROJECT)
    sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), "-m", "launcher", *arguments])


def _without_noise(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("WARNING: Location")]
    return "\n".join(lines[-15:])
