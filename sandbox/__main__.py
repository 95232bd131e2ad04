"""`python -m sandbox`: start the gateway sandbox alone."""

import argparse
import ipaddress
import os
from pathlib import Path

from sandbox.server import serve


def main() -> None:
    """Read the command line and serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default=os.environ.get("SANDBOX_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT", "8600")))
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("SANDBOX_DATA", "var/sandbox")),
        help="folder of the record and the keys; made if missing",
    )
    options = parser.parse_args()
    ipaddress.ip_address(options.host)
    serve(host=options.host, port=options.port, data=options.data)


if __name__ == "__main__":
    main()
