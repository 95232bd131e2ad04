"""The kinds of domain error; each noun derives its own, `api/errors.py` maps kinds to HTTP."""

import re
from typing import Any


def _code_of(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class DomainError(Exception):
    """Something the caller is told by a stable code; `details` are safe to show.

    The code is the class name in snake case unless given; `details["field"]` names the field.
    """

    def __init__(self, code: str | None = None, message: str = "", **details: Any) -> None:
        self.code = code or _code_of(type(self).__name__)
        self.message = message
        self.details = details
        super().__init__(message or self.code)


class NotFound(DomainError):
    """The thing does not exist, or is not the caller's."""


class Forbidden(DomainError):
    """The caller is known and may not do this."""


class Unauthenticated(DomainError):
    """The caller is not known, or its proof has run out."""


class Conflict(DomainError):
    """The thing is in a state in which this cannot be done."""


class Busy(Conflict):
    """Somebody else holds what this needs; try again shortly."""


class TooManyAttempts(DomainError):
    """Too many attempts in a short time; `retry_after_seconds` says when the next may come."""


class Rejected(DomainError):
    """The input is well-formed and against a rule."""


class GatewayFailed(DomainError):
    """A payment gateway did not do what was asked, or its answer is unknown."""
