"""The embedded PostgreSQL: its data folder, its process, its addresses."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from launcher.accounts import (
    QUIET_ENVIRONMENT,
    Account,
    hand_over,
    make_private_folder,
    options_for,
)
from launcher.binaries import Binaries, major_version
from launcher.errors import CannotGoOn
from launcher.ports import HOST
from launcher.programs import Program

SUPERUSER = "postgres"
# The first version whose own C.UTF-8 makes sorting independent of the system's locales.
BUILTIN_LOCALE_VERSION = 17
LEAVING_SECONDS = 10.0


@dataclass(frozen=True)
class Postgres:
    """One server on the loopback address; `settings` are further `name=value` of its own."""

    binaries: Binaries
    data: Path
    port: int
    password: str
    account: Account | None = None
    settings: tuple[str, ...] = ()
    is_lasting: bool = True

    def initialise(self) -> None:
        """Create the data folder if there is none; raises CannotGoOn if another version made it."""
        version = major_version(self.binaries)
        made_by = self.data / "PG_VERSION"
        if made_by.exists():
            if made_by.read_text().strip() != str(version):
                raise CannotGoOn(
                    f"{self.data} was made by PostgreSQL {made_by.read_text().strip()}, and"
                    f" {self.binaries.program} is {version}. Dump it with the old one, or start"
                    " afresh.",
                    mend="make reset   (deletes the local data)",
                )
            return
        unfinished = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private_folder(unfinished, self.account)
        self._run_initdb(unfinished, version)
        unfinished.rename(self.data)

    def program(self, name: str = "postgres") -> Program:
        """Return what the supervisor runs: the server in the foreground, on TCP only."""
        settings = (
            f"port={self.port}",
            f"listen_addresses={HOST}",
            "unix_socket_directories=",
            "max_connections=200",
            "shared_buffers=256MB",
            "timezone=UTC",
            "log_timezone=UTC",
            # A failed statement's row stays out of the log: it holds addresses and openids.
            "log_error_verbosity=terse",
            "log_parameter_max_length_on_error=0",
            *self.settings,
        )
        options = [part for setting in settings for part in ("-c", setting)]
        return Program(
            name=name,
            command=(str(self.binaries.program), "-D", str(self.data), *options),
            environment=QUIET_ENVIRONMENT,
            folder=self.data,
            account=self.account,
            is_ready=self.is_ready,
            before_start=self.make_way,
            attempts=10,
            stop_signal=signal.SIGINT,
            stop_seconds=30.0,
            detail=f"{HOST}:{self.port}  ({self.binaries.origin})",
        )

    def is_ready(self) -> bool:
        """Tell whether the server answers; raises CannotGoOn if it refuses our password."""
        try:
            with psycopg.connect(self._conninfo("postgres"), connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise CannotGoOn(
                    f"PostgreSQL on port {self.port} does not take the password kept for"
                    f" {self.data}.",
                    mend="make reset   (deletes the local data)",
                ) from error
            return False
        return True

    def create_database(self, name: str) -> None:
        """Create an empty database unless it exists."""
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if found.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def url(self, database: str, *, role: str = SUPERUSER, password: str | None = None) -> str:
        """Return SQLAlchemy's address of a database; without a password, the superuser's."""
        secret = password or self.password
        return f"postgresql+psycopg://{role}:{secret}@{HOST}:{self.port}/{database}"

    def make_way(self) -> None:
        """Wait for a killed server's children, end a server left behind, drop its stale mark.

        After `kill -9` its children live on for a moment and hold its memory; and the number in
        postmaster.pid may by now be another process, which PostgreSQL would take for itself.
        """
        patience = time.monotonic() + LEAVING_SECONDS
        mark = self.data / "postmaster.pid"
        while users := _processes_in(self.data):
            if time.monotonic() > patience:
                raise CannotGoOn(
                    f"Another PostgreSQL works on {self.data} and does not stop.",
                    mend="kill -INT " + " ".join(str(pid) for pid in users),
                )
            if mark.exists() and (leader := _first_number(mark)) in users:
                os.kill(leader, signal.SIGINT)
            time.sleep(0.1)
        if Path("/proc/self/cwd").exists():
            mark.unlink(missing_ok=True)

    def _conninfo(self, database: str) -> str:
        return (
            f"host={HOST} port={self.port} user={SUPERUSER} password={self.password}"
            f" dbname={database} sslmode=disable application_name=launcher"
        )

    def _run_initdb(self, folder: Path, version: int) -> None:
        secret = folder.with_name(f"{folder.name}.password")
        descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(self.password)
            hand_over(secret, self.account)
            done = subprocess.run(
                [
                    str(self.binaries.beside("initdb")),
                    f"--pgdata={folder}",
                    f"--username={SUPERUSER}",
                    "--auth=scram-sha-256",
                    f"--pwfile={secret}",
                    "--encoding=UTF8",
                    *_locale_options(version),
                    *([] if self.is_lasting else ["--no-sync"]),
                ],
                check=False,
                capture_output=True,
                text=True,
                cwd=folder,
                env=QUIET_ENVIRONMENT,
                **options_for(self.account),
            )
        finally:
            secret.unlink()
        if done.returncode != 0:
            raise CannotGoOn(f"PostgreSQL's initdb failed:\n{done.stdout}{done.stderr}")


def _locale_options(version: int) -> list[str]:
    if version >= BUILTIN_LOCALE_VERSION:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C.UTF-8"]


def _processes_in(folder: Path) -> list[int]:
    """Return the servers, or children of servers, that work in a folder (Linux)."""
    found = []
    place = folder.resolve()
    for name in Path("/proc").glob("[0-9]*/comm"):
        try:
            if name.read_text().strip() == "postgres" and (name.parent / "cwd").readlink() == place:
                found.append(int(name.parent.name))
        except OSError:
            continue  # it ended, or is somebody else's
    return found


def _first_number(mark: Path) -> int:
    """Return the process number in a postmaster.pid, or 0."""
    try:
        first = mark.read_text().partition("\n")[0].strip()
    except OSError:
        return 0
    return int(first) if first.isdigit() else 0
