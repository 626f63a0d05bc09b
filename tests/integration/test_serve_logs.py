"""What a server tells of failures, and what it never tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.client import Client
from snakepit_bridge.errors import BridgeError
from tests.integration.test_serve import serving

HANDLERS = """
    import logging
    from snakepit_bridge import Session, handles

    log = logging.getLogger("of.a.user")

    @handles("fail.with")
    def fail(session: Session, *, text: str) -> None:
        log.info("inside")
        raise ValueError("it is not possible")
"""

CANARIES = [f"canary-{number}-of-the-secrets" for number in range(5)]
IN_ENVIRONMENT, IN_FILE, IN_ARGUMENTS, IN_CALL, OF_STRANGER = CANARIES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "failing.py").write_text(textwrap.dedent(HANDLERS))
    (tmp_path / "tokens").write_text(f"{IN_FILE}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_line_about_a_failure_has_the_error_id_of_its_answer(folder: Path) -> None:
    flags = ("--handlers", "failing:fail", "--log-format", "json")

    with serving(folder, *flags) as server, Client(server.target) as client:
        with pytest.raises(BridgeError) as caught:
            client.call("fail.with", {"text": IN_ARGUMENTS}, session="s1", timeout_s=5)
        _, rest = server.end(signal.SIGTERM)

    lines = [json.loads(line) for line in rest.splitlines()]
    (failure,) = [line for line in lines if "error_id" in line]
    assert failure["error_id"] == caught.value.error_id
    assert failure["command"] == "fail.with"
    assert failure["session_id"] == "s1"
    assert failure["error_code"] == "HANDLER_FAILED"
    assert failure["level"] == "warning"
    assert "of.a.user" in {line["logger"] for line in lines}
    assert IN_ARGUMENTS not in rest


def test_a_line_inside_a_command_has_the_trace_of_its_span(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    flags = ("--handlers", "failing:fail", "--log-format", "json", "--telemetry", "otlp")

    with serving(folder, *flags) as server, Client(server.target) as client:
        with pytest.raises(BridgeError) as caught:
            client.call("fail.with", {"text": "x"}, timeout_s=5)
        _, rest = server.end(signal.SIGTERM)

    lines = [json.loads(line) for line in rest.splitlines() if line.startswith("{")]
    (inside,) = [line for line in lines if line["logger"] == "of.a.user"]
    (failure,) = [line for line in lines if "error_id" in line]
    assert inside["trace_id"] == failure["trace_id"] == caught.value.metadata["trace_id"]


def test_secrets_and_payloads_are_in_no_output(folder: Path) -> None:
    env = {**os.environ, "OPENAI_API_KEY": IN_ENVIRONMENT}
    flags = ("--handlers", "failing:fail", "--token-file", "tokens", "--log-level", "debug")
    answers: list[Any] = []

    with (
        serving(folder, *flags, "--telemetry", "console", env=env) as server,
        Client(server.target, token=IN_FILE) as client,
    ):
        for command, args in SECRET_CALLS:
            try:
                answers.append(client.call(command, args, session="s", timeout_s=30))
            except BridgeError as error:
                answers.append((str(error), error.details, error.foreign_traceback))
        with Client(server.target, token=OF_STRANGER) as stranger, pytest.raises(BridgeError):
            stranger.call("system.ping", timeout_s=5)
        _, rest = server.end(signal.SIGTERM)

    assert [canary for canary in CANARIES if canary in rest] == []
    assert [canary for canary in CANARIES if canary in str(answers)] == []


SECRET_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("fail.with", {"text": IN_ARGUMENTS}),
    ("variable.set", {"name": "n", "value": IN_ARGUMENTS}),
    ("dspy.configure", {"lm": {"model": "openai/x", "api_key": "env:OPENAI_API_KEY"}}),
    ("dspy.configure", {"lm": {"model": "openai/x", "api_key": IN_CALL}}),
    ("dspy.configure", {"lm": {"model": "openai/x", "api_key": IN_CALL, "no_such": 1}}),
    ("system.info", {}),
]


def test_the_doctor_tells_no_secrets(folder: Path) -> None:
    env = {**os.environ, "OPENAI_API_KEY": IN_ENVIRONMENT, "SNAKEPIT_BRIDGE_TOKEN": IN_FILE}
    url = f"https://user:{IN_ARGUMENTS}@models.example/v1"

    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakepit_bridge", "doctor", "--json"),
            *("--token-file", "tokens", "--allow-api-base", url),
        ],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert json.loads(done.stdout)["settings"]["allow_api_base"]["value"].startswith("https://***@")
    assert [canary for canary in CANARIES if canary in done.stdout + done.stderr] == []
