"""Commands of `flask --app api ...`; another module adds its own by one line in COMMANDS.

Each prints one JSON object (the audit a line per invariant, unless told otherwise); secrets come
from files or prompts, never from arguments.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import click

from api.reconcile_commands import reconcile
from api.sample import make_sample
from api.staff_commands import STAFF_COMMANDS
from domain import work
from domain.auditing import running as auditing
from domain.auditing.gateway_record import read_sandbox_record
from domain.auditing.known_seals import read_log
from domain.auditing.nightly import list_runs
from domain.clock import iso
from domain.config import settings
from domain.database import read_clock, reading, transaction
from domain.errors import DomainError
from domain.merchants import adding
from domain.merchants.rules import SHORTEST_PASSWORD, Role
from domain.notices.errors import TemplatesInvalid
from domain.notices.templates import check_templates, keep_templates, show_templates
from domain.payments.accounts import addressed_account
from domain.payments.checking_accounts import check_account

PLATFORMS = ("wechat", "alipay")


def _print(**answer: Any) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False))


def _refused(error: DomainError) -> click.ClickException:
    return click.ClickException(f"{error.code}: {type(error).__doc__}")


class _Unreadable(click.ClickException):
    """An argument's file is of no use: one line, and the code of a wrong call."""

    exit_code = 2


def _read_object(file: Any) -> dict[str, Any]:
    """Read a JSON object. Raises _Unreadable, which shows nothing of the content."""
    try:
        read = json.load(file)
    except ValueError as error:
        raise _Unreadable(f"{file.name} holds no JSON: {error}") from error
    if not isinstance(read, dict):
        raise _Unreadable(f"{file.name} holds no JSON object")
    return read


def _app_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what a mini-program is described by."""
    for option in (
        click.option(
            "--app-secret",
            envvar="PINBU_APP_SECRET",
            help="Its secret, asked for if not given; Alipay's have none.",
        ),
        click.option(
            "--platform",
            type=click.Choice(PLATFORMS),
            default="wechat",
            help="Whose mini-program it is.",
        ),
        click.option("--app-id", required=True, help="The mini-program's app id."),
    ):
        command = option(command)
    return command


def _secret(platform: str, given: str | None) -> str:
    if platform == "alipay":
        if given:
            raise click.UsageError("a mini-program on Alipay has no secret")
        return ""
    return given or str(click.prompt("App secret", hide_input=True, err=True))


@click.command("merchants-add")
@click.argument("name")
@_app_options
def merchants_add(name: str, app_id: str, platform: str, app_secret: str | None) -> None:
    """Add a merchant with its mini-program."""
    secret = _secret(platform, app_secret)
    at = read_clock()
    try:
        with transaction() as session:
            merchant = adding.add_merchant(session, name=name, at=at)
            adding.add_app(session, merchant.id, app_id=app_id, secret=secret, platform=platform)
    except DomainError as error:
        raise _refused(error) from error
    _print(merchant_id=merchant.public_id, app_id=app_id)


@click.command("app-add")
@click.argument("merchant_id")
@_app_options
def app_add(merchant_id: str, app_id: str, platform: str, app_secret: str | None) -> None:
    """Add a mini-program to a merchant, or renew its secret."""
    secret = _secret(platform, app_secret)
    try:
        with transaction() as session:
            merchant = adding.find_merchant(session, merchant_id)
            adding.add_app(session, merchant.id, app_id=app_id, secret=secret, platform=platform)
    except DomainError as error:
        raise _refused(error) from error
    _print(merchant_id=merchant.public_id, app_id=app_id, platform=platform)


@click.command("staff-add")
@click.argument("merchant_id")
@click.argument("login")
@click.option("--name", required=True, help="What the person is called.")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="operator")
@click.option(
    "--password",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    envvar="PINBU_STAFF_PASSWORD",
)
def staff_add(merchant_id: str, login: str, name: str, role: str, password: str) -> None:
    """Add a member of staff with a login."""
    if len(password) < SHORTEST_PASSWORD:
        raise click.ClickException(f"a password has at least {SHORTEST_PASSWORD} characters")
    new = adding.prepare_staff(name=name, role=Role(role), login=login, password=password)
    at = read_clock()
    try:
        with transaction() as session:
            merchant = adding.find_merchant(session, merchant_id)
            staff = adding.add_staff(session, merchant.id, new, at=at)
    except DomainError as error:
        raise _refused(error) from error
    _print(staff_id=staff.public_id, login=new.login, role=role)


@click.command("gateway-account-add")
@click.argument("merchant_id")
@click.option(
    "--credentials",
    type=click.File(encoding="utf-8"),
    required=True,
    help="A JSON file with the fields of GatewayCredentials; - for standard input.",
)
def gateway_account_add(merchant_id: str, credentials: Any) -> None:
    """Add a merchant's account at a gateway."""
    fields = _read_object(credentials)
    at = read_clock()
    try:
        with transaction() as session:
            merchant = adding.find_merchant(session, merchant_id)
            account = adding.add_gateway_account(
                session, merchant.id, credentials=adding.check_credentials(fields), at=at
            )
    except DomainError as error:
        raise _refused(error) from error
    _print(gateway_account_id=account.public_id, mch_no=account.mch_no)


@click.command("gateway-account-rotate")
@click.argument("account_id")
@click.option(
    "--credentials",
    type=click.File(encoding="utf-8"),
    required=True,
    help="A JSON file with the new GatewayCredentials; - for standard input.",
)
def gateway_account_rotate(account_id: str, credentials: Any) -> None:
    """Give a gateway account new keys; callbacks signed with the present ones stay good."""
    fields = _read_object(credentials)
    at = read_clock()
    try:
        with transaction() as session:
            account = adding.rotate_gateway_credentials(
                session, account_id, adding.check_credentials(fields), at=at
            )
    except DomainError as error:
        raise _refused(error) from error
    _print(gateway_account_id=account.public_id, rotated_at=at.isoformat())


