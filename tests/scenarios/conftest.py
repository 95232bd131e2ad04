"""Stories may ask for a sandbox and for a world around it."""

from tests.sandbox_server import own_sandbox, sandbox, shared_sandbox
from tests.world import world

__all__ = ["own_sandbox", "sandbox", "shared_sandbox", "world"]
