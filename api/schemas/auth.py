"""Bodies of shoppers' sign-in."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Boolean,
    Choice,
    Instant,
    Name,
    PublicId,
    Schema,
    ShareToken,
    String,
    Typed,
)
from domain.texts import LANGUAGES


class SignInSchema(Schema):
    """A login code of a mini-program, and what the shopper tells."""

    app_id = Typed(required=True, validate=ma.validate.Length(min=1, max=64))
    code = Typed(
        required=True,
        validate=ma.validate.Length(min=1, max=256),
        metadata={"description": "from wx.login, or on Alipay my.getAuthCode; works once"},
    )
    nickname = Name(most=32, load_default=None, allow_none=True)
    share_token = ShareToken(load_default=None, allow_none=True)


class SignedInShopperSchema(Answer):
    """Who has signed in."""

    id = PublicId()
    nickname = String()
    language = Choice(LANGUAGES)
    is_new = Boolean()


class SignedInSchema(Answer):
    """Tokens of a session."""

    access_token = String()
    expires_at = Instant()
    refresh_token = String()
    shopper = ma.fields.Nested(SignedInShopperSchema)


class RefreshSchema(Schema):
    """A refresh token."""

    refresh_token = String(required=True, validate=ma.validate.Length(min=1, max=200))


class RefreshedSchema(Answer):
    """A new access token, and the refresh token for the next time."""

    access_token = String()
    expires_at = Instant()
    refresh_token = String()
