from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from snakepit_bridge.cli.outcome import ExitCode
from tests.unit.cli.conftest import MODULE, CommandLine

if TYPE_CHECKING:
    import pytest

GREETER = ("--handlers", f"{MODULE}:Greeter")


def test_each_command_is_a_line_with_its_parameters(command_line: CommandLine) -> None:
    outcome = command_line("commands", *GREETER)

    assert outcome.code == ExitCode.DONE
    lines = {line.split()[0]: line.split()[1:] for line in outcome.out.splitlines()}
    assert lines["greet.say"] == ["name,", "times?", "Greet", "somebody."]
    assert lines["greet.open"] == ["…"]
    assert "system.ping" in lines


def test_a_terminal_gets_lines_that_fit(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")

    lines = command_line("commands", *GREETER).out.splitlines()

    assert max(map(len, lines)) == 40
    assert any(line.endswith("…") for line in lines)


def test_one_command_is_shown_with_its_schema(command_line: CommandLine) -> None:
    outcome = command_line("commands", "greet.say", *GREETER)

    head, description, schema = outcome.out.split("\n\n")
    assert head == "greet.say(name, times?)"
    assert description == "Greet somebody."
    assert json.loads(schema)["properties"]["times"] == {"type": "integer", "default": 1}


def test_a_command_that_streams_says_so(command_line: CommandLine) -> None:
    assert "use 'snakepit-bridge stream'" in command_line("commands", "greet.count", *GREETER).out


def test_a_command_without_a_description_is_shown_without(command_line: CommandLine) -> None:
    assert command_line("commands", "greet.fail", *GREETER).out.startswith("greet.fail()\n\n{")


def test_programs_get_all_of_it_as_json(command_line: CommandLine) -> None:
    listed = json.loads(command_line("commands", "--json", *GREETER).out)
    one = json.loads(command_line("commands", "greet.say", "--json", *GREETER).out)

    assert one in listed
    assert one["schema"]["required"] == ["name"]


def test_an_unknown_name_is_answered_with_the_nearest(command_line: CommandLine) -> None:
    outcome = command_line("commands", "greet.sya", *GREETER)

    assert outcome.code == ExitCode.FAILED
    assert "Did you mean 'greet.say'?" in outcome.err
