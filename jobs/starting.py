"""How a process of jobs starts: with a configuration that it can work with, or not at all."""

import sys

from domain.checking_configuration import ConfigurationFaulty, check_configuration


def require_configuration() -> None:
    """End the process, with a sentence for each fault, unless its environment is fit to work."""
    try:
        check_configuration("jobs")
    except ConfigurationFaulty as error:
        sys.exit(str(error))
