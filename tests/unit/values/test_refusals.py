from __future__ import annotations

import pytest

from snakepit_bridge.values.refusals import (
    CannotReadError,
    CannotWriteError,
    NotThisEncodingError,
    has_lone_surrogate,
    lone_surrogate,
    too_deep,
)


def test_a_refusal_names_the_place_that_was_noted_on_the_way_up() -> None:
    error = CannotWriteError("is odd", "Make it even.", ["name"])

    error.inside(3)
    error.inside("rows")

    assert error.path == "$.rows[3].name"
    assert str(error) == "$.rows[3].name is odd"
    assert error.hint == "Make it even."


def test_bytes_that_are_not_of_the_encoding_have_no_path() -> None:
    assert str(NotThisEncodingError("Expecting value at byte 0", "Send JSON.")) == (
        "Expecting value at byte 0"
    )


@pytest.mark.parametrize(
    ("text", "is_broken"),
    [("plain", False), ("größe 😀", False), ("\ud800", True), ("größe \udfff", True), ("", False)],
)
def test_half_a_character_is_recognised(text: str, *, is_broken: bool) -> None:
    assert has_lone_surrogate(text) == is_broken


def test_the_hint_about_half_a_character_repairs_it() -> None:
    _, hint = lone_surrogate()

    assert "text.encode('utf-8', 'replace').decode()" in hint
    assert "a\ud800b".encode("utf-8", "replace").decode() == "a?b"


def test_the_refusal_of_deep_data_names_the_limit() -> None:
    assert str(CannotReadError(*too_deep())) == "$ is nested deeper than 200 levels"
