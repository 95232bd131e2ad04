"""The command line: what passes its arguments on passes --help on as well."""

import pytest

from launcher.cli import _parser


@pytest.mark.parametrize("command", ["flask", "audit"])
def test_help_is_asked_of_the_command_that_arguments_go_to(command: str) -> None:
    options, rest = _parser().parse_known_args([command, "unpark", "--help"])

    assert (options.command, options.passes_on) == (command, True)
    assert rest == ["unpark", "--help"]
