from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from snakepit_bridge.errors import HostToolError, HostUnavailableError
from snakepit_bridge.handlers.dspy.tools.texts import (
    MAX_FAILURE,
    MAX_RESULT,
    failure_text,
    result_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Grüße", "Grüße"),
        (None, "null"),
        (True, "true"),
        (7, "7"),
        ([1, "ä"], '[1,"ä"]'),
        ({"price": 1.5, "since": date(2030, 1, 2)}, '{"price":1.5,"since":"2030-01-02"}'),
        (b"plain", "plain"),
        (bytearray(b"\xff\x00"), "(2 bytes of binary data, which cannot be shown)"),
        ("a\udc80b", "a?b"),
    ],
)
def test_texts_stay_and_everything_else_is_json(value: Any, text: str) -> None:
    assert result_text(value) == text


def test_what_has_no_form_is_told() -> None:
    circle: list[Any] = []
    circle.append(circle)

    assert result_text(circle).startswith("(an answer that cannot be shown")


@pytest.mark.parametrize("value", ["x" * (MAX_RESULT + 1), b"x" * (MAX_RESULT + 1)])
def test_huge_answers_are_cut(value: Any) -> None:
    assert result_text(value) == f"{'x' * MAX_RESULT}\n(cut here; it has 100001 characters)"
    assert result_text("x" * MAX_RESULT) == "x" * MAX_RESULT


def test_a_failure_says_what_happened_and_what_to_do() -> None:
    error = HostToolError("Out of stock.", {"hint": "Ask for another."})
    error.foreign_traceback = "File secret.py"

    assert failure_text("buy", error, hides=False) == (
        "The tool buy failed: Out of stock. Ask for another."
    )
    assert failure_text("buy", error, hides=True) == "The tool buy failed."


def test_a_failure_in_the_words_of_the_host_names_no_session() -> None:
    error = HostToolError("Tool 'buy' failed in session 's1': none.", {"host_message": "none"})

    assert failure_text("buy", error, hides=False) == "The tool buy failed: none"


def test_a_host_that_is_away_does_not_tell_where_it_was() -> None:
    error = HostUnavailableError("The host at 10.0.0.7:50051 is gone.")

    assert failure_text("buy", error, hides=False) == "The tool buy cannot be reached now."


def test_a_long_failure_is_cut() -> None:
    text = failure_text("buy", HostToolError("x" * 10_000), hides=False)

    assert MAX_FAILURE < len(text) < MAX_FAILURE + 60
