"""The words of the console: a catalogue per language, read once, looked up by dotted key."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")
DEFAULT_LANGUAGE = "zh"
NAMES = {"zh": "中文", "en": "English"}
OF_ONE = "_one"
"""How the key of a text about one thing ends, beside the key about several."""
FOLDER = Path(__file__).parent / "locale"


@dataclass(frozen=True)
class Texts:
    """One language's words; call it with a key and the values to fill in."""

    language: str

    def __call__(self, key: str, /, **values: object) -> str:
        """Return the text of a key, filled in; one thing has a text of its own where it differs."""
        texts = catalogue(self.language)
        text = texts[key]
        if str(values.get("number")) == "1":
            text = texts.get(f"{key}{OF_ONE}", text)
        return text.format(**values) if values else text

    def named(self, group: str, code: str | None) -> str:
        """Name a code of the API (a state, a role, an action); an unknown one stands for itself."""
        if code is None:
            return "—"
        return catalogue(self.language).get(f"{group}.{code.replace('.', '_')}", code)


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return a language's texts by dotted key."""
    with (FOLDER / f"{language}.toml").open("rb") as file:
        return dict(_flattened(tomllib.load(file), ""))


def choose_language(*, asked: str | None, remembered: str | None, accepted: str | None) -> str:
    """Choose: what was asked for, what was chosen before, what the browser prefers, else Chinese.

    `accepted` is an Accept-Language header or a locale such as `en-GB`.
    """
    for choice in (asked, remembered):
        if choice in LANGUAGES:
            return choice
    first = (accepted or "").split(",")[0].strip().lower()
    return "en" if first.startswith("en") else DEFAULT_LANGUAGE


def _flattened(tree: Mapping[str, object], prefix: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            pairs.extend(_flattened(value, f"{prefix}{key}."))
        else:
            pairs.append((prefix + key, str(value)))
    return pairs
