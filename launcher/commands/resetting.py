"""`reset`: delete the local data, after saying what."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from launcher.places import standing_place
from launcher.roster import Roster, require_no_launcher


def execute(options: argparse.Namespace) -> int:
    """Delete what `run`, `test` and `demo` left; raises CannotGoOn while a launcher runs."""
    place = standing_place()
    require_no_launcher(place.home)
    folders = [folder for folder in _folders(place.home, place.servers) if folder.exists()]
    if not folders:
        print("There is no local data.")
        return 0
    print("This deletes the local data, its passwords and keys, and the logs:")
    for folder in folders:
        print(f"  {folder}   ({_megabytes(folder)} MB)")
    if not options.yes and sys.stdin.isatty() and input("Delete? [y/N] ").lower() != "y":
        print("Nothing was deleted.")
        return 1
    if place.home.exists():
        Roster(place.home / "processes.json").end_leftovers()
    for folder in folders:
        shutil.rmtree(folder)
    print("Deleted.")
    return 0


def _folders(home: Path, servers: Path) -> list[Path]:
    if servers == home:
        return [home]
    return [home, servers, *sorted(servers.parent.glob(f"{servers.name}.before-*"))]


def _megabytes(folder: Path) -> int:
    sizes = (
        (Path(place) / name).lstat().st_size
        for place, _, files in os.walk(folder)
        for name in files
    )
    return sum(sizes) // 1_000_000
