"""Texts for people, zh and en: Babel catalogues `<language>/<domain>.po`, keyed by code. Pure.

A key is `<domain>.<code>`: `errors.group_full` stands in `zh/errors.po` and `en/errors.po`. Texts
hold `{name}` places for parameters. The catalogues are read from source: nothing is compiled.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from babel.messages.pofile import read_po

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
DEFAULT: Language = "zh"

_HERE = Path(__file__).parent


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """Return all texts of a language by key."""
    texts: dict[str, str] = {}
    for path in sorted((_HERE / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language, abort_invalid=True):
                if message.id:
                    texts[f"{path.stem}.{message.id}"] = str(message.string)
    return texts


class _Parameters(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "{" + name + "}"


def text(key: str, language: Language, **parameters: Any) -> str:
    """Return a text with its parameters filled in. Raises KeyError where there is none."""
    return catalogue(language)[key].format_map(_Parameters(parameters))


def has_text(key: str) -> bool:
    """Say whether a key has a text (in the default language)."""
    return key in catalogue(DEFAULT)


for _language in LANGUAGES:
    catalogue(_language)
