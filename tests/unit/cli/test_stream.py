from __future__ import annotations

import json

from snakepit_bridge.cli.outcome import ExitCode
from tests.unit.cli.conftest import MODULE, CommandLine

GREETER = ("--handlers", f"{MODULE}:Greeter")


def test_items_are_printed_as_lines_of_json(command_line: CommandLine) -> None:
    outcome = command_line("stream", "greet.count", "to=2", *GREETER)

    assert outcome == (ExitCode.DONE, "1\n2\n", "")


def test_a_command_that_does_not_stream_has_one_item(command_line: CommandLine) -> None:
    outcome = command_line("stream", "greet.say", "name=Ada", *GREETER)

    assert outcome.out == '"hello Ada"\n'


def test_a_failure_comes_after_the_items(command_line: CommandLine) -> None:
    outcome = command_line("stream", "greet.count", "to=5", "--json", *GREETER)

    assert outcome.code == ExitCode.FAILED
    one, two, failure = outcome.out.splitlines()
    assert (one, two) == ("1", "2")
    assert json.loads(failure)["failure"]["type"] == "ValueError"
    assert "too far" in outcome.err


def test_wrong_usage_is_told(command_line: CommandLine) -> None:
    assert command_line("stream", "greet.count", "to", "2").code == ExitCode.USAGE
