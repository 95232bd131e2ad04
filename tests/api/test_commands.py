import json
import stat
from collections.abc import Iterator
from dataclasses import MISSING
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from domain.clock import real_now
from domain.config import settings
from domain.database import transaction
from domain.gateways import GatewayCredentials
from domain.merchants.queries import find_app, find_login
from domain.models import (
    AuditEntry,
    Campaign,
    GatewayAccount,
    Merchant,
    Product,
    RuleVersion,
    Staff,
    Variant,
)
from domain.payments.accounts import account_of_merchant
from tests.api.callers import Caller
from tests.factories.merchants import make_merchant
from tests.factories.staff import make_staff, make_staff_session
from tests.sandbox_server import SandboxServer, sandbox, shared_sandbox

pytestmark = pytest.mark.transactional

__all__ = ["sandbox", "shared_sandbox"]

KEYS = {
    "gateway": "wechat",
    "mch_no": "1900000001",
    "app_id": "wx0000000000000001",
    "merchant_private_key_pem": "-----BEGIN PRIVATE KEY-----",
    "merchant_serial": "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
    "platform_public_key_pem": "-----BEGIN PUBLIC KEY-----",
    "platform_public_key_id": "PUB_KEY_ID_0119000000012025010100000000000000",
    "apiv3_key": "0" * 32,
    "platform_certificate_pem": "",
    "merchant_certificate_pem": "",
    "root_certificate_pem": "",
}
ALIPAY_KEYS = {
    "gateway": "alipay",
    "mch_no": "2088000000000001",
    "app_id": "2021000000000001",
    "merchant_private_key_pem": "-----BEGIN PRIVATE KEY-----",
    "merchant_certificate_pem": "-----BEGIN CERTIFICATE-----",
    "platform_certificate_pem": "-----BEGIN CERTIFICATE-----",
    "root_certificate_pem": "-----BEGIN CERTIFICATE-----",
}


def run(app: Flask, *arguments: str, **options: Any) -> Any:
    return app.test_cli_runner().invoke(args=list(arguments), **options)


def told(result: Any) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.strip().splitlines()
    answer: dict[str, Any] = json.loads(line)
    return answer


class TestStaff:
    def test_person_is_shut_out_and_let_in_by_the_operator(self, app: Flask) -> None:
        with transaction() as session:
            merchant = make_merchant(session)
            make_staff(session, merchant.id, name="老板")
            person = make_staff(
                session, merchant.id, role="operator", name="小李", password="correct horse"
            )
            token = make_staff_session(session, person)
        caller = Caller(app.test_client(), token)
        who = (merchant.public_id, person.public_id, "--reason", "test")

        lines = run(app, "staff-list", merchant.public_id).stdout.splitlines()
        told(run(app, "staff-role", *who, "--role", "viewer"))
        assert caller.get("/v1/merchant/sessions/current").json["staff"]["role"] == "viewer"
        told(run(app, "sessions-end", *who))
        ended = caller.get("/v1/merchant/sessions/current")
        told(run(app, "staff-password", *who, "--password", "another long one"))
        told(run(app, "staff-disable", *who))
        back = told(run(app, "staff-enable", *who))

        assert [json.loads(line)["name"] for line in lines] == ["老板", "小李"]
        assert (ended.status_code, back["disabled"]) == (401, False)
        with transaction() as session:
            actions = session.scalars(
                select(AuditEntry.action)
                .where(AuditEntry.merchant_id == merchant.id)
                .order_by(AuditEntry.id)
            ).all()
        assert actions == [
            "staff.role_changed",
            "staff.sessions_ended",
            "staff.password_reset",
            "staff.disabled",
            "staff.enabled",
        ]

    def test_last_owner_stays(self, app: Flask) -> None:
        with transaction() as session:
            merchant = make_merchant(session)
            owner = make_staff(session, merchant.id)

        result = run(app, "staff-disable", merchant.public_id, owner.public_id, "--reason", "test")

        assert result.exit_code == 1
        assert "last_owner" in result.output


