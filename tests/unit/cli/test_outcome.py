from __future__ import annotations

import json

import pytest

from snakepit_bridge.cli.outcome import ExitCode, StopError, tell_failure, write_json, write_value
from snakepit_bridge.errors import HandlerFailedError

Captured = pytest.CaptureFixture[str]


def failure() -> HandlerFailedError:
    error = HandlerFailedError("'greet.say' raised ValueError: no", {"hint": "Say it again."})
    error.foreign_type = "ValueError"
    error.foreign_traceback = "Traceback\nValueError: no\n"
    return error


def test_people_are_told_the_message_and_the_hint_on_stderr(capsys: Captured) -> None:
    tell_failure(failure())

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "Error: 'greet.say' raised ValueError: no",
        "Hint: Say it again.",
        "--traceback shows where it was raised.",
    ]


def test_the_command_line_may_know_a_better_hint(capsys: Captured) -> None:
    tell_failure(failure(), hint="Type it again.")

    assert "Hint: Type it again." in capsys.readouterr().err


def test_the_traceback_of_user_code_is_shown_on_demand(capsys: Captured) -> None:
    tell_failure(failure(), with_traceback=True)

    told = capsys.readouterr().err
    assert told.startswith("Traceback\nValueError: no\nError: ")
    assert "--traceback" not in told


def test_programs_get_the_failure_as_one_line_of_json(capsys: Captured) -> None:
    error = failure()

    tell_failure(error, as_json=True)

    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)["failure"]
    assert told["code"] == "HANDLER_FAILED"
    assert told["error_id"] == error.error_id
    assert told["hint"] == "Say it again."
    assert told["traceback"] == error.foreign_traceback


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain text", "plain text\n"),
        (3, "3\n"),
        (None, "null\n"),
        ({"ü": [1]}, '{\n  "ü": [\n    1\n  ]\n}\n'),
    ],
)
def test_people_read_text_as_it_is_and_the_rest_as_json(
    value: object, text: str, capsys: Captured
) -> None:
    write_value(value)

    assert capsys.readouterr().out == text


def test_programs_read_one_line_of_ascii(capsys: Captured) -> None:
    write_json({"text": "ü\n\ud800"})

    told = capsys.readouterr().out
    assert told.isascii()
    assert told.count("\n") == 1
    assert json.loads(told) == {"text": "ü\n\ud800"}


def test_a_stop_knows_how_the_process_ends() -> None:
    stop = StopError(ValueError("no such place"), ExitCode.USAGE)

    assert str(stop) == "no such place"
    assert stop.code == 2
