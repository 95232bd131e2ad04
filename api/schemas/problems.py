"""Errors, as they are answered."""

import marshmallow as ma

from api.schemas.fields import Answer, String


class ProblemFieldSchema(Answer):
    """What is wrong with one field."""

    field = String(allow_none=True)
    location = String()
    code = String()
    detail = String()


class ProblemSchema(Answer):
    """An error (RFC 9457); what else it says depends on its code."""

    class Meta:
        """An error may say more; clients must bear it."""

        unknown = ma.INCLUDE

    type = String()
    title = String()
    status = ma.fields.Integer()
    code = String(metadata={"description": "stable; what programs look at"})
    detail = String(metadata={"description": "for people, zh or en"})
    request_id = String()
    field = String(metadata={"optional": True})
    errors = ma.fields.List(ma.fields.Nested(ProblemFieldSchema), metadata={"optional": True})
