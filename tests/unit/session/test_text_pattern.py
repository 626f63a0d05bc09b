from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.session.text_pattern import MAX_PATTERN, MAX_TEXT, TextPattern

PIECES = st.sampled_from(["a", "b", "-", ".", r"\d", r"\w", r"\b", "[ab]", "[^a]", "^", "$", "a*"])
PATTERNS = st.lists(PIECES, max_size=6).map("".join)


@given(pattern=PATTERNS, text=st.text(alphabet="ab1.-é", max_size=8))
def test_it_finds_what_re_finds(pattern: str, text: str) -> None:
    assert TextPattern(pattern).found_in(text) == bool(re.search(pattern, text))


def test_a_search_without_end_is_given_up() -> None:
    pattern = TextPattern("^(a|aa)+$")

    with pytest.raises(ValueError, match="cannot be searched within"):
        pattern.found_in("a" * 60 + "b")


def test_a_text_that_is_too_long_is_not_searched() -> None:
    with pytest.raises(ValueError, match=f"{MAX_TEXT} can be searched"):
        TextPattern("a").found_in("a" * (MAX_TEXT + 1))


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "is broken: missing \\)"),
        ("a{2,1}", "is broken"),
        ("a" * (MAX_PATTERN + 1), f"has {MAX_PATTERN + 1} characters; {MAX_PATTERN} are possible"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TextPattern(pattern)
