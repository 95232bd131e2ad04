"""Asks a local HTTP server whether it is ready."""

import http.client

from launcher.ports import HOST


def answers(port: int, path: str) -> bool:
    """Tell whether a GET is answered with 200; no proxy is ever asked."""
    connection = http.client.HTTPConnection(HOST, port, timeout=3)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
