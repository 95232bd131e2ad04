"""What people type or paste, made plain: one place decides what counts as the same. Pure."""

import unicodedata

_DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_UNSEEN = "\u200b\u2060\ufeff"
_DROPPED = dict.fromkeys(map(ord, _DIRECTIONS + _UNSEEN))


def plain(text: str) -> str:
    """Return a text without marks that turn the line around it, without unseen ones, trimmed.

    What is written stays as it was written: Chinese punctuation is of full width.
    """
    return unicodedata.normalize("NFC", text.translate(_DROPPED)).strip()


def folded(text: str) -> str:
    """Return a name, number, code or search as it is compared: plain, and of the usual width."""
    return plain(unicodedata.normalize("NFKC", text))
