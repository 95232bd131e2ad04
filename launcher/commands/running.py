"""`run`: everything a developer needs, until Ctrl-C."""

import argparse
import json
from collections.abc import Collection
from dataclasses import asdict, fields

from launcher.commands.playing import play_day
from launcher.errors import CannotGoOn, StopRequested
from launcher.places import Place, set_aside_foreign_data, standing_place
from launcher.ports import HOST, Ports, ports_from
from launcher.roster import Roster, sole_launcher
from launcher.stack import NAMES, Stack, require_free_ports, start_stack
from launcher.supervisor import Supervisor
from launcher.terminal import BOLD, DIM, GREEN, Terminal


def execute(options: argparse.Namespace) -> int:
    """Start the stack, say where it is, restart what crashes, stop in order."""
    terminal = Terminal()
    place = standing_place()
    given = {field.name: getattr(options, f"{field.name}_port") for field in fields(Ports)}
    ports = ports_from(given)
    only = _chosen(options.only)
    about = {
        "api": f"http://{HOST}:{ports.api}",
        "console": f"http://{HOST}:{ports.console}",
        "ports": asdict(ports),
    }
    with sole_launcher(place.home, about):
        roster = Roster(place.home / "processes.json")
        if left := roster.end_leftovers():
            terminal.warn(f"ended {left} processes that a killed launcher had left behind")
        require_free_ports(ports, command="run", only=only)
        place.prepare()
        if moved := set_aside_foreign_data(place):
            terminal.warn(f"data of an earlier clone at this path was moved to {moved}")
        supervisor = Supervisor(logs=place.logs, terminal=terminal, roster=roster)
        with supervisor.heeding_signals(), supervisor:
            try:
                stack = start_stack(supervisor, place, ports, only=only)
            except StopRequested:
                return 0
            _tell(terminal, place, ports, stack, only)
            if options.demo:
                _play(terminal, supervisor, stack, ports, groups=options.demo)
            supervisor.watch()
            terminal.line("\nStopping ...")
    terminal.line("Stopped.")
    return 0


def _play(
    terminal: Terminal, supervisor: Supervisor, stack: Stack, ports: Ports, *, groups: int
) -> None:
    """Play a day of simulated shoppers into this stack, so that its console has something to show.

    A play that does not succeed leaves the stack running: what went wrong is to be looked at.
    """
    terminal.line(
        f"\nPlaying a day of {groups} groups into this stack."
        " Its business clock moves on by about two days and stays there."
    )
    try:
        code = play_day(supervisor, stack, ports, "--size", str(groups))
    except StopRequested:
        return
    if code:
        terminal.warn("the play did not succeed; the stack keeps running")
    terminal.line(
        "\nThe played day is in the console: "
        + terminal.coloured(f"http://{HOST}:{ports.console}", BOLD)
    )


def _chosen(names: str | None) -> Collection[str]:
    if not names:
        return NAMES
    chosen = [name.strip() for name in names.split(",")]
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        raise CannotGoOn(f"--only knows {', '.join(NAMES)}; not {', '.join(unknown)}.")
    return chosen


def _tell(
    terminal: Terminal, place: Place, ports: Ports, stack: Stack, only: Collection[str]
) -> None:
    """Show what a newcomer looks for: where to click, who to be, where the logs are."""
    lines = []
    if "console" in only:
        lines.append(("Console", f"http://{HOST}:{ports.console}"))
    lines += [
        (str(name).replace("_", " ").capitalize(), str(value))
        for name, value in stack.sample.items()
        if not isinstance(value, (list, dict))
    ]
    if stack.sample:
        logins = place.home / "sample-login.json"
        names = ", ".join(json.loads(logins.read_text()))
        lines.append(("All logins", f"{logins}   ({names})"))
    if "api" in only:
        lines.append(("API", f"http://{HOST}:{ports.api}"))
    data = str(place.home)
    if place.servers != place.home:
        data += f", databases in {place.servers}"
    lines += [("Logs", f"{place.logs}/"), ("Data", f"{data}   (make reset deletes it)")]
    terminal.line("\n" + terminal.coloured("Pinbu is running.", GREEN))
    for name, value in lines:
        terminal.line(f"  {name:<12} {terminal.coloured(value, BOLD)}")
    terminal.line(terminal.coloured("Ctrl-C stops everything.", DIM))