class TestAdding:
    def test_merchant_is_added_with_its_app(self, app: Flask) -> None:
        answer = told(
            run(
                app,
                "merchants-add",
                "新商家",
                "--app-id",
                "wx00000000000000aa",
                env={"PINBU_APP_SECRET": "s3cret"},
            )
        )

        with transaction() as session:
            found = find_app(session, "wx00000000000000aa")
            merchant = session.get_one(Merchant, found.merchant_id)
        assert found.secret == "s3cret"
        assert (merchant.name, merchant.public_id) == ("新商家", answer["merchant_id"])

    def test_anothers_app_is_not_taken_over(self, app: Flask) -> None:
        with transaction() as session:
            kept = make_merchant(session)

        result = run(
            app,
            "merchants-add",
            "强占",
            "--app-id",
            kept.app_id,
            env={"PINBU_APP_SECRET": "mine"},
        )

        assert result.exit_code == 1
        assert "app_taken" in result.output
        with transaction() as session:
            assert find_app(session, kept.app_id).secret == "app-secret"
            assert session.scalars(select(Merchant).where(Merchant.name == "强占")).all() == []

    def test_staff_can_sign_in_once_added(self, app: Flask, anyone: Caller) -> None:
        with transaction() as session:
            merchant = make_merchant(session)

        answer = told(
            run(
                app,
                "staff-add",
                merchant.public_id,
                "Anna@Example.com",
                "--name",
                "安娜",
                "--role",
                "owner",
                env={"PINBU_STAFF_PASSWORD": "a long password"},
            )
        )

        assert answer["login"] == "anna@example.com"
        signed_in = anyone.post(
            "/v1/merchant/sessions", login="anna@example.com", password="a long password"
        )
        assert signed_in.status_code == 201

    def test_login_is_unique_and_passwords_are_long(self, app: Flask) -> None:
        with transaction() as session:
            merchant = make_merchant(session)
        arguments = ("staff-add", merchant.public_id, "twice", "--name", "二")

        told(run(app, *arguments, env={"PINBU_STAFF_PASSWORD": "a long password"}))
        again = run(app, *arguments, env={"PINBU_STAFF_PASSWORD": "a long password"})
        short = run(app, *arguments, env={"PINBU_STAFF_PASSWORD": "short"})

        assert (again.exit_code, "login_taken" in again.output) == (1, True)
        assert (short.exit_code, "at least 10" in short.output) == (1, True)

    def test_alipay_app_is_added_without_a_secret(self, app: Flask) -> None:
        with transaction() as session:
            merchant = make_merchant(session)
        arguments = ("app-add", merchant.public_id, "--app-id", "2021000000000001")

        told(run(app, *arguments, "--platform", "alipay"))
        secret = run(app, *arguments, "--platform", "alipay", "--app-secret", "none")
        moved = run(app, *arguments, "--app-secret", "s3cret")

        with transaction() as session:
            found = find_app(session, "2021000000000001")
        assert (found.merchant_id, found.platform, found.secret) == (merchant.id, "alipay", "")
        assert (secret.exit_code, "no secret" in secret.output) == (2, True)
        assert (moved.exit_code, "app_taken" in moved.output) == (1, True)

    def test_second_app_is_added_with_its_secret(self, app: Flask) -> None:
        with transaction() as session:
            merchant = make_merchant(session)

        told(run(app, "app-add", merchant.public_id, "--app-id", "wx2", input="s3cret\n"))

        with transaction() as session:
            found = find_app(session, "wx2")
        assert (found.platform, found.secret) == ("wechat", "s3cret")

    def test_alipay_account_is_added_with_its_certificates(
        self, app: Flask, tmp_path: Path
    ) -> None:
        with transaction() as session:
            merchant = make_merchant(session)
        file = tmp_path / "keys.json"
        arguments = ("gateway-account-add", merchant.public_id, "--credentials", str(file))

        file.write_text(json.dumps(ALIPAY_KEYS))
        answer = told(run(app, *arguments))
        file.write_text(json.dumps(ALIPAY_KEYS | {"root_certificate_pem": ""}))
        incomplete = run(app, *arguments)

        assert answer["mch_no"] == "2088000000000001"
        assert (incomplete.exit_code, "credentials_incomplete" in incomplete.output) == (1, True)

    def test_gateway_account_is_added_from_a_file(self, app: Flask, tmp_path: Path) -> None:
        with transaction() as session:
            merchant = make_merchant(session)
        file = tmp_path / "keys.json"
        file.write_text(json.dumps(KEYS))

        answer = told(
            run(app, "gateway-account-add", merchant.public_id, "--credentials", str(file))
        )

        assert answer["mch_no"] == "1900000001"
        with transaction() as session:
            account = session.scalars(
                select(GatewayAccount).where(GatewayAccount.merchant_id == merchant.id)
            ).one()
        assert b"PRIVATE KEY" not in account.credentials_sealed

    def test_incomplete_keys_are_refused(self, app: Flask, tmp_path: Path) -> None:
        with transaction() as session:
            merchant = make_merchant(session)
        file = tmp_path / "keys.json"
        file.write_text(json.dumps({"gateway": "wechat"}))

        result = run(app, "gateway-account-add", merchant.public_id, "--credentials", str(file))

        assert result.exit_code == 1
        assert "credentials_incomplete" in result.output

    @pytest.mark.parametrize("content", [b'{"gateway": "wechat",', b"[]", b"", b"\xff"])
    def test_what_is_no_json_object_is_named_in_one_line(
        self, app: Flask, tmp_path: Path, content: bytes
    ) -> None:
        file = tmp_path / "keys.json"
        file.write_bytes(content)

        result = run(app, "gateway-account-add", "merchant", "--credentials", str(file))

        assert result.exit_code == 2
        (line,) = result.output.strip().splitlines()
        assert line.startswith(f"Error: {file} holds no JSON")

    def test_unknown_merchant_is_refused(self, app: Flask) -> None:
        result = run(
            app,
            "staff-add",
            "nobody",
            "x",
            "--name",
            "x",
            env={"PINBU_STAFF_PASSWORD": "a long password"},
        )

        assert result.exit_code == 1
        assert "merchant_not_found" in result.output


