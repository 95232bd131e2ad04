"""The progress of groups, kept for a moment by each process: a crowd that polls one reads it once.

Whoever is signed in sees what the database says now: the group's version is asked for first, and an
older view is read anew. So nobody misses an act of their own, whichever process it went through.
"""

import threading
import time

from flask import Flask, current_app

from domain.groups.queries import GroupView

CACHED_SECONDS = 1.0
CACHED_GROUPS = 4096
_NAME = "pinbu-progress"


class ProgressCache:
    """A micro-cache of group views, one per process: a crowd polling one group reads it once.

    A reader says the version it has seen; an entry older than that is read anew.
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[int, str], tuple[float, GroupView]] = {}
        self._lock = threading.Lock()

    def get(self, merchant_id: int, public_id: str, *, seen_version: int) -> GroupView | None:
        """Return a view that is fresh and not older than `seen_version`."""
        entry = self._entries.get((merchant_id, public_id))
        if entry is None or time.monotonic() - entry[0] > CACHED_SECONDS:
            return None
        return entry[1] if entry[1].version >= seen_version else None

    def put(self, merchant_id: int, view: GroupView) -> None:
        """Keep a view, unless a newer one is kept; the cache is emptied when it is full."""
        with self._lock:
            kept = self._entries.get((merchant_id, view.id))
            if kept is not None and kept[1].version > view.version:
                return
            if len(self._entries) >= CACHED_GROUPS:
                self._entries.clear()
            self._entries[merchant_id, view.id] = (time.monotonic(), view)

    def clear(self) -> None:
        """Forget everything (another database, a jump of the clock)."""
        self._entries.clear()


def keep_progress(app: Flask) -> None:
    """Give an application its cache."""
    app.extensions[_NAME] = ProgressCache()


def progress_cache() -> ProgressCache:
    """Return the running application's cache."""
    cache: ProgressCache = current_app.extensions[_NAME]
    return cache
