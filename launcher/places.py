"""Which folders belong to a stack: keys, logs, the sandbox, and its servers' data."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from launcher.accounts import may_enter, server_account
from launcher.keys import Keyring

PROJECT = Path(__file__).resolve().parent.parent
# Everything that is generated; a second stack beside the first one takes another PINBU_VAR.
VAR = Path(os.environ.get("PINBU_VAR") or PROJECT / "var").resolve()


@dataclass(frozen=True)
class Place:
    """The folders of one stack; `servers` differs from `home` only for root."""

    home: Path
    servers: Path
    logs: Path

    @property
    def keyring(self) -> Keyring:
        """Return the generated passwords and keys of this stack."""
        return Keyring(self.home / "keys")

    def prepare(self) -> None:
        """Create the folders; may be repeated."""
        for folder in (self.home, self.servers, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        if self.servers != self.home:
            self.servers.chmod(0o755)


def servers_folder() -> Path:
    """Return where the servers' data and binaries stand.

    An ordinary user's lie under `var/`. Root's servers run as another user, who may be unable to
    enter the project (a clone under /root), so theirs lie in a folder named after this one.
    """
    if server_account() is None:
        return VAR
    base = Path(os.environ.get("PINBU_SERVERS_DIR") or "/var/lib")
    return base / f"pinbu-{hashlib.sha256(str(VAR).encode()).hexdigest()[:8]}"


def standing_place() -> Place:
    """Return the place that lasts between runs."""
    return Place(home=VAR, servers=servers_folder(), logs=VAR / "log")


def set_aside_foreign_data(place: Place) -> Path | None:
    """Move servers' data away that another clone at this path left; return where to.

    Its passwords and the sandbox's books went with that clone's `var/`, so it cannot be used.
    """
    if place.servers == place.home:
        return None
    mark = place.servers / "identity"
    identity = place.keyring.token("identity")
    known = mark.read_text() if mark.exists() else ""
    moved = None
    if known != identity and (place.servers / "postgres").exists():
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        moved = place.servers.rename(f"{place.servers}.before-{stamp}")
        place.prepare()
    mark.write_text(identity)
    mark.chmod(0o600)
    return moved


@contextlib.contextmanager
def passing_place(purpose: str) -> Iterator[Place]:
    """Make a place that is removed afterwards; only its logs, under `var/log`, stay."""
    base = _temporary_base()
    _remove_abandoned(base, purpose)
    home = Path(tempfile.mkdtemp(prefix=f"pinbu-{purpose}-{os.getpid()}-", dir=base))
    servers = home / "servers"
    place = Place(home=home, servers=servers, logs=VAR / "log" / purpose)
    try:
        place.prepare()
        home.chmod(0o711)
        yield place
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _temporary_base() -> Path:
    """Return a folder for temporary files that the servers' user can enter."""
    account = server_account()
    usual = Path(tempfile.gettempdir())
    if account is None or may_enter(usual, account):
        return usual
    return Path("/tmp")  # noqa: S108 - names in it are made by mkdtemp


def _remove_abandoned(base: Path, purpose: str) -> None:
    """Remove what a killed launcher or test run left; its number stands in the folder's name."""
    for folder in base.glob(f"pinbu-{purpose}-*-*"):
        owner = folder.name.removeprefix(f"pinbu-{purpose}-").split("-")[0]
        if folder.is_symlink() or not owner.isdigit() or _is_alive(int(owner)):
            continue
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.geteuid():
                shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
