"""Withdrawals, as staff see them."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import (
    Answer,
    Choice,
    PublicId,
    String,
)
from api.schemas.withdrawals import STATES, WithdrawalSchema


class WithdrawalFilters(PageArguments):
    """Which withdrawals to list."""

    state = Choice(STATES, load_default=None)


class PayeeSchema(Answer):
    """Whose it is."""

    id = PublicId()
    nickname = String()


class StaffWithdrawalSchema(WithdrawalSchema):
    """One withdrawal, with its shopper and the gateway's number."""

    shopper = ma.fields.Nested(PayeeSchema)
    transfer_no = String(allow_none=True)
