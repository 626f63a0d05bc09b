from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest

from snakepit_bridge.cli.notation import SHOWN_BASE64
from snakepit_bridge.cli.outcome import ExitCode
from tests.unit.cli.conftest import MODULE, CommandLine

GREETER = ("--handlers", f"{MODULE}:Greeter")


# --- what is done ------------------------------------------------------------------------------


def test_a_newcomer_sees_a_value_without_starting_a_server(command_line: CommandLine) -> None:
    outcome = command_line("call", "greet.say", "name=Ada", "times=2", *GREETER)

    assert outcome == (ExitCode.DONE, "hello Ada hello Ada\n", "")


def test_arguments_may_come_as_json_too(command_line: CommandLine) -> None:
    outcome = command_line("call", "greet.say", "--args", '{"name": "Ada"}', "name=Bo", *GREETER)

    assert outcome.out == "hello Bo\n"


def test_programs_get_json(command_line: CommandLine) -> None:
    outcome = command_line("call", "greet.say", "name=Ada", "--json", *GREETER)

    assert json.loads(outcome.out) == "hello Ada"


def test_a_session_is_named_where_one_is_wanted(command_line: CommandLine) -> None:
    named = command_line("call", "greet.where", "--session", "mine", "--json", *GREETER)
    unnamed = command_line("call", "greet.where", "--json", *GREETER)

    assert json.loads(named.out) == {"session": "mine"}
    assert json.loads(unnamed.out)["session"].startswith("single-use-")


def test_settings_may_come_from_the_file_in_the_folder(command_line: CommandLine) -> None:
    Path("snakepit-bridge.toml").write_text(f'handlers = ["{MODULE}:Greeter"]\n')

    assert command_line("call", "greet.say", "name=Ada").out == "hello Ada\n"


# --- what fails --------------------------------------------------------------------------------


def test_a_failing_command_tells_people_and_programs(command_line: CommandLine) -> None:
    outcome = command_line("call", "greet.fail", "--json", *GREETER)

    assert outcome.code == ExitCode.FAILED
    assert json.loads(outcome.out)["failure"]["code"] == "HANDLER_FAILED"
    assert "Error: 'greet.fail' raised ValueError: no such greeting" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("flag", ["--traceback", "--verbose", "-v"])
def test_the_traceback_of_user_code_is_shown_on_demand(
    flag: str, command_line: CommandLine
) -> None:
    outcome = command_line("call", "greet.fail", flag, *GREETER)

    assert outcome.code == ExitCode.FAILED
    assert "Traceback" in outcome.err
    assert f"{MODULE}.py" in outcome.err


def test_an_unknown_command_is_answered_with_the_nearest(command_line: CommandLine) -> None:
    outcome = command_line("call", "greet.sya", *GREETER)

    assert outcome.code == ExitCode.FAILED
    assert "Hint: Did you mean 'greet.say'?" in outcome.err


def test_a_command_like_no_other_is_answered_with_where_the_names_are(
    command_line: CommandLine,
) -> None:
    outcome = command_line("call", "zzz")

    assert outcome.code == ExitCode.FAILED
    assert (
        "Hint: 'snakepit-bridge commands' lists those there are; "
        "--handlers MODULE:CLASS adds yours." in outcome.err
    )


def test_every_wrong_argument_is_named(command_line: CommandLine) -> None:
    outcome = command_line("call", "greet.say", "nmae=Ada", "times=two", *GREETER)

    assert outcome.code == ExitCode.FAILED
    for wrong in ("'nmae' is unknown", "'name' is missing", "'times' is wrong"):
        assert wrong in outcome.err
    assert "Hint: It takes: name, times?." in outcome.err


def test_text_that_looks_like_json_is_answered_with_how_to_quote_it(
    command_line: CommandLine,
) -> None:
    outcome = command_line("call", "greet.say", "name=3", *GREETER)

    assert """For text that looks like JSON write name='"3"'.""" in outcome.err
    assert command_line("call", "greet.say", 'name="3"', *GREETER).out == "hello 3\n"


def test_a_command_that_streams_is_answered_with_how_to_call_it(
    command_line: CommandLine,
) -> None:
    outcome = command_line("call", "greet.count", "to=2", *GREETER)

    assert outcome.code == ExitCode.FAILED
    assert "Hint: Try: snakepit-bridge stream greet.count" in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["name", "Ada"], "did you mean 'name=Ada'?"),
        (["--args", "[]"], "--args must be a JSON object"),
        (["--timeout", "0"], "0 is not in the range x>0"),
    ],
)
def test_wrong_usage_is_told_from_a_failing_command(
    words: list[str], message: str, command_line: CommandLine
) -> None:
    outcome = command_line("call", "greet.say", *words, *GREETER)

    assert outcome.code == ExitCode.USAGE
    assert message in outcome.err


# --- handlers that are not there ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_module:Greeter", "There is no module 'no_such_module'"),
        (f"{MODULE}:Greter", "Did you mean 'Greeter'?"),
        (MODULE, f"Write {MODULE}:Greeter."),
        ("broken_module:Greeter", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_handler_that_cannot_be_loaded_says_why(
    path: str, message: str, command_line: CommandLine
) -> None:
    Path("broken_module.py").write_text("1 / 0\n")

    outcome = command_line("call", "greet.say", "--handlers", path)

    assert outcome.code == ExitCode.USAGE
    assert message in outcome.err
    assert "Traceback" not in outcome.err


# --- encodings and metadata --------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["tagged", "msgpack"])
def test_typed_values_come_back_as_they_were_typed(
    encoding: str, command_line: CommandLine
) -> None:
    typed = '{"__type__": "tuple", "__schema__": 1, "elements": [1, 2]}'

    outcome = command_line(
        "call", "system.echo", f"value={typed}", "--encoding", encoding, "--json"
    )

    assert json.loads(outcome.out) == json.loads(typed)


@pytest.mark.parametrize("command", ["call", "stream"])
def test_people_see_the_beginning_of_long_data_and_programs_all(
    command: str, command_line: CommandLine
) -> None:
    data = b64encode(bytes(1000)).decode()
    blob = {"__type__": "blob", "kind": "tensor", "dtype": "uint8", "shape": [1000], "data": data}
    words = (command, "system.echo", f"value={json.dumps(blob)}", "--encoding", "msgpack")

    seen = json.loads(command_line(*words).out)
    read = json.loads(command_line(*words, "--json").out)

    assert seen["data"] == f"{data[:SHOWN_BASE64]}… (1000 bytes)"
    assert (seen["dtype"], seen["shape"]) == (read["dtype"], read["shape"]) == ("uint8", [1000])
    assert read["data"] == data


def test_metadata_go_with_the_call(command_line: CommandLine) -> None:
    words = ("call", "greet.thing", "--encoding", "tagged", *GREETER)

    refused = command_line(*words)
    marked = command_line(*words, "--metadata", "refs=off", "--json")

    assert "Hint: Give the command a --session ID" in refused.err
    assert "--metadata refs=off" in refused.err
    assert marked.code == ExitCode.DONE


def test_metadata_are_pairs(command_line: CommandLine) -> None:
    outcome = command_line("call", "system.ping", "--metadata", "refs")

    assert outcome.code == ExitCode.USAGE
    assert "'refs' is not KEY=VALUE." in outcome.err


def test_a_folder_for_binary_data_that_cannot_be_used_is_wrong_usage(
    command_line: CommandLine,
) -> None:
    Path("file").touch()

    outcome = command_line("call", "system.ping", "--blob-dir", "file")

    assert outcome.code == ExitCode.USAGE
    assert "(--blob-dir) cannot be used: File exists." in outcome.err
