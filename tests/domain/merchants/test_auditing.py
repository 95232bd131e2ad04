import pytest
from sqlalchemy import select

from domain import clock
from domain.database import merchant_transaction, transaction
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.errors import RoleTooLow
from domain.merchants.rules import Role
from domain.models import AuditEntry
from launcher.addresses import DatabaseUrls
from tests.factories.merchants import make_merchant
from tests.factories.staff import make_staff

pytestmark = pytest.mark.transactional


@pytest.fixture
def actor(database: DatabaseUrls) -> StaffActor:
    with transaction() as session:
        merchant = make_merchant(session)
        staff = make_staff(session, merchant.id)
    return StaffActor(merchant.id, staff.id, Role.OPERATOR, "10.0.0.7")


def write(actor: StaffActor, **changes: object) -> AuditEntry:
    with merchant_transaction(actor.merchant_id) as session:
        audit(
            session,
            actor,
            "product.changed",
            subject_kind="product",
            subject_id=7,
            at=clock.real_now(),
            **changes,  # type: ignore[arg-type]
        )
    with transaction() as session:
        return session.scalars(
            select(AuditEntry).where(AuditEntry.merchant_id == actor.merchant_id)
        ).one()


def test_entry_says_who_what_why_and_from_where(actor: StaffActor) -> None:
    entry = write(actor, reason="短一点")

    assert (entry.staff_id, entry.action, entry.reason) == (
        actor.staff_id,
        "product.changed",
        "短一点",
    )
    assert (entry.subject_kind, entry.subject_id) == ("product", 7)
    assert entry.client_address == "10.0.0.7"


def test_only_what_differs_is_kept(actor: StaffActor) -> None:
    entry = write(actor, before={"a": 1, "b": 2, "c": 3}, after={"a": 1, "b": 5, "d": 4})

    assert entry.before == {"b": 2, "c": 3}
    assert entry.after == {"b": 5, "d": 4}


def test_entry_goes_with_its_write(actor: StaffActor) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_after_auditing(actor)

    with transaction() as session:
        found = session.scalars(
            select(AuditEntry).where(AuditEntry.merchant_id == actor.merchant_id)
        ).all()
    assert found == []


def fail_after_auditing(actor: StaffActor) -> None:
    with merchant_transaction(actor.merchant_id) as session:
        audit(
            session,
            actor,
            "product.changed",
            subject_kind="product",
            subject_id=7,
            at=clock.real_now(),
        )
        raise ZeroDivisionError


def test_roles_include_the_ones_below() -> None:
    assert Role.OWNER.is_at_least(Role.OPERATOR)
    assert Role.OPERATOR.is_at_least(Role.OPERATOR)
    assert not Role.VIEWER.is_at_least(Role.OPERATOR)


def test_too_low_a_role_is_refused(actor: StaffActor) -> None:
    actor.require(Role.OPERATOR)

    with pytest.raises(RoleTooLow):
        actor.require(Role.OWNER)
