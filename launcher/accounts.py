"""Who runs the servers: PostgreSQL refuses root, so for root it is an unprivileged user."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUIET_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Account:
    """A user of the machine that the servers run as."""

    name: str
    uid: int
    gid: int

    @property
    def popen_options(self) -> dict[str, Any]:
        """Return what makes `subprocess` start a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account() -> Account | None:
    """Return the user to run servers as; None means the present one."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def options_for(account: Account | None) -> dict[str, Any]:
    """Return `subprocess` options for an account, or none for the present user."""
    return account.popen_options if account else {}


def make_private_folder(folder: Path, account: Account | None) -> None:
    """Create a folder that only the servers' user can enter; may be repeated."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    hand_over(folder, account)


def hand_over(path: Path, account: Account | None) -> None:
    """Give a file or a folder to the servers' user."""
    if account:
        os.chown(path, account.uid, account.gid)


def may_enter(folder: Path, account: Account) -> bool:
    """Tell whether the account can work inside the folder."""
    return _succeeds(["test", "-x", str(folder)], account)


def can_run(program: Path, account: Account) -> bool:
    """Tell whether the account can read and start the program."""
    return _succeeds([str(program), "--version"], account)


def _succeeds(command: list[str], account: Account) -> bool:
    try:
        done = subprocess.run(
            command,
            cwd="/",
            env=QUIET_ENVIRONMENT,
            check=False,
            capture_output=True,
            **account.popen_options,
        )
    except PermissionError:
        return False
    return done.returncode == 0
