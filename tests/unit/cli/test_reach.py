from __future__ import annotations

from pathlib import Path

import pytest

from snakepit_bridge.cli.outcome import ExitCode
from snakepit_bridge.cli.reach import failed
from snakepit_bridge.errors import HostUnavailableError
from tests.unit.cli.conftest import CommandLine

TARGET = ("--target", "127.0.0.1:1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "here"], "--target here: write HOST:PORT, or unix:PATH."),
        ([*TARGET, "--handlers", "a:B"], "--handlers is for a bridge in this process"),
        ([*TARGET, "--allow-code-execution"], "--allow-code-execution is for a bridge"),
        (["--tls-ca", "ca.pem"], "--tls-ca is of use together with --target only."),
        (["--token-file", "t"], "--token-file is of use together with --target only."),
        (["--tls"], "--tls is of use together with --target only."),
        ([*TARGET, "--tls-cert", "c.pem"], "give both"),
        ([*TARGET, "--tls-ca", "nowhere.pem"], "cannot read 'nowhere.pem'"),
        ([*TARGET, "--tls-ca", "empty.pem"], "'empty.pem' holds no PEM certificate"),
        ([*TARGET, "--token-file", "nowhere"], "'nowhere' cannot be read"),
        ([*TARGET, "--token-file", "empty.pem"], "holds no token"),
    ],
)
def test_options_that_cannot_be_used_are_wrong_usage(
    words: list[str], message: str, command_line: CommandLine
) -> None:
    Path("empty.pem").touch()

    outcome = command_line("call", "system.ping", *words)

    assert outcome.code == ExitCode.USAGE
    assert message in outcome.err


@pytest.mark.parametrize(
    ("target", "metadata", "code"),
    [
        ("127.0.0.1:1", {}, ExitCode.UNREACHABLE),
        ("127.0.0.1:1", {"worker_id": "w"}, ExitCode.FAILED),
        (None, {}, ExitCode.FAILED),
    ],
    ids=["nobody answered", "the server has lost its host", "there is no server"],
)
def test_a_server_that_answers_is_reached_even_if_its_host_is_not(
    target: str | None, metadata: dict[str, str], code: ExitCode
) -> None:
    error = HostUnavailableError("The host cannot be reached.")
    error.metadata = metadata
    options = {"target": target, "as_json": False, "with_traceback": False}

    assert failed(error, options) is code
