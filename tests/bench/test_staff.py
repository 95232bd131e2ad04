import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bench.playing.setting_up import Deadline, plan_day
from bench.playing.staff import APP_ID, Access, read_access


def test_access_is_read_from_what_the_sample_printed(tmp_path: Path) -> None:
    path = tmp_path / "sample.json"
    path.write_text(json.dumps({"login": "owner", "password": "p", "app_id": "wx1"}))

    assert read_access(path) == Access("owner", "p", "wx1")


def test_access_is_read_from_the_passwords_that_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "sample-login.json"
    path.write_text(json.dumps({"owner": "p1", "viewer": "p2"}))

    assert read_access(path) == Access("owner", "p1", APP_ID)
    assert read_access(path, login="viewer").password == "p2"


def test_a_file_without_the_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sample-login.json"
    path.write_text("{}")

    with pytest.raises(ValueError, match="no password of owner"):
        read_access(path)


def test_the_day_begins_at_the_next_midnight_in_shanghai() -> None:
    plan = plan_day(datetime(2026, 11, 22, 16, 30, tzinfo=UTC), Deadline.MIDNIGHT)

    assert plan.day_on == date(2026, 11, 24)
    assert plan.starts_at == datetime(2026, 11, 23, 16, tzinfo=UTC)
    assert plan.last_deadline_at == plan.starts_at + timedelta(hours=24)


def test_groups_with_a_life_of_their_own_end_a_day_later() -> None:
    plan = plan_day(datetime(2026, 11, 22, 12, 0, tzinfo=UTC), Deadline.LIFE)

    assert plan.last_deadline_at == plan.starts_at + timedelta(hours=48)
