"""Which TCP ports a stack uses: the usual ones, or free ones for a passing stack."""

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields

from launcher.errors import CannotGoOn

HOST = "127.0.0.1"
# Below the range that outgoing connections take theirs from (32768 on Linux, 49152 on macOS).
FREE_RANGE = range(20_000, 32_000)


@dataclass(frozen=True)
class Ports:
    """One port per listening process; the field's name is the process's."""

    api: int = 8000
    console: int = 8501
    sandbox: int = 8600
    postgres: int = 54329
    valkey: int = 63790


def variable(process: str) -> str:
    """Return the environment variable that sets a process's port."""
    return f"PINBU_{process.upper()}_PORT"


def ports_from(options: Mapping[str, int | None]) -> Ports:
    """Return the ports the command line names, then the environment, then the usual ones."""
    chosen = {}
    for field in fields(Ports):
        given = options.get(field.name) or os.environ.get(variable(field.name))
        if given:
            chosen[field.name] = _number(str(given), field.name)
    return Ports(**chosen)


def free_ports() -> Ports:
    """Return ports that nobody listens on at this moment."""
    taken: set[int] = set()
    while len(taken) < len(fields(Ports)):
        taken.add(free_port())
    return Ports(*taken)


def free_port() -> int:
    """Return one port that nobody listens on at this moment."""
    for _ in range(1000):
        port = FREE_RANGE.start + secrets.randbelow(len(FREE_RANGE))
        if is_free(port):
            return port
    raise CannotGoOn("No free TCP port between 20000 and 32000.")


def is_free(port: int) -> bool:
    """Tell whether a server may listen on the port: nobody answers, and it can be bound."""
    with socket.socket() as caller:
        caller.settimeout(1)
        if caller.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def require_free(ports: Mapping[str, int], command: str) -> None:
    """Check ports by process; raises CannotGoOn with the command that takes others."""
    taken = {name: port for name, port in ports.items() if not is_free(port)}
    if not taken:
        return
    listed = ", ".join(f"{port} ({name})" for name, port in taken.items())
    others = " ".join(f"{variable(name)}={free_port()}" for name in taken)
    word = "port is" if len(taken) == 1 else "ports are"
    raise CannotGoOn(
        f"The {word} taken by another program: {listed}.", mend=f"{others} make {command}"
    )


def _number(text: str, process: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise CannotGoOn(f"{text!r} is not a port for {process} ({variable(process)}).")
    return int(text)
