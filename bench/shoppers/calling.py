"""One call over HTTP: attempts, retries of what is unknown, and the journal of both.

An attempt that ends without an answer, or with a 5xx, is *unknown*: it may have happened. It is
repeated with the same Idempotency-Key, which makes it safe; so is a GET. Busy (409 with
Retry-After) and 429 did not happen and are tried again later. Everything else is an answer.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.shoppers.journal import Journal, Phase

MOST_ATTEMPTS = 8
MOST_WAITS = 120
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


class Unanswered(Exception):
    """A call got no usable answer, however often it was repeated."""


class Refused(Exception):
    """An answer that is not the one that was needed."""

    def __init__(self, operation: str, answer: "Answer") -> None:
        self.answer = answer
        detail = answer.body.get("detail") or answer.body.get("error") or ""
        super().__init__(f"{operation}: {answer.status} {answer.code} {detail}".rstrip())


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON body (empty where there was none)."""

    status: int
    body: dict[str, Any]

    @property
    def is_ok(self) -> bool:
        """Return whether the call did what was asked."""
        return self.status < 400

    @property
    def code(self) -> str:
        """Return the problem's stable code; empty for a success."""
        return str(self.body.get("code", ""))


@dataclass(frozen=True, slots=True)
class Request:
    """What to call: `operation` is its name in the journal; a harmless one may be done twice."""

    operation: str
    method: str
    path: str
    body: Any = None
    token: str | None = None
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    is_harmless: bool = False

    @property
    def is_repeatable(self) -> bool:
        """Return whether an unknown outcome may be repeated."""
        return self.method == "GET" or self.key is not None or self.is_harmless

    @property
    def all_headers(self) -> dict[str, str]:
        """Return the headers with token and key."""
        headers = dict(self.headers)
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.key is not None:
            headers["Idempotency-Key"] = self.key
        return headers


class Caller:
    """Calls one server; safe to share by threads."""

    def __init__(
        self,
        url: str,
        journal: Journal,
        *,
        connections: int = 16,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        most_attempts: int = MOST_ATTEMPTS,
        timeout_seconds: float = 30,
    ) -> None:
        self._most_attempts = most_attempts
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._http = httpx.Client(
            base_url=url,
            timeout=timeout_seconds,
            trust_env=False,
            limits=limits,
            transport=transport,
        )
        self._journal = journal
        self._sleep = sleep

    def close(self) -> None:
        """Close the kept connections."""
        self._http.close()

    def call(self, request: Request) -> Answer:
        """Call until there is an answer. Raises Unanswered."""
        unknowns = waits = 0
        while True:
            answer, pause = self._attempt(request, unknowns + waits + 1)
            if answer is not None and pause is None:
                return answer
            if answer is not None:
                waits += 1
                if waits >= MOST_WAITS:
                    return answer
            else:
                unknowns += 1
                if not request.is_repeatable or unknowns >= self._most_attempts:
                    self._journal.lose(request.operation, request.key)
                    raise Unanswered(f"{request.operation}: no answer after {unknowns} attempts")
                pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (unknowns - 1))
            self._sleep(pause or 0)

    def need(self, request: Request) -> dict[str, Any]:
        """Call and return the body of a success. Raises Refused, Unanswered."""
        answer = self.call(request)
        if not answer.is_ok:
            raise Refused(request.operation, answer)
        return answer.body

    def _attempt(self, request: Request, attempt: int) -> tuple[Answer | None, float | None]:
        """Try once; returns the answer if there is one, and the pause if it asks to wait."""
        about: dict[str, Any] = {"attempt": attempt, "path": request.path}
        if request.key is not None:
            about["key"] = request.key
        self._journal.write(Phase.INVOKE, request.operation, **about)
        began = time.perf_counter()
        try:
            response = self._http.request(
                request.method,
                request.path,
                json=request.body,
                headers=request.all_headers,
                params=request.parameters or None,
            )
        except httpx.TransportError as error:
            self._journal.write(
                Phase.UNKNOWN, request.operation, error=type(error).__name__, **about
            )
            return None, None
        about["milliseconds"] = round(1000 * (time.perf_counter() - began), 1)
        about["status"] = response.status_code
        answer = Answer(response.status_code, _body_of(response))
        if answer.is_ok:
            self._journal.write(Phase.OK, request.operation, **about)
            return answer, None
        about["code"] = answer.code
        if answer.status >= 500:
            about["request_id"] = answer.body.get("request_id")
            self._journal.write(Phase.UNKNOWN, request.operation, **about)
            return None, None
        self._journal.write(Phase.FAIL, request.operation, **about)
        return answer, _asked_to_wait(response)


def _body_of(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {"items": body}


def _asked_to_wait(response: httpx.Response) -> float | None:
    """Return how long a 409 or 429 asks to wait before the next attempt, if it does."""
    told = response.headers.get("Retry-After", "")
    if response.status_code in {409, 429} and told.isdigit():
        return min(float(told), 30.0)
    return None
