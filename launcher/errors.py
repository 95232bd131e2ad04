"""What ends a command of the launcher with a message instead of a traceback."""


class CannotGoOn(Exception):
    """Something is missing or in the way; `mend` is what the reader may type to put it right."""

    def __init__(self, message: str, *, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend

    def __str__(self) -> str:
        message = str(self.args[0])
        return f"{message}\nTry:  {self.mend}" if self.mend else message


class StopRequested(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM: everything is stopped in order."""
