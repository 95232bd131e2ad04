"""Bodies of shoppers' sign-in."""

import marshmallow as ma

from api.schemas.fields import Instant, PublicId, Schema, Text


class SignInSchema(Schema):
    """A login code of a mini-program, and what the shopper tells."""

    app_id = ma.fields.String(required=True, validate=ma.validate.Length(min=1, max=64))
    code = ma.fields.String(
        required=True,
        validate=ma.validate.Length(min=1, max=256),
        metadata={"description": "from wx.login; works once"},
    )
    nickname = Text(most=32, load_default=None, allow_none=True)
    share_token = ma.fields.String(
        load_default=None, allow_none=True, validate=ma.validate.Length(max=64)
    )


class SignedInShopperSchema(Schema):
    """Who has signed in."""

    id = PublicId()
    nickname = ma.fields.String()
    language = ma.fields.String()
    is_new = ma.fields.Boolean()


class SignedInSchema(Schema):
    """Tokens of a session."""

    access_token = ma.fields.String()
    expires_at = Instant()
    refresh_token = ma.fields.String()
    shopper = ma.fields.Nested(SignedInShopperSchema)


class RefreshSchema(Schema):
    """A refresh token."""

    refresh_token = ma.fields.String(required=True, validate=ma.validate.Length(min=1, max=200))


class RefreshedSchema(Schema):
    """A new access token."""

    access_token = ma.fields.String()
    expires_at = Instant()