class TestSample:
    @pytest.fixture
    def var(
        self, app: Flask, fresh_database: object, sandbox: SandboxServer, tmp_path: Path
    ) -> Iterator[Path]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PINBU_VAR", str(tmp_path))
            patch.setenv("SANDBOX_CONTROL_URL", f"{sandbox.url}/control")
            patch.setenv("WECHATPAY_BASE_URL", sandbox.url)
            settings.cache_clear()
            yield tmp_path
        settings.cache_clear()

    def counts(self) -> list[int]:
        with transaction() as session:
            return [
                session.scalar(select(func.count()).select_from(table)) or 0
                for table in (Merchant, Staff, Product, Campaign, RuleVersion, GatewayAccount)
            ]

    def test_sample_is_ready_to_sell(self, app: Flask, anyone: Caller, var: Path) -> None:
        answer = told(run(app, "sample"))

        listed = anyone.call("GET", "/v1/campaigns", headers={"X-App-Id": answer["app_id"]}).json
        assert listed is not None
        assert {item["id"] for item in listed["items"]} == set(answer["campaign_ids"])
        chips = next(item for item in listed["items"] if "薯片" in item["title"])
        assert chips["group_size"] == 3
        assert (chips["subsidy"]["kind"], chips["subsidy"]["amount_fen"]) == ("cash", 1000)
        assert chips["variants"][0]["list_price_fen"] == 3000
        assert chips["variants"][0]["group_price_fen"] == 1990
        assert not any(item["is_sold_out"] or item["is_budget_used_up"] for item in listed["items"])

    def test_owner_can_sign_in_and_the_account_works(
        self, app: Flask, anyone: Caller, var: Path
    ) -> None:
        answer = told(run(app, "sample"))

        signed_in = anyone.post(
            "/v1/merchant/sessions", login=answer["login"], password=answer["password"]
        )

        assert signed_in.json is not None
        assert signed_in.json["staff"]["role"] == "owner"
        assert signed_in.json["merchant"]["id"] == answer["merchant_id"]
        with transaction() as session:
            owner = find_login(session, answer["login"])
            assert owner is not None
            account = account_of_merchant(session, owner.merchant_id, app_id=answer["app_id"])
        assert account.gateway == "wechat"

    def test_password_is_kept_in_a_private_file(self, app: Flask, var: Path) -> None:
        answer = told(run(app, "sample"))

        file = var / "sample-login.json"
        assert json.loads(file.read_text())["owner"] == answer["password"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_repeating_changes_nothing(self, app: Flask, var: Path) -> None:
        first = told(run(app, "sample"))
        before = self.counts()

        again = told(run(app, "sample"))

        assert again == first
        assert before == self.counts() == [1, 3, 3, 3, 3, 1]

    def test_what_the_merchant_changed_is_left_alone(self, app: Flask, var: Path) -> None:
        told(run(app, "sample"))
        with transaction() as session:
            session.execute(update(Campaign).values(budget_fen=1, stock_units=2))

        told(run(app, "sample"))

        with transaction() as session:
            kept = session.execute(select(Campaign.budget_fen, Campaign.stock_units)).all()
        assert {tuple(row) for row in kept} == {(1, 2)}

    def test_campaign_that_runs_out_is_renewed(self, app: Flask, var: Path) -> None:
        told(run(app, "sample"))
        with transaction() as session:
            session.execute(update(Campaign).values(budget_fen=1))
            for campaign in session.scalars(select(Campaign)):
                soon = real_now() + timedelta(days=1)
                campaign.draft_terms = {**campaign.draft_terms, "ends_at": soon.isoformat()}

        told(run(app, "sample"))

        with transaction() as session:
            kept = session.execute(select(Campaign.budget_fen, Campaign.ends_at)).all()
        assert {row.budget_fen for row in kept} == {50_000_000}
        assert min(row.ends_at for row in kept) > real_now() + timedelta(days=80)

    def test_campaigns_promise_what_there_is(self, app: Flask, var: Path) -> None:
        told(run(app, "sample"))

        with transaction() as session:
            promised = session.execute(select(Campaign.product_id, Campaign.stock_units)).all()
            held = session.execute(
                select(Variant.product_id, func.sum(Variant.stock_units)).group_by(
                    Variant.product_id
                )
            ).all()
        assert {tuple(row) for row in promised} == {tuple(row) for row in held}

    def test_budget_and_stock_can_be_raised_later(self, app: Flask, var: Path) -> None:
        told(run(app, "sample", "--budget-fen", "100000", "--stock", "50"))

        told(run(app, "sample", "--budget-fen", "200000", "--stock", "10"))

        with transaction() as session:
            kept = session.execute(select(Campaign.budget_fen, Campaign.stock_units)).all()
        assert {tuple(row) for row in kept} == {(200_000, 50)}

    def test_risky_warning_is_acknowledged_with_a_reason(self, app: Flask, var: Path) -> None:
        told(run(app, "sample"))

        with transaction() as session:
            versions = session.scalars(select(RuleVersion).order_by(RuleVersion.id)).all()
            audited = session.scalars(
                select(AuditEntry.action).where(AuditEntry.action == "campaign.published")
            ).all()
        assert [a["code"] for a in versions[0].acknowledged] == [
            "subsidy_rewards_failing",
            "no_subsidy_cap",
        ]
        assert all(a["reason"] for version in versions for a in version.acknowledged)
        assert len(audited) == 3

    def test_lost_password_file_gives_a_new_password(
        self, app: Flask, anyone: Caller, var: Path
    ) -> None:
        first = told(run(app, "sample"))
        old = anyone.post("/v1/merchant/sessions", login=first["login"], password=first["password"])
        (var / "sample-login.json").unlink()

        again = told(run(app, "sample"))

        assert again["password"] != first["password"]
        assert old.json is not None
        stale = Caller(anyone.client, old.json["token"]).get("/v1/merchant/sessions/current")
        assert stale.status_code == 401
        signed_in = anyone.post(
            "/v1/merchant/sessions", login=again["login"], password=again["password"]
        )
        assert signed_in.status_code == 201

    def test_without_the_sandbox_it_says_so(self, app: Flask, var: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("SANDBOX_CONTROL_URL")
            settings.cache_clear()

            result = run(app, "sample")

        assert result.exit_code == 1
        assert "sandbox" in str(result.exception)


def test_credentials_have_the_fields_of_the_product() -> None:
    fields = GatewayCredentials.__dataclass_fields__
    required = {name for name, field in fields.items() if field.default is MISSING}

    assert required <= set(KEYS) <= set(fields)


class TestTemplates:
    TEMPLATES = {  # noqa: RUF012 - read only
        "group.formed": {
            "template_id": "t1",
            "page": "pages/order/index?id={order}",
            "fields": {"thing1": "title"},
        }
    }

    def set_them(self, app: Flask, app_id: str, templates: Any) -> Any:
        return run(app, "app-templates", app_id, "--templates", "-", input=json.dumps(templates))

    def test_templates_are_set_and_shown(self, app: Flask) -> None:
        with transaction() as session:
            kept = make_merchant(session)
        assert told(run(app, "app-templates", kept.app_id))["templates"] == {}

        told(self.set_them(app, kept.app_id, self.TEMPLATES))

        answer = told(run(app, "app-templates", kept.app_id))
        assert answer == {"app_id": kept.app_id, "templates": self.TEMPLATES}

    def test_templates_at_fault_are_named_and_change_nothing(self, app: Flask) -> None:
        with transaction() as session:
            kept = make_merchant(session)
        told(self.set_them(app, kept.app_id, self.TEMPLATES))

        result = self.set_them(app, kept.app_id, {"group.formed": {"template_id": ""}})

        assert result.exit_code == 1
        assert "templates_invalid: group.formed.template_id" in result.output
        shown = told(run(app, "app-templates", kept.app_id))
        assert shown["templates"] == self.TEMPLATES

    def test_unknown_mini_program_has_none(self, app: Flask) -> None:
        for result in (
            run(app, "app-templates", "wx-unknown"),
            self.set_them(app, "wx-unknown", self.TEMPLATES),
        ):
            assert result.exit_code == 1
            assert "no_messages_there" in result.output


def test_audit_compares_the_seals_that_a_log_tells_of(
    app: Flask, fresh_database: object, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    log.write_text('no json\n{"message":"ledger sealed","merchant_id":1,"seal":1,"chain":"ab"}\n')

    result = run(app, "audit", "--sealed-log", str(log), "--json")

    assert result.exit_code == 1
    broken = [line for line in json.loads(result.stdout)["lines"] if not line["is_ok"]]
    assert [(line["name"], line["examples"]) for line in broken] == [
        ("ledger.known-seals", ["seal 1/1 was told of as ab"])
    ]


def test_log_without_seals_is_no_proof(app: Flask) -> None:
    result = run(app, "audit", "--sealed-log", "-", input="no json\n7\n")

    assert result.exit_code == 2
    assert "tells of no seal" in result.output
