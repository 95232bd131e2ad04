import json
import os
from pathlib import Path

import pytest

from bench.figures import memory
from bench.stage.product import PROGRAMS, Product
from launcher.errors import CannotGoOn
from launcher.ports import Ports

NOBODY = 2**22 + 1


def test_without_a_browser_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "find_chromium", lambda: None)

    with pytest.raises(CannotGoOn, match="make browser"):
        memory.measure()


def test_a_program_that_has_ended_is_not_counted_as_nothing(tmp_path: Path) -> None:
    roster = [[os.getpid(), ""] for _ in PROGRAMS[1:]] + [[NOBODY, ""]]
    (tmp_path / "processes.json").write_text(json.dumps(roster))

    with pytest.raises(RuntimeError, match=f"no longer running: {PROGRAMS[-1]}$"):
        Product(tmp_path, Ports(), os.getpid()).shares_kb()
