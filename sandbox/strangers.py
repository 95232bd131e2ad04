"""Who may use what people use: this machine, and no page of another site in its browser.

A site that a browser shows may send it to any address, also this one: such a request names its
Origin, and says what it is in Sec-Fetch-Site. A name that another site lets point to this machine
is told by the Host.
"""

import ipaddress
from urllib.parse import urlsplit

from flask import Request


def is_stranger(request: Request) -> bool:
    """Say whether a request comes from elsewhere than this machine and its own pages."""
    if not ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104
        return True
    if not _is_loopback_name(urlsplit(f"//{request.host}").hostname or ""):
        return True
    origin = request.headers.get("Origin")
    if origin is not None and origin != request.host_url.rstrip("/"):
        return True
    # A navigation by a link of another site is let in: it shows, and changes nothing.
    site = request.headers.get("Sec-Fetch-Site", "none")
    return site not in {"none", "same-origin"} and request.method != "GET"


def _is_loopback_name(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
