"""`browser`, and what a build machine installs by itself: packages of Debian."""

import argparse
import os
import shutil
import subprocess
from collections.abc import Sequence

from launcher.binaries import find_chromium, has_debian_postgres, has_debian_redis
from launcher.errors import CannotGoOn

BROWSER = ("chromium", "fonts-wqy-microhei")
SERVERS = {"postgresql-15": has_debian_postgres, "redis-server": has_debian_redis}


def execute(_options: argparse.Namespace) -> int:
    """Install Chromium and a Chinese font."""
    install(BROWSER)
    print(f"The browser of the browser tests: {find_chromium()}")
    return 0


def install_for_tests() -> None:
    """Install what the whole test run needs and the machine lacks."""
    for package, is_there in SERVERS.items():
        if not is_there():
            install([package])
            _stop_service(package)
            if not is_there():
                raise CannotGoOn(f"{package} is installed, but its server is not found.")
    if not find_chromium():
        install(BROWSER)


def install(packages: Sequence[str]) -> None:
    """Install packages of Debian; raises CannotGoOn with the command if that is not ours to do."""
    by_hand = f"apt-get install -y {' '.join(packages)}"
    if not shutil.which("apt-get"):
        raise CannotGoOn(
            f"This machine has no apt-get; Pinbu's tests use {', '.join(packages)}.",
            mend="your system's own way, then PINBU_CHROMIUM_BIN=... for the browser",
        )
    prefix = _as_root(by_hand)
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", *packages]):
        done = subprocess.run(
            [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", *command], check=False
        )
        if done.returncode != 0:
            raise CannotGoOn(f"{' '.join(command)} failed.", mend=f"sudo {by_hand}")


def _as_root(by_hand: str) -> list[str]:
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if (
        sudo
        and subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode == 0
    ):
        return [sudo, "-n"]
    raise CannotGoOn("Installing packages takes root.", mend=f"sudo {by_hand}")


def _stop_service(package: str) -> None:
    """Stop a server that its package started: tests run their own, on other ports."""
    service = shutil.which("service") or "/usr/sbin/service"
    if os.path.exists(service):
        name = package.removesuffix("-15")
        subprocess.run([*_as_root(""), service, name, "stop"], check=False, capture_output=True)
