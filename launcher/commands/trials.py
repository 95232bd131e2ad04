"""`demo` and `bench`: a fresh stack on free ports, a program that drives it, and the audit."""

import argparse
import os
import sys
from dataclasses import dataclass

from launcher.addresses import ROLES
from launcher.errors import StopRequested
from launcher.foreground import exit_code
from launcher.places import passing_place
from launcher.ports import HOST, Ports, free_ports
from launcher.stack import Stack, audit_command, start_stack
from launcher.supervisor import Supervisor
from launcher.terminal import Terminal

OUTSIDE = (*ROLES, "BOOTSTRAP_DATABASE_URL", "REDIS_URL")


@dataclass(frozen=True)
class _Trial:
    supervisor: Supervisor
    terminal: Terminal
    stack: Stack
    ports: Ports


def execute(options: argparse.Namespace) -> int:
    """Start a passing stack, run the command on it, stop; return the worst code."""
    terminal = Terminal()
    _leave_outside_servers(terminal, options.command)
    ports = free_ports()
    drive = {"demo": _demo, "bench": _bench}[options.command]
    with passing_place(options.command) as place:
        supervisor = Supervisor(logs=place.logs, terminal=terminal)
        with supervisor.heeding_signals(), supervisor:
            try:
                stack = start_stack(supervisor, place, ports, command=options.command)
                terminal.line()
                code = drive(_Trial(supervisor, terminal, stack, ports), options.rest)
            except StopRequested:
                terminal.line("\nStopping ...")
                code = 130
    if code:
        terminal.line(f"The logs are in {place.logs}/")
    return code


def _demo(trial: _Trial, rest: list[str]) -> int:
    played = _attend(
        trial,
        *(sys.executable, "-m", "bench.demo"),
        *("--api-url", f"http://{HOST}:{trial.ports.api}"),
        *("--sandbox-url", f"http://{HOST}:{trial.ports.sandbox}"),
        *rest,
    )
    trial.terminal.line("\nAudit of the books:")
    return max(played, _attend(trial, *audit_command()))


def _bench(trial: _Trial, rest: list[str]) -> int:
    return _attend(trial, sys.executable, "-m", "bench", *rest)


def _attend(trial: _Trial, *command: str) -> int:
    return exit_code(trial.supervisor.attend(command, trial.stack.environment))


def _leave_outside_servers(terminal: Terminal, command: str) -> None:
    """Forget outside servers: a trial fills its database, and must not fill somebody's."""
    given = [name for name in OUTSIDE if os.environ.pop(name, None)]
    if given:
        terminal.warn(f"{command} starts servers of its own and leaves {', '.join(given)} alone")
