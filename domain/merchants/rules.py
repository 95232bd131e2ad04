"""Roles of staff, and what a password must be. Pure."""

from enum import StrEnum

SHORTEST_PASSWORD = 10


class Role(StrEnum):
    """A role; each may do all that the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    OWNER = "owner"

    def is_at_least(self, other: "Role") -> bool:
        """Say whether this role may do what the other may."""
        return _RANK[self] >= _RANK[other]


_RANK = {role: rank for rank, role in enumerate(Role)}


def normalise_login(login: str) -> str:
    """Return a login as it is stored: trimmed, lower case."""
    return login.strip().lower()