@click.command("gateway-account-retire")
@click.argument("account_id")
def gateway_account_retire(account_id: str) -> None:
    """Forget the keys a gateway account had before its rotation."""
    try:
        with transaction() as session:
            account = adding.retire_gateway_credentials(session, account_id)
    except DomainError as error:
        raise _refused(error) from error
    _print(gateway_account_id=account.public_id)


@click.command("gateway-account-check")
@click.argument("gateway", type=click.Choice(["wechat", "alipay"]))
@click.argument("account_id")
def gateway_account_check(gateway: str, account_id: str) -> None:
    """Prove at the gateway that an account works; exits 1 if it does not."""
    try:
        with reading() as session:
            account = addressed_account(session, gateway, account_id)
    except DomainError as error:
        raise _refused(error) from error
    proofs = check_account(account, at=read_clock())
    for proof in proofs:
        _print(step=proof.step, proves=proof.proves, problem=proof.problem)
    if any(proof.problem for proof in proofs):
        sys.exit(1)


@click.command("app-templates")
@click.argument("app_id")
@click.option(
    "--templates",
    type=click.File(encoding="utf-8"),
    help="A JSON file with a template for each notice's key; - for standard input.",
)
def app_templates(app_id: str, templates: Any) -> None:
    """Show a mini-program's message templates, or set them from a file."""
    try:
        with transaction() as session:
            if templates is not None:
                checked = check_templates(_read_object(templates))
                keep_templates(session, app_id, checked)
            _print(app_id=app_id, templates=show_templates(session, app_id))
    except TemplatesInvalid as error:
        place, expected = error.details["place"], error.details["expected"]
        raise click.ClickException(f"{error.code}: {place}: {expected}") from error
    except DomainError as error:
        raise _refused(error) from error


@click.command("sample")
@click.option("--budget-fen", type=click.IntRange(min=0), help="At least so much per campaign.")
@click.option("--stock", "stock_units", type=click.IntRange(min=0), help="At least so many units.")
def sample(**amounts: int | None) -> None:
    """Make the sample merchant of `make run`, or renew it; needs the sandbox."""
    folder = Path(os.environ.get("PINBU_VAR") or Path(__file__).parents[1] / "var")
    given = {name: amount for name, amount in amounts.items() if amount is not None}
    _print(**make_sample(folder, amounts=given, at=read_clock()))


@click.command("audit")
@click.option("--at-rest", is_flag=True, help="Check what holds once all queues are drained, too.")
@click.option("--gateway-record", metavar="URL", help="The sandbox's control API (development).")
@click.option("--sealed-log", type=click.File("rb"), help="A log that tells of seals; - is stdin.")
@click.option("--in-time", is_flag=True, help="Exit with 1 if somebody was served late, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def audit(
    at_rest: bool,
    gateway_record: str | None,
    sealed_log: BinaryIO | None,
    in_time: bool,
    as_json: bool,
) -> None:
    """Recount every invariant from rows; exits 1 if one is broken."""
    if gateway_record is not None and settings().environment != "development":
        raise click.UsageError("--gateway-record reads the sandbox: in development only")
    record = None if gateway_record is None else read_sandbox_record(gateway_record)
    seals = None if sealed_log is None else list(read_log(sealed_log))
    if seals == []:
        raise click.UsageError("the log tells of no seal")
    report = auditing.audit(
        at=read_clock(), at_rest=at_rest, gateway_record=record, known_seals=seals
    )
    click.echo(json.dumps(report.to_json(), ensure_ascii=False) if as_json else report.to_text())
    if not report.is_ok or (in_time and report.late):
        sys.exit(1)


@click.command("audits")
@click.option("--nights", type=click.IntRange(min=1), default=30, help="How many, newest first.")
def audits(nights: int) -> None:
    """List what the last nights' audits found; exits 1 if the newest found something."""
    with reading() as session:
        runs = list_runs(session, limit=nights)
    _print(
        nights=[
            {
                "on": run.on_date.isoformat(),
                "audited_at": iso(run.audited_at),
                "seconds": run.seconds,
                "checks": run.checks,
                "broken": run.broken,
                "late": run.late,
            }
            for run in runs
        ]
    )
    if runs and runs[0].broken:
        sys.exit(1)


@click.command("unpark")
@click.argument("kind", required=False)
@click.argument("subject", required=False, metavar="[MERCHANT/ID]")
def unpark(kind: str | None, subject: str | None) -> None:
    """List parked work; make all of a KIND due again, or the one on MERCHANT/ID."""
    if kind is None:
        with reading() as session:
            _print(parked=[_describe(row) for row in work.list_parked(session)])
        return
    at = read_clock()
    with transaction() as session:
        rows = work.list_parked(session, kind)
        chosen = [r.subject for r in rows if subject in (None, f"{r.merchant_id}/{r.subject_id}")]
        if not chosen:
            raise click.ClickException("nothing of that is parked")
        _print(unparked=work.unpark(session, kind, chosen, due_at=at))


def _describe(row: work.Parked) -> dict[str, str | None]:
    return {
        "kind": row.kind,
        "subject": f"{row.merchant_id}/{row.subject_id}",
        "error": row.error,
    }


COMMANDS: list[click.Command] = [
    merchants_add,
    app_add,
    staff_add,
    gateway_account_add,
    gateway_account_rotate,
    gateway_account_retire,
    gateway_account_check,
    app_templates,
    sample,
    audit,
    audits,
    unpark,
    reconcile,
    *STAFF_COMMANDS,
]
