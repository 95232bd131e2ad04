"""Groups over HTTP: polling, and what is refused before anything is looked up."""

from datetime import timedelta
from typing import Any

import pytest

from api.views import groups as views
from domain import clock
from domain.groups.queries import PROGRESS
from tests.api.callers import Caller, Mall
from tests.api.stages import calling, stage_of

pytestmark = pytest.mark.transactional

MINUTE = timedelta(minutes=1)


def poll(caller: Caller, group_id: str, etag: str) -> Any:
    return caller.call("GET", f"/v1/groups/{group_id}", headers={"If-None-Match": etag})


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the groups that were read from the database since."""
    made: list[str] = []
    read_group = views.read_group

    def counted(session: Any, merchant_id: int, group_id: str) -> Any:
        made.append(group_id)
        return read_group(session, merchant_id, group_id)

    monkeypatch.setattr(views, "read_group", counted)
    PROGRESS.clear()
    return made


def test_nothing_new_is_not_told_again(mall: Mall) -> None:
    group_id = stage_of(mall).opened(clock.real_now() - MINUTE)
    first = mall.shopper.get(f"/v1/groups/{group_id}")

    again = poll(mall.shopper, group_id, first.headers["ETag"])

    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_version_that_was_seen_bypasses_an_older_entry(mall: Mall, reads: list[str]) -> None:
    stage = stage_of(mall)
    group_id = stage.opened(clock.real_now() - MINUTE)
    older = mall.shopper.get(f"/v1/groups/{group_id}")
    stage.joined(group_id, clock.real_now() - MINUTE)
    PROGRESS.clear()
    newer = mall.shopper.get(f"/v1/groups/{group_id}")
    PROGRESS.clear()
    reads.clear()
    poll(mall.shopper, group_id, older.headers["ETag"])
    view = PROGRESS.get(mall.id, group_id, seen_version=0)
    assert view is not None
    object.__setattr__(view, "version", view.version - 1)

    answer = poll(mall.shopper, group_id, newer.headers["ETag"])

    assert answer.status_code == 304
    assert reads == [group_id, group_id]


@pytest.mark.parametrize("version", ["9" * 5_000, "9" * 18, "9"])
def test_version_that_was_made_up_does_not_bypass_the_cache(
    mall: Mall, reads: list[str], version: str
) -> None:
    group_id = stage_of(mall).opened(clock.real_now() - MINUTE)
    honest = mall.shopper.get(f"/v1/groups/{group_id}").headers["ETag"]
    made_up = f'"v{version}{honest[honest.index("-") :]}'

    answers = [poll(mall.shopper, group_id, made_up) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert reads == [group_id]


def test_version_of_another_group_counts_for_nothing(mall: Mall, reads: list[str]) -> None:
    stage = stage_of(mall)
    group_id = stage.opened(clock.real_now() - MINUTE)
    busy = stage.opened(clock.real_now() - MINUTE)
    stage.joined(busy, clock.real_now() - MINUTE)
    etag = calling(mall, stage.shopper()).get(f"/v1/groups/{busy}").headers["ETag"]
    mall.shopper.get(f"/v1/groups/{group_id}")
    reads.clear()

    answer = poll(mall.shopper, group_id, etag)

    assert answer.status_code == 200
    assert reads == []
