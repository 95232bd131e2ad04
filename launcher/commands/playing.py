"""`demo`: a fresh stack on free ports, a day of simulated shoppers on it, and the audit."""

import argparse
import os
import sys

from launcher.addresses import OUTSIDE
from launcher.errors import StopRequested
from launcher.foreground import exit_code
from launcher.places import passing_place
from launcher.ports import HOST, Ports, free_ports
from launcher.stack import Stack, flask_command, start_stack
from launcher.supervisor import Supervisor
from launcher.terminal import Terminal


def execute(options: argparse.Namespace) -> int:
    """Start a passing stack, play on it, audit, stop; return the worst code."""
    terminal = Terminal()
    _leave_outside_servers(terminal)
    ports = free_ports()
    with passing_place("demo") as place:
        supervisor = Supervisor(logs=place.logs, terminal=terminal)
        with supervisor.heeding_signals(), supervisor:
            try:
                stack = start_stack(supervisor, place, ports)
                terminal.line()
                played = _attend(supervisor, stack, *_demo_command(ports), *options.rest)
                terminal.line("\nAudit of the books:")
                code = max(played, _attend(supervisor, stack, *flask_command("audit")))
            except StopRequested:
                terminal.line("\nStopping ...")
                code = 130
    if code:
        terminal.line(f"The logs are in {place.logs}/")
    return code


def _demo_command(ports: Ports) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "bench.demo"),
        *("--api-url", f"http://{HOST}:{ports.api}"),
        *("--sandbox-url", f"http://{HOST}:{ports.sandbox}"),
    )


def _attend(supervisor: Supervisor, stack: Stack, *command: str) -> int:
    return exit_code(supervisor.attend(command, stack.environment))


def _leave_outside_servers(terminal: Terminal) -> None:
    """Forget outside servers: the demo fills its database, and must not fill somebody's."""
    given = [name for name in OUTSIDE if os.environ.pop(name, None)]
    if given:
        terminal.warn(f"demo starts servers of its own and leaves {', '.join(given)} alone")
