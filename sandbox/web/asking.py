"""Asking the control API from within its own process: the same endpoints, checks and refusals."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import current_app


class Refusal(Exception):
    """The control API refused; the text says why."""


@dataclass(frozen=True)
class Call:
    """One request to the control API; `path` is below its prefix."""

    method: str
    path: str
    body: dict[str, Any] | None = None


def ask(call: Call) -> dict[str, Any]:
    """Make a call and return its answer. Raises Refusal."""
    with current_app.test_request_context(
        f"/control{call.path}",
        method=call.method,
        json=call.body,
        environ_base={"REMOTE_ADDR": "127.0.0.1"},
    ):
        response = current_app.full_dispatch_request()
    answer: dict[str, Any] = response.get_json(silent=True) or {}
    if response.status_code != 200:
        raise Refusal(answer.get("error", response.status))
    return answer


def look(path: str, **parameters: str) -> dict[str, Any]:
    """Read from the control API; empty parameters are left out. Raises Refusal."""
    query = urlencode({name: value for name, value in parameters.items() if value})
    return ask(Call("GET", f"{path}?{query}"))
