"""Passwords and keys that are generated once for a stack, in files only their owner reads."""

import base64
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Keyring:
    """One file per secret, mode 0600, in a folder of mode 0700."""

    folder: Path

    def token(self, name: str) -> str:
        """Return a password that is safe inside a URL; made at the first call."""
        return self._once(name, lambda: secrets.token_urlsafe(24))

    def key(self, name: str) -> str:
        """Return 32 random bytes in URL-safe base64; made at the first call."""
        return self._once(name, lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())

    def _once(self, name: str, make: Callable[[], str]) -> str:
        path = self.folder / name
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.chmod(0o700)
            written = path.with_suffix(".new")
            descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(make())
            written.rename(path)
        return path.read_text()
