"""`demo`: a fresh stack on free ports, a day of simulated shoppers on it, and the audit.

The same day can be played into the standing stack: `run --demo`.
"""

import argparse
import os
import sys

from launcher.addresses import OUTSIDE
from launcher.errors import StopRequested
from launcher.foreground import exit_code, run_in_foreground
from launcher.places import passing_place
from launcher.ports import HOST, Ports, free_ports
from launcher.stack import Stack, flask_command, start_stack
from launcher.supervisor import Supervisor
from launcher.terminal import BOLD, DIM, GREEN, Terminal

DEMO = (sys.executable, "-m", "bench.demo")
KEEP_HELP = """\
make demo [SIZE=N] [KEEP=1] [ARGS="..."]; the options of ARGS:

  --keep                the stack is left running, to be looked at, until Ctrl-C (KEEP=1)

and those of the play:
"""


def execute(options: argparse.Namespace) -> int:
    """Start a passing stack, play on it, audit, stop; return the worst code."""
    terminal = Terminal()
    if options.help:
        terminal.line(KEEP_HELP)
        return run_in_foreground([*DEMO, "--help"], dict(os.environ))
    _leave_outside_servers(terminal)
    ports = free_ports()
    with passing_place("demo") as place:
        supervisor = Supervisor(logs=place.logs, terminal=terminal)
        with supervisor.heeding_signals(), supervisor:
            try:
                stack = start_stack(supervisor, place, ports)
                terminal.line()
                played = play_day(supervisor, stack, ports, *options.rest)
                terminal.line("\nAudit of the books:")
                code = max(played, _attend(supervisor, stack, *flask_command("audit")))
                if options.keep:
                    _keep(terminal, supervisor, ports, stack)
            except StopRequested:
                terminal.line("\nStopping ...")
                code = 130
    if code:
        terminal.line(f"The logs are in {place.logs}/")
    return code


def play_day(supervisor: Supervisor, stack: Stack, ports: Ports, *options: str) -> int:
    """Play a day on a running stack; returns the play's code. The stack's clock moves on."""
    return _attend(supervisor, stack, *_demo_command(ports), *options)


def _keep(terminal: Terminal, supervisor: Supervisor, ports: Ports, stack: Stack) -> None:
    """Say where the played day is to be seen, and leave it running until Ctrl-C."""
    terminal.line("\n" + terminal.coloured("The played stack is left running.", GREEN))
    seen = {
        "Console": f"http://{HOST}:{ports.console}",
        "Login": stack.sample.get("login", ""),
        "Password": stack.sample.get("password", ""),
        "API": f"http://{HOST}:{ports.api}",
    }
    for name, value in seen.items():
        terminal.line(f"  {name:<12} {terminal.coloured(str(value), BOLD)}")
    terminal.line(terminal.coloured("Ctrl-C stops it; what was played goes with it.", DIM))
    supervisor.watch()


def _demo_command(ports: Ports) -> tuple[str, ...]:
    return (
        *DEMO,
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
