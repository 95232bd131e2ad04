"""Who may use what is for development: this machine, and no page of another site in its browser.

A site that a browser shows may send it to any address, also this one; such a request names its
Origin. A name that another site lets point to this machine is in the Host.
"""

from urllib.parse import urlsplit

from flask import Request

from domain.addresses import read_address
from domain.errors import Forbidden


class CalledFromElsewhere(Forbidden):
    """This is for programs on this machine, not for pages of other sites."""


def refuse_strangers(request: Request, *, own_url: str) -> None:
    """Raise CalledFromElsewhere unless the API's own name, and no other site, was called."""
    own = urlsplit(own_url)
    host = urlsplit(f"//{request.host}").hostname or ""
    address = read_address(host)
    is_own = host in {"localhost", own.hostname}
    if not (is_own or (address is not None and address.is_loopback)):
        raise CalledFromElsewhere
    origin = request.headers.get("Origin")
    if origin is not None and origin != request.host_url.rstrip("/"):
        raise CalledFromElsewhere
    if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        raise CalledFromElsewhere
