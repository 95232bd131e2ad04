"""Jobs that audit."""

from domain.auditing import nightly
from domain.database import read_clock


def audit_night() -> None:
    """Check every invariant, once a night."""
    nightly.audit_night(at=read_clock())
