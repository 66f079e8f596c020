"""Answers that are nearly right: what an API sends, with values gone, of another kind, absurd or turned inside out."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "\x00", "\ud800", "../..", "a" * 2_000, "-value", ":.:", "NaN", "1e999"]),
    st.just([]),
    st.just({}),
    st.lists(st.none(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def spoiled(document: Any) -> st.SearchStrategy[Any]:
    """The document with one to three of its places spoiled, whichever they are."""
    places = list(_places(document, ()))

    @st.composite
    def made(draw: st.DrawFn) -> Any:
        out = copy.deepcopy(document)
        for place in draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
            out = _set(out, place, draw(JUNK), gone=draw(st.booleans()))
        return out

    return made()


def _places(value: Any, path: tuple[Any, ...]) -> Any:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from _places(one, (*path, key))


def _set(document: Any, place: tuple[Any, ...], junk: Any, *, gone: bool) -> Any:
    if not place:
        return junk
    at = document
    try:
        for key in place[:-1]:
            at = at[key]
        if gone:
            del at[place[-1]]
        else:
            at[place[-1]] = junk
    except (KeyError, IndexError, TypeError):
        pass  # spoiled further up already
    return document
