"""Withdrawals, in and out."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Choice,
    Fen,
    Instant,
    PublicId,
    Schema,
    String,
)
from domain.states import WithdrawalState
from domain.withdrawals.rules import LEAST_FEN, MOST_FEN, Advice

STATES = [state.value for state in WithdrawalState]


class WithdrawArguments(Schema):
    """How much of the balance is to be paid out."""

    amount_fen = Fen(
        required=True,
        least=1,
        metadata={"description": f"{LEAST_FEN} to {MOST_FEN}, and within the merchant's limits"},
    )


class WithdrawalSchema(Answer):
    """One withdrawal: the wallet gave the gross, the shopper gets the net."""

    id = PublicId()
    state = Choice(STATES)
    text = String()
    gross_fen = Fen()
    tax_fen = Fen()
    net_fen = Fen()
    tax_category = String()
    fail_reason = String(allow_none=True, metadata={"description": "the gateway's code"})
    advice = Choice(Advice, allow_none=True)
    advice_text = String(allow_none=True)
    requested_at = Instant()
    awaiting_at = Instant(allow_none=True)
    confirm_by = Instant(allow_none=True)
    cancel_requested_at = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)


class OwnWithdrawalSchema(WithdrawalSchema):
    """One of my withdrawals, with what the mini-program needs to let me confirm it."""

    client_parameters = ma.fields.Dict(
        keys=String(),
        values=String(),
        allow_none=True,
        metadata={"description": "for `wx.requestMerchantTransfer`, while it awaits its shopper"},
    )
