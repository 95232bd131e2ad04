"""What can be wrong with notices' messages."""

from domain.errors import NotFound, Rejected


class TemplatesInvalid(Rejected):
    """Message templates are not as they must be; `place` says which, `expected` what may stand."""


class NoMessagesThere(NotFound):
    """There is no such mini-program, or it is not WeChat's: subscribe messages are."""
