from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.cli.announcement import announced, protection
from snakepit_bridge.cli.outcome import ExitCode, StopError
from snakepit_bridge.grpc.listen import Listen, Tls
from snakepit_bridge.settings import Settings
from snakepit_bridge.version import __version__

PEM = Path("cert.pem")
TLS = Tls(certificate=PEM, key=PEM)
MTLS = Tls(certificate=PEM, key=PEM, client_ca=PEM)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "open to every program on this machine"),
        ({"uds": Path("s")}, "open to whoever may open the socket"),
        ({"tokens": ["t"]}, "protected by a token"),
        ({"uds": Path("s"), "tokens": ["t"]}, "protected by a token"),
        ({"tls": TLS, "host": "0.0.0.0"}, "protected by TLS"),  # noqa: S104  (nothing is bound)
        ({"tls": TLS, "tokens": ["t"]}, "protected by TLS and a token"),
        ({"tls": MTLS}, "protected by TLS and client certificates"),
    ],
)
def test_who_can_call_is_said_in_words(given: dict[str, Any], words: str) -> None:
    assert protection(Listen(**given)) == words


@pytest.mark.parametrize(
    ("listen", "address", "content"),
    [
        (Listen(port=0), "127.0.0.1:1234", "1234"),
        (Listen(host="::1", port=0), "[::1]:1234", "1234"),
        (Listen(uds=Path("run/s")), "unix:run/s", "run/s"),
    ],
)
def test_the_ready_file_is_there_while_the_server_is(
    listen: Listen, address: str, content: str, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    settings = Settings(ready_file=ready)

    with announced(address, settings, listen, commands=3):
        assert ready.read_text() == content
        assert list(tmp_path.iterdir()) == [ready]

    assert not ready.exists()


def test_people_get_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with announced("127.0.0.1:1234", Settings(), Listen(), commands=3):
        told = capsys.readouterr()

    assert told.out == ""
    assert told.err == (
        f"snakepit-bridge {__version__} serving 3 commands at 127.0.0.1:1234, "
        "open to every program on this machine. Ctrl-C stops it.\n"
    )


def test_whoever_reads_json_lines_gets_it_as_one(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(log_format="json")

    with (
        caplog.at_level(logging.INFO),
        announced("127.0.0.1:1234", settings, Listen(), commands=3),
    ):
        assert "serving 3 commands at 127.0.0.1:1234" in caplog.text

    assert capsys.readouterr().err == ""


def test_a_ready_file_that_cannot_be_written_stops_the_server(tmp_path: Path) -> None:
    settings = Settings(ready_file=tmp_path / "nowhere" / "ready")

    with (
        pytest.raises(StopError, match="cannot be written: No such file") as caught,
        announced("127.0.0.1:1234", settings, Listen(), commands=3),
    ):
        raise NotImplementedError

    assert caught.value.code is ExitCode.FAILED
