from __future__ import annotations

from typing import NoReturn

import pytest

from snakepit_bridge.errors import ErrorCode, InvalidArgumentError
from snakepit_bridge.values.boundary import (
    read_each,
    unreadable_answer,
    unwritable_result,
    write_each,
)
from snakepit_bridge.values.refusals import CannotReadError, CannotWriteError, NotThisEncodingError


def test_every_argument_is_read() -> None:
    assert read_each({"a": b"1", "b": b"22"}, len, "lengths") == {"a": 1, "b": 2}


def test_one_wrong_argument_is_named_with_its_place() -> None:
    def read(data: bytes) -> bytes:
        if data == b"bad":
            raise CannotReadError("is odd", "Make it even.", ["rows", 3])
        return data

    with pytest.raises(InvalidArgumentError) as caught:
        read_each({"good": b"", "wrong": b"bad"}, read, "json")

    assert caught.value.message == ("Argument cannot be read as json: 'wrong' ($.rows[3] is odd).")
    assert caught.value.details == {
        "arguments": {"wrong": "$.rows[3] is odd"},
        "hint": "Make it even.",
    }


def test_several_wrong_arguments_are_all_named_and_hints_are_given_once() -> None:
    hints = {"x": "Do this.", "y": "Do that.", "z": "Do this."}

    def write(value: object) -> NoReturn:
        raise CannotWriteError(f"is {value}", hints[str(value)])

    with pytest.raises(InvalidArgumentError) as caught:
        write_each({"a": "x", "b": "y", "c": "z"}, write, "json")

    assert caught.value.message == (
        "Arguments cannot be sent as json: 'a' ($ is x), 'b' ($ is y), 'c' ($ is z)."
    )
    assert caught.value.hint == "Do this. Do that."


def test_a_result_that_cannot_travel_is_the_handlers_failure() -> None:
    error = unwritable_result(CannotWriteError("is odd", "Make it even.", ["a"]), "json")

    assert error.code is ErrorCode.HANDLER_FAILED
    assert str(error) == ("The handler's result cannot be sent as json: $.a is odd. Make it even.")
    assert error.details["path"] == "$.a"


def test_an_unreadable_answer_suggests_another_encoding() -> None:
    error = unreadable_answer(NotThisEncodingError("is odd", "Send JSON."), "json")

    assert error.code is ErrorCode.INVALID_ARGUMENT
    assert str(error) == (
        "The answer cannot be read as json: is odd. Was it sent in another encoding?"
    )


def test_an_answer_of_this_encoding_that_cannot_be_read_keeps_its_own_hint() -> None:
    error = unreadable_answer(CannotReadError("is odd", "Make it even."), "tagged")

    assert str(error) == "The answer cannot be read as tagged: $ is odd. Make it even."
