from __future__ import annotations

import sys
from pathlib import Path

import pytest

from snakepit_bridge import cli
from snakepit_bridge.cli.outcome import ExitCode
from snakepit_bridge.cli.program import SUMMARIES
from snakepit_bridge.version import __version__
from tests.unit.cli.conftest import CommandLine


def test_help_lists_the_commands_and_the_exit_codes(command_line: CommandLine) -> None:
    outcome = command_line("--help")

    assert outcome.code == 0
    for name, summary in SUMMARIES.items():
        assert f"{name} " in outcome.out
        assert summary.split()[0] in outcome.out
    assert "Exit codes: 0 done" in outcome.out


@pytest.mark.parametrize("name", list(SUMMARIES))
def test_every_command_has_help(name: str, command_line: CommandLine) -> None:
    outcome = command_line(name, "--help")

    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: snakepit-bridge {name} ")


def test_without_a_command_help_is_shown(command_line: CommandLine) -> None:
    outcome = command_line()

    assert outcome.code == ExitCode.USAGE
    assert "Commands:" in outcome.out + outcome.err


def test_the_version_is_told(command_line: CommandLine) -> None:
    assert command_line("--version").out == f"snakepit-bridge, version {__version__}\n"


@pytest.mark.parametrize(("word", "guess"), [("srve", "Did you mean 'serve'?"), ("zzz", "")])
def test_an_unknown_command_is_answered_with_the_nearest(
    word: str, guess: str, command_line: CommandLine
) -> None:
    outcome = command_line(word)

    assert outcome.code == ExitCode.USAGE
    assert f"No such command {word!r}." in outcome.err
    assert guess in outcome.err


def test_every_wrong_setting_is_named_at_once(command_line: CommandLine) -> None:
    outcome = command_line("call", "system.ping", "--max-threads", "x", "--log-level", "loud")

    assert outcome.code == ExitCode.USAGE
    assert "--max-threads is 'x'" in outcome.err
    assert "--log-level is 'loud'" in outcome.err


def test_a_variable_that_means_nothing_is_warned_of(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNAKEPIT_BRIDGE_PROT", "1")

    outcome = command_line("call", "system.ping")

    assert outcome.code == 0
    assert outcome.err.startswith("Warning: SNAKEPIT_BRIDGE_PROT means nothing here")


def test_an_interrupt_ends_with_its_own_code(command_line: CommandLine) -> None:
    Path("interrupted_module.py").write_text("raise KeyboardInterrupt\n")

    outcome = command_line("call", "system.ping", "--handlers", "interrupted_module:Any")

    assert outcome.code == ExitCode.INTERRUPTED
    assert "Traceback" not in outcome.err


def test_the_program_ends_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["snakepit-bridge", "srve"])
    monkeypatch.setattr(sys, "path", list(sys.path))

    with pytest.raises(SystemExit) as caught:
        cli.main()

    assert caught.value.code == ExitCode.USAGE
