"""Keep-alive HTTP in place of the `requests` functions an SDK calls.

The WeChat SDK opens a connection per call (`requests.get`, `requests.post`). An instance of
`KeepAlive` stands where its module `requests` stood. One session per thread and process: a session
is not thread-safe, and a forked child must not share its parent's sockets.
"""

import os
import threading
from typing import Any

import requests

_HEADERS = dict(requests.utils.default_headers())


class KeepAlive:
    """The two functions of `requests` the SDK uses, and the headers of the latest answer."""

    def __init__(self) -> None:
        self._local = threading.local()

    def get(self, url: str, **options: Any) -> requests.Response:
        """Send a GET as `requests.get` does."""
        return self._send("GET", url, options)

    def post(self, url: str, **options: Any) -> requests.Response:
        """Send a POST as `requests.post` does."""
        return self._send("POST", url, options)

    def forget_answer(self) -> None:
        """Forget the latest answer of this thread."""
        self._local.answer = None

    def answer(self) -> requests.Response | None:
        """Return this thread's answer since `forget_answer`, or None if none came."""
        return getattr(self._local, "answer", None)

    def _send(self, method: str, url: str, options: dict[str, Any]) -> requests.Response:
        """Send by the adapter itself: a session's cookies and hooks cost as much as the sending.

        Neither a redirect nor ~/.netrc, which would replace our Authorization, is looked at.
        """
        timeout, proxies = options.pop("timeout", None), options.pop("proxies", None)
        headers = {**_HEADERS, **(options.pop("headers", None) or {})}
        prepared = requests.Request(method, url, headers=headers, **options).prepare()
        adapter = self._session().get_adapter(url)
        answer = adapter.send(prepared, timeout=timeout, proxies=proxies)
        # Read to its end, so that the connection can be used again.
        _ = answer.content
        # Without a charset, `text` would guess, and the signature is over UTF-8.
        answer.encoding = "utf-8"
        self._local.answer = answer
        return answer

    def _session(self) -> requests.Session:
        if getattr(self._local, "process", None) != os.getpid():
            self._local.session = requests.Session()
            self._local.process = os.getpid()
        kept: requests.Session = self._local.session
        return kept
