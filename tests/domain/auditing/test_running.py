import pytest

from domain.auditing.running import audit
from tests.domain.auditing.stories import play

pytestmark = pytest.mark.transactional


def test_every_invariant_holds_after_every_story(fresh_database: object) -> None:
    world = play()

    report = audit(at=world.start)

    assert report.is_ok, report.to_text()
