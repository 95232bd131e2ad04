"""Examples in the OpenAPI document: one body in and one out for every operation, by its schemas.

They are made, not written, so they cannot disagree with a schema. The same schema always gives the
same example.
"""

from collections.abc import Callable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

Json = dict[str, Any]

_ID: Final = "0123456789abcdefghjk"
_DEEPEST: Final = 12
WORDS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
        "alone_price_fen": 2990,
        "amount_fen": 500,
        "app_id": "wx0123456789abcdef",
        "balance_fen": 2801,
        "budget_fen": 1000000,
        "category": "坚果",
        "code": "0a3Xy1ll2Fq8Ye4",
        "detail": "漕溪北路 1 号 2 室",
        "group_price_fen": 1990,
        "group_size": 3,
        "images": "https://img.example.com/nuts.jpg",
        "language": "zh",
        "leader_nickname": "李**",
        "life_seconds": 86400,
        "limit": 20,
        "list_price_fen": 3990,
        "login": "xiaowang",
        "name": "小王",
        "nickname": "小红",
        "password": "correct horse battery",
        "path": f"pages/group/index?id={_ID}&share=k7m2q9",
        "payable_fen": 1990,
        "phone": "13800138000",
        "price_fen": 1990,
        "reason": "顾客来电核实",
        "recipient": "小红",
        "region": "上海市徐汇区",
        "rules_text": "3 人成团,24 小时内付款。",
        "seats_left": 1,
        "share_token": "k7m2q9",
        "sharer_nickname": "李**",
        "size": 3,
        "taken": 2,
        "title": "每日坚果礼盒",
        "token": "k7m2q9",
        "url": "https://wxaurl.cn/k7m2q9",
    }
)
"""What a member of this name says in an example, where its schema allows it."""


def add_examples(document: Json) -> None:
    """Put an example beside every body of the document."""
    schemas = document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            if not isinstance(operation, dict):
                continue
            bodies = [operation.get("requestBody", {})]
            bodies += [
                response
                for status, response in operation["responses"].items()
                if status.startswith("2")
            ]
            for body in bodies:
                for kind, content in body.get("content", {}).items():
                    if kind == "application/json":
                        content["example"] = example_of(content["schema"], schemas)


def example_of(schema: Json, schemas: Json, name: str = "", depth: int = 0) -> Any:
    """Make a value that a schema allows: never null where there is a choice."""
    if depth > _DEEPEST:
        raise RecursionError(f"the schema of {name} has no end")
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return example_of(schema[several][0], schemas, name, depth + 1)
    fixed = [schema[word] for word in ("example", "const") if word in schema]
    fixed += [word for word in schema.get("enum", []) if word is not None]
    return fixed[0] if fixed else _made(schema, schemas, name, depth)


def _made(schema: Json, schemas: Json, name: str, depth: int) -> Any:
    kinds = schema.get("type", "object")
    kind = next(one for one in kinds if one != "null") if isinstance(kinds, list) else kinds
    makers: dict[str, Callable[[], Any]] = {
        "object": lambda: _object(schema, schemas, depth),
        "array": lambda: [example_of(schema.get("items", {}), schemas, name, depth + 1)],
        "string": lambda: _text(schema, name),
        "boolean": lambda: False,
    }
    return makers.get(kind, lambda: _number(schema, name))()


def _object(schema: Json, schemas: Json, depth: int) -> Json:
    made = {
        name: example_of(inner, schemas, name, depth + 1)
        for name, inner in schema.get("properties", {}).items()
    }
    further = schema.get("additionalProperties")
    if not made and isinstance(further, dict):
        return {"name": example_of(further, schemas, "", depth + 1)}
    return made


def _text(schema: Json, name: str) -> str:
    if schema.get("format") == "date-time":
        return "2026-12-01T04:00:00.000Z"
    if schema.get("format") == "date":
        return "2026-12-01"
    if "{20}" in schema.get("pattern", ""):
        return _ID
    text = WORDS.get(name, name or "text")
    said = text if isinstance(text, str) else name
    return "".join(islice(said, schema.get("maxLength", len(said))))


def _number(schema: Json, name: str) -> int:
    number = WORDS.get(name, 0)
    least, most = schema.get("minimum"), schema.get("maximum")
    if not isinstance(number, int):
        number = 0
    number = number if least is None else max(number, least)
    return number if most is None else min(number, most)
