"""`bench`: figures; `soak`: random play; `chaos`: kills under load; `planted`: faults in the code.

Each starts servers of its own; nothing else runs.
"""

import argparse
import sys

from launcher.addresses import OUTSIDE, inherited_environment
from launcher.foreground import run_in_foreground


def execute(options: argparse.Namespace) -> int:
    """Measure or play, without the addresses of outside servers; return the program's code."""
    program = "bench" if options.command == "bench" else f"bench.{options.command}"
    environment = {
        name: value for name, value in inherited_environment().items() if name not in OUTSIDE
    }
    return run_in_foreground([sys.executable, "-m", program, *options.rest], environment)
