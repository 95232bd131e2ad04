"""Choosing one of several things: the only place that draws a choice by title.

Streamlit carries the label of a choice, not its code, from the browser to the script. Of two
things with one label it always takes the last, so labels are made unique here.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any

import streamlit as st

SHORT_ID = 4


def choose_one(
    label: str, titles: Mapping[str, str], *details: Mapping[str, str], **options: Any
) -> str:
    """Draw a select box of things by title and return the chosen id; `details` tell twins apart."""
    labels = distinct_labels(titles, *details)
    chosen: str = st.selectbox(label, list(labels), format_func=labels.__getitem__, **options)
    return chosen


def distinct_labels(titles: Mapping[str, str], *details: Mapping[str, str]) -> dict[str, str]:
    """Return one label per id, no two of which read alike.

    A title that several things share gets the first detail, then the next, and at last as much of
    the id as it takes.
    """
    labels = dict(titles)
    ends = {one: f"…{one[-SHORT_ID:]}" for one in titles}
    for detail in (*details, ends, {one: one for one in titles}):
        for one in _twins(labels):
            if detail.get(one):
                labels[one] = f"{labels[one]} · {detail[one]}"
    return labels


def _twins(labels: Mapping[str, str]) -> list[str]:
    """List the ids whose label another one has too, as far as a reader can see."""
    shown = {one: _as_seen(label) for one, label in labels.items()}
    times = Counter(shown.values())
    return [one for one, label in shown.items() if times[label] > 1]


def _as_seen(label: str) -> str:
    seen = "".join(one for one in unicodedata.normalize("NFKC", label) if not _is_unseen(one))
    return " ".join(seen.split()).casefold()


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) == "Cf"
