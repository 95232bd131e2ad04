"""One thread's outgoing POSTs over keep-alive connections."""

import http.client
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5
_KEPT = 16


class Poster:
    """Posts for one thread; not to be shared."""

    def __init__(self) -> None:
        self._connections: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def post(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Post and return status and body. Raises OSError or HTTPException without an answer.

        A kept connection may have been closed by the other side meanwhile: that is tried once
        more on a new one.
        """
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        kept = self._connections.pop(key, None)
        if kept is not None:
            try:
                return self._exchange(key, kept, parts.path, headers, body)
            except ConnectionError:
                kept.close()
        return self._exchange(key, _connect(*key), parts.path, headers, body)

    def _exchange(
        self,
        key: tuple[str, str],
        connection: http.client.HTTPConnection,
        path: str,
        headers: dict[str, str],
        body: bytes,
    ) -> tuple[int, bytes]:
        try:
            connection.request("POST", path or "/", body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        except BaseException:
            connection.close()
            raise
        if answer.will_close or len(self._connections) >= _KEPT:
            connection.close()
        else:
            self._connections[key] = connection
        return answer.status, content

    def close(self) -> None:
        """Close what is kept open."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()


def _connect(scheme: str, netloc: str) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    return kind(netloc, timeout=TIMEOUT_SECONDS)
