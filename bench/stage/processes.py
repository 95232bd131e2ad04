"""What processes have used, from Linux's /proc: processor time, and memory without double counting.

Processor time shows what a request costs however busy the machine is.
"""

import os
from collections import defaultdict
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree_of(root: int) -> list[int]:
    """List a process and all that it started, the root first."""
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = _fields(stat)
        if fields:
            children[int(fields[1])].append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found.extend(children[pid])
    return found


def find_child(command: str) -> int:
    """Return the first process that we started whose command line holds a text."""
    for pid in tree_of(os.getpid())[1:]:
        if command in f"{command_of(pid)} ":
            return pid
    raise LookupError(command)


def processor_seconds(root: int) -> float:
    """Return the processor time of a process, of all it started, and of those that ended."""
    ticks = 0
    for pid in tree_of(root):
        fields = _fields(Path(f"/proc/{pid}/stat"))
        ticks += sum(int(value) for value in fields[11:15]) if fields else 0
    return ticks / _TICKS


def resident_kb(pid: int) -> int:
    """Return a process's proportional share of memory (PSS) in KiB; 0 where it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        return 0
    return 0


def peak_kb(pid: int) -> int:
    """Return the most memory a process ever had resident, in KiB; 0 where it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        return 0
    return 0


def command_of(pid: int) -> str:
    """Return a process's command line; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def _fields(stat: Path) -> list[str]:
    """Return the fields of a stat file after the name, or nothing where the process is gone."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return []
