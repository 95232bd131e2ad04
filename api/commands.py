"""Commands of `flask --app api ...`; another module adds its own by one line in COMMANDS."""

import click

COMMANDS: list[click.Command] = []
