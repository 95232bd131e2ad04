"""The audit log, for staff."""

from typing import Any

from api import auth
from api.blueprint import Blueprint
from api.paging import answer_page, page_of, read_page
from api.schemas.merchant.audit_log import AuditEntrySchema, AuditFilters
from domain.database import merchant_transaction
from domain.merchants.audit_queries import list_audit_entries

blueprint = Blueprint(
    "merchant-audit-log",
    __name__,
    url_prefix="/v1/merchant/audit-log",
    description="What staff did",
    caller="staff",
)


@blueprint.route("", name="list_audit_log")
@blueprint.arguments(AuditFilters, location="query")
@blueprint.response(200, page_of(AuditEntrySchema))
def list_entries(arguments: dict[str, Any]) -> dict[str, Any]:
    """List what staff did, newest first."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.audit-log", int)
    with merchant_transaction(caller.merchant_id) as session:
        found = list_audit_entries(
            session,
            caller.merchant_id,
            action=arguments["action"],
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "merchant.audit-log", lambda line: (line.row_id,))
