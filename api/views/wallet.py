"""My wallet: its balance and its movements."""

from dataclasses import asdict
from typing import Any

from api import auth, request_context
from api.blueprint import Blueprint
from api.paging import PageArguments, answer_page, page_of, read_page
from api.schemas.wallet import WalletEntrySchema, WalletSchema
from domain.database import reading
from domain.wallets.queries import list_entries, read_balance

blueprint = Blueprint(
    "wallet",
    __name__,
    url_prefix="/v1/me/wallet",
    description="A shopper's wallet",
    caller="shopper",
)


@blueprint.route("")
@blueprint.response(200, WalletSchema)
def show_wallet() -> dict[str, int]:
    """Say how much is in my wallet."""
    with reading() as session:
        return {"balance_fen": read_balance(session, auth.require_shopper().key)}


@blueprint.route("/entries", name="list_wallet_entries")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(WalletEntrySchema))
def show_entries(arguments: dict[str, Any]) -> dict[str, Any]:
    """List my wallet's movements, newest first."""
    caller = auth.require_shopper()
    page = read_page(arguments, "me.wallet", int)
    with reading() as session:
        found = list_entries(
            session,
            caller.key,
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    answer = answer_page(found, page, "me.wallet", lambda line: (line.row_id,))
    language = request_context.language()
    items = [asdict(line) | {"text": line.text(language)} for line in answer["items"]]
    return answer | {"items": items}
