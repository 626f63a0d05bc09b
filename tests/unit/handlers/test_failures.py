from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import BridgeError, ErrorCode, HandlerFailedError, SessionError
from snakepit_bridge.handlers.failures import (
    MAX_FOREIGN_MESSAGE,
    MAX_MESSAGE,
    MAX_TRACEBACK,
    bounded,
    bounded_bytes,
    failure_from,
)


class BareError(BaseException):
    """Not even an ``Exception``."""


class EvilError(Exception):
    """Fails when it is looked at, in the worst way."""

    def __str__(self) -> str:
        raise BareError

    __repr__ = __str__


class WorstError(Exception):
    """Fails when its traceback is shown."""

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]  # that is what is wrong with it
        raise BareError


def _raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001  (with a traceback, as it arrives)
        return caught


def test_an_error_of_the_bridge_is_answered_as_it_is() -> None:
    error = SessionError("no such session")

    assert failure_from(error, command="c") is error


def test_the_error_of_user_code_keeps_its_type_message_and_traceback() -> None:
    failure = failure_from(_raised(ValueError("no such greeting: 'x'")), command="greet.say")

    assert isinstance(failure, HandlerFailedError)
    assert failure.code is ErrorCode.HANDLER_FAILED
    assert failure.message == "'greet.say' raised ValueError: no such greeting: 'x'"
    assert failure.details == {"command": "greet.say", "type": "ValueError"}
    assert failure.type_name == "ValueError"
    assert "in _raised" in failure.foreign_traceback
    assert "ValueError: no such greeting" in failure.foreign_traceback


def test_an_error_without_a_message_is_told_by_its_type() -> None:
    assert failure_from(KeyboardInterrupt(), command="c").message == "'c' raised KeyboardInterrupt."


@pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, StopIteration, BareError])
def test_whatever_is_raised_becomes_an_error_of_the_bridge(kind: type[BaseException]) -> None:
    failure = failure_from(_raised(kind("why")), command="c")

    assert isinstance(failure, BridgeError)
    assert failure.message == f"'c' raised {kind.__name__}: why"


def test_an_error_that_cannot_be_read_is_told_all_the_same() -> None:
    failure = failure_from(_raised(EvilError()), command="c")

    assert failure.message == (
        "'c' raised EvilError: (its message cannot be read: __str__ raised BareError)"
    )
    assert "EvilError" in failure.foreign_traceback or "BareError" in failure.foreign_traceback


def test_an_error_whose_traceback_cannot_be_shown_is_told_all_the_same() -> None:
    failure = failure_from(_raised(WorstError("why")), command="c")

    assert failure.message == "'c' raised WorstError: why"
    assert failure.foreign_traceback == "(the traceback cannot be shown: BareError)"


@pytest.mark.parametrize("letter", ["x", "é", "\ud800", "😀", "\0"])
def test_an_endless_message_is_cut_in_its_middle(letter: str) -> None:
    error = _raised(ValueError("first" + letter * 1_000_000 + "last"))

    failure = failure_from(error, command="c")

    assert len(failure.message) < MAX_MESSAGE + 100
    assert "first" in failure.message
    assert failure.message.endswith("last")
    assert len(failure.foreign_traceback.encode(errors="backslashreplace")) <= MAX_TRACEBACK
    assert failure.foreign_traceback.startswith("Traceback")
    assert failure.foreign_traceback.rstrip().endswith("last")


def test_a_short_text_is_left_alone() -> None:
    assert bounded("x" * 100, 100) == "x" * 100
    assert bounded_bytes("é" * 50, 100) == "é" * 50


def test_a_cut_says_how_much_is_gone() -> None:
    assert bounded("a" * 100 + "b" * 100, 60) == "a" * 10 + " … 180 characters … " + "b" * 10


@given(text=st.text() | st.text(st.characters(categories=["Cs"])), limit=st.integers(50, 200))
def test_a_bound_holds(text: str, limit: int) -> None:
    assert len(bounded(text * 20, limit)) <= limit
    assert len(bounded_bytes(text * 20, limit).encode(errors="backslashreplace")) <= limit


def test_what_the_exception_said_is_kept_apart_for_programs() -> None:
    said = failure_from(_raised(KeyError("k")), command="c")
    silent = failure_from(_raised(ValueError()), command="c")
    own = SessionError("no such session")

    assert said.foreign_message == "'k'"
    assert silent.foreign_message == ""
    assert own.foreign_message == ""


def test_more_of_it_is_kept_for_programs_than_is_shown_to_people() -> None:
    failure = failure_from(_raised(ValueError("x" * 10 * MAX_FOREIGN_MESSAGE)), command="c")

    assert MAX_MESSAGE < len(failure.foreign_message) <= MAX_FOREIGN_MESSAGE
    assert " characters " in failure.foreign_message


def test_half_characters_are_shown_as_escapes_however_short_the_text() -> None:
    """In a short traceback they once stayed, and no JSON could be read that had them."""
    failure = failure_from(_raised(ValueError("\ud800")), command="c")

    assert failure.foreign_message == "\\ud800"
    assert "ValueError: \\ud800" in failure.foreign_traceback
    assert bounded_bytes("\ud800", 100) == bounded("\ud800", 100) == "\\ud800"
