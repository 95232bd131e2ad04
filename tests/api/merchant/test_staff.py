"""People who work for a merchant: added, changed, shut out, and each of it on record."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from domain.database import transaction
from domain.merchants import staffing
from domain.merchants.errors import LastOwner
from domain.merchants.rules import Role
from tests.api.callers import Caller, Mall
from tests.concurrency.racing import race
from tests.factories.staff import make_staff

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/staff"
PASSWORD = "correct horse battery"


@pytest.fixture
def clerk(mall: Mall) -> dict[str, Any]:
    """An operator with a login, as owners see them."""
    with transaction() as session:
        person = make_staff(session, mall.id, role="operator", name="小李", password=PASSWORD)
    (found,) = (p for p in people(mall) if p["id"] == person.public_id)
    return found


def people(mall: Mall) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = mall.owner.get(PATH).json["items"]
    return found


def enter(anyone: Caller, clerk: dict[str, Any], password: str = PASSWORD) -> Caller | None:
    answer = anyone.post("/v1/merchant/sessions", login=clerk["login"], password=password)
    return Caller(anyone.client, answer.json["token"]) if answer.status_code == 201 else None


def is_in(caller: Caller | None) -> bool:
    return caller is not None and caller.get("/v1/merchant/sessions/current").status_code == 200


def audited(mall: Mall) -> dict[str, Any]:
    line: dict[str, Any] = mall.owner.get("/v1/merchant/audit-log").json["items"][0]
    return line


def test_owner_adds_a_person_who_signs_in(mall: Mall, anyone: Caller) -> None:
    answer = mall.owner.post(
        PATH, name="小王", role="viewer", login="Wang.New", password=PASSWORD, reason="新同事"
    )

    assert answer.status_code == 201
    assert (answer.json["login"], answer.json["role"]) == ("wang.new", "viewer")
    assert is_in(enter(anyone, answer.json))
    taken = mall.owner.post(
        PATH, name="小王", role="viewer", login="wang.new", password=PASSWORD, reason="又来"
    )
    assert (taken.status_code, taken.json["code"]) == (409, "login_taken")


def test_disabled_person_is_out_at_once_and_may_come_back(
    mall: Mall, anyone: Caller, clerk: dict[str, Any]
) -> None:
    inside = enter(anyone, clerk)

    gone = mall.owner.post(f"{PATH}/{clerk['id']}/disable", reason="离职")

    assert gone.status_code == 200
    assert gone.json["disabled_at"] is not None
    assert not is_in(inside)
    assert enter(anyone, clerk) is None
    line = audited(mall)
    assert (line["action"], line["reason"]) == ("staff.disabled", "离职")
    back = mall.owner.post(f"{PATH}/{clerk['id']}/enable", reason="回来了")
    assert back.json["disabled_at"] is None
    assert not is_in(inside)
    assert is_in(enter(anyone, clerk))


def test_role_counts_from_the_next_request_on(
    mall: Mall, anyone: Caller, clerk: dict[str, Any]
) -> None:
    inside = enter(anyone, clerk)
    assert inside is not None

    answer = mall.owner.post(f"{PATH}/{clerk['id']}/role", role="viewer", reason="转岗")

    assert answer.json["role"] == "viewer"
    assert inside.get("/v1/merchant/sessions/current").json["staff"]["role"] == "viewer"
    line = audited(mall)
    assert (line["before"], line["after"]) == ({"role": "operator"}, {"role": "viewer"})


def test_reset_password_ends_sessions(mall: Mall, anyone: Caller, clerk: dict[str, Any]) -> None:
    inside = enter(anyone, clerk)

    answer = mall.owner.post(
        f"{PATH}/{clerk['id']}/password", password="another long one", reason="忘了"
    )

    assert answer.status_code == 200
    assert not is_in(inside)
    assert enter(anyone, clerk) is None
    assert is_in(enter(anyone, clerk, "another long one"))
    assert "another" not in str(audited(mall))


def test_sessions_are_listed_and_ended(mall: Mall, anyone: Caller, clerk: dict[str, Any]) -> None:
    inside = [enter(anyone, clerk) for _ in range(2)]
    path = f"{PATH}/{clerk['id']}/sessions"

    listed = mall.owner.get(path).json["items"]
    ended = mall.owner.post(f"{path}/end", reason="设备丢失")

    assert [line["client_address"] for line in listed] == ["127.0.0.1"] * 2
    assert ended.json["sessions"] == 0
    assert not any(is_in(caller) for caller in inside)
    assert audited(mall)["action"] == "staff.sessions_ended"
    assert is_in(enter(anyone, clerk))


def test_last_owner_stays_one(mall: Mall) -> None:
    own = next(p for p in people(mall) if p["role"] == "owner")

    demoted = mall.owner.post(f"{PATH}/{own['id']}/role", role="viewer", reason="x")
    shut_out = mall.owner.post(f"{PATH}/{own['id']}/disable", reason="x")

    assert (demoted.status_code, demoted.json["code"]) == (409, "last_owner")
    assert (shut_out.status_code, shut_out.json["code"]) == (403, "staff_own")
    mall.add_owner()
    assert mall.owner.post(f"{PATH}/{own['id']}/role", role="viewer", reason="x").status_code == 200


def test_two_owners_do_not_demote_each_other_at_once(mall: Mall) -> None:
    mall.add_owner()
    owners = [p for p in people(mall) if p["role"] == "owner"]
    now = mall.staff["owner"].created_at

    def demote(public_id: str) -> None:
        with transaction() as session:
            person = staffing.find_staff(
                session, mall.id, public_id, now=mall.staff["owner"].created_at
            )
            staffing.change_role(session, mall.id, person, Role.VIEWER)

    ends = race([lambda p=p: demote(p["id"]) for p in owners])

    assert len([end for end in ends if isinstance(end, LastOwner)]) == 1
    with transaction() as session:
        found = staffing.list_staff(session, mall.id, now=now)
    assert len([p for p in found if p.role == "owner"]) == 1


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_owners_look_and_change(
    mall: Mall, clerk: dict[str, Any], role: str, client: FlaskClient
) -> None:
    caller: Caller = getattr(mall, role)
    base = f"{PATH}/{clerk['id']}"

    answers = [
        caller.get(PATH),
        caller.get(f"{base}/sessions"),
        caller.post(PATH, name="x", role="owner", login="xyz", password=PASSWORD, reason="x"),
        *(
            caller.post(f"{base}/{verb}", reason="x")
            for verb in ("disable", "enable", "sessions/end")
        ),
        caller.post(f"{base}/role", role="owner", reason="x"),
        caller.post(f"{base}/password", password=PASSWORD, reason="x"),
    ]

    assert {answer.status_code for answer in answers} == {403}


def test_people_of_another_merchant_are_not_found(
    mall: Mall, other_mall: Mall, clerk: dict[str, Any], anyone: Caller
) -> None:
    inside = enter(anyone, clerk)

    answer = other_mall.owner.post(f"{PATH}/{clerk['id']}/disable", reason="x")

    assert (answer.status_code, answer.json["code"]) == (404, "staff_not_found")
    assert clerk["id"] not in {p["id"] for p in people(other_mall)}
    assert is_in(inside)
