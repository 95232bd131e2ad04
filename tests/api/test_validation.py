import marshmallow as ma
import pytest

from api.validation import code_of, describe_failures


class Inner(ma.Schema):
    """A nested one."""

    size = ma.fields.Integer(required=True)


class Outer(ma.Schema):
    """Everything marshmallow can complain of, as far as our schemas use it."""

    text = ma.fields.String(validate=ma.validate.Length(min=1, max=3))
    number = ma.fields.Integer(validate=ma.validate.Range(min=1, max=3))
    strict = ma.fields.Integer(strict=True)
    flag = ma.fields.Boolean()
    choice = ma.fields.String(validate=ma.validate.OneOf(["a"]))
    pattern = ma.fields.String(validate=ma.validate.Regexp("a"))
    inner = ma.fields.Nested(Inner)
    many = ma.fields.List(ma.fields.Nested(Inner), validate=ma.validate.Length(max=1))
    mapping = ma.fields.Dict()
    must = ma.fields.String(required=True)


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({}, "must", "required"),
        ({"must": None}, "must", "not_null"),
        ({"must": 1}, "must", "not_a_string"),
        ({"must": "x", "colour": 1}, "colour", "unknown_field"),
        ({"must": "x", "text": ""}, "text", "wrong_length"),
        ({"must": "x", "number": 9}, "number", "out_of_range"),
        ({"must": "x", "number": "many"}, "number", "not_an_integer"),
        ({"must": "x", "strict": 1.5}, "strict", "not_an_integer"),
        ({"must": "x", "flag": "perhaps"}, "flag", "not_a_boolean"),
        ({"must": "x", "choice": "b"}, "choice", "not_a_choice"),
        ({"must": "x", "pattern": "b"}, "pattern", "wrong_pattern"),
        ({"must": "x", "inner": 5}, "inner", "not_an_object"),
        ({"must": "x", "inner": {}}, "inner.size", "required"),
        ({"must": "x", "many": 5}, "many", "not_a_list"),
        ({"must": "x", "many": [{}]}, "many.0.size", "required"),
        ({"must": "x", "mapping": 5}, "mapping", "not_an_object"),
    ],
)
def test_marshmallows_sentences_become_codes(
    given: dict[str, object], field: str, code: str
) -> None:
    with pytest.raises(ma.ValidationError) as refused:
        Outer().load(given)

    described = describe_failures({"json": refused.value.messages}, "en")

    (failure,) = described["errors"]
    assert (failure["field"], failure["code"]) == (field, code)
    assert failure["detail"]
    assert described["field"] == field


def test_body_that_is_no_object_has_no_field() -> None:
    with pytest.raises(ma.ValidationError) as refused:
        Outer().load([])  # type: ignore[arg-type]

    described = describe_failures({"json": refused.value.messages}, "zh")

    assert described == {
        "errors": [
            {"field": None, "location": "json", "code": "not_an_object", "detail": "须为对象"}
        ]
    }


def test_unknown_sentence_is_simply_invalid() -> None:
    assert code_of("The moon is full.") == "invalid"
