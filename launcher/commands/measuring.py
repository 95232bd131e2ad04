"""`bench`: the figures. `python -m bench` starts the servers it measures on; nothing else runs."""

import argparse
import sys

from launcher.addresses import OUTSIDE, inherited_environment
from launcher.foreground import run_in_foreground


def execute(options: argparse.Namespace) -> int:
    """Measure, without the addresses of outside servers; return the benchmark's code."""
    environment = {
        name: value for name, value in inherited_environment().items() if name not in OUTSIDE
    }
    return run_in_foreground([sys.executable, "-m", "bench", *options.rest], environment)
