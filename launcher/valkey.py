"""The embedded Valkey (or Redis): its data folder, its process, its address."""

import os
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from launcher.accounts import QUIET_ENVIRONMENT, Account, hand_over, make_private_folder
from launcher.binaries import Binaries
from launcher.ports import HOST
from launcher.programs import Program

DATABASES = 64


@dataclass(frozen=True)
class Valkey:
    """One server on the loopback address, with a password and an append-only file."""

    binaries: Binaries
    data: Path
    port: int
    password: str
    account: Account | None = None

    def initialise(self) -> None:
        """Create the data folder and write the configuration; may be repeated."""
        make_private_folder(self.data, self.account)
        descriptor = os.open(self._configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(
                f"bind {HOST}\nport {self.port}\nrequirepass {self.password}\n"
                f'dir "{self.data}"\nappendonly yes\nappendfsync everysec\nsave ""\n'
                f"databases {DATABASES}\nmaxmemory-policy noeviction\ndaemonize no\n"
            )
        hand_over(self._configuration, self.account)

    def program(self, name: str = "valkey") -> Program:
        """Return what the supervisor runs: the server in the foreground."""
        return Program(
            name=name,
            command=(str(self.binaries.program), str(self._configuration)),
            environment=QUIET_ENVIRONMENT,
            folder=self.data,
            account=self.account,
            is_ready=self.is_ready,
            attempts=5,
            detail=f"{HOST}:{self.port}  ({self.binaries.origin})",
        )

    def is_ready(self) -> bool:
        """Tell whether the server answers and has read its file."""
        client = redis.Redis(
            host=HOST,
            port=self.port,
            password=self.password,
            socket_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def url(self, number: int = 0) -> str:
        """Return the address of one of its numbered databases."""
        return f"redis://:{self.password}@{HOST}:{self.port}/{number}"

    @property
    def _configuration(self) -> Path:
        return self.data / "valkey.conf"
