"""Which keys really leave the process, and where to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from snakepit_bridge.errors import DSPyError
from snakepit_bridge.handlers.dspy.secrets import PROVIDER_KEYS, Secrets
from tests.unit.handlers.dspy.workshop import CANARY, called, workshop

ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "x",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "role": "assistant",
                "content": "[[ ## answer ## ]]\n42\n\n[[ ## completed ## ]]",
            },
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


@contextmanager
def provider(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A server that speaks OpenAI's protocol, and everything it is sent."""
    received: list[str] = []

    class Listening(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(f"{self.path}\n{self.headers}\n{body.decode()}")
            reply: Any = ANSWER
            if status != 200:
                key = self.headers["authorization"]
                reply = {"error": {"message": f"Incorrect API key provided: {key}"}}
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", received
        finally:
            server.shutdown()
            thread.join(timeout=5)


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key for every provider, in the environment of the process itself."""
    for name in {*PROVIDER_KEYS, "HOSTED_VLLM_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"}:
        monkeypatch.setenv(name, CANARY)


def ask(secrets: Secrets, **lm: Any) -> Any:
    handler, session, _ = workshop(secrets=secrets)
    handler.configure(session, lm={"num_retries": 0, **lm})
    ref = handler.create(session, class_path="dspy.Predict", args=["question -> answer"])
    return called(handler, session, ref=ref, method="__call__", args={"question": "?"})


@pytest.mark.usefixtures("canaries")
@pytest.mark.parametrize("model", ["openai/x", "hosted_vllm/x", "ollama_chat/x"])
def test_a_foreign_address_is_sent_nothing_of_the_environment(model: str) -> None:
    with provider() as (address, received):
        answer = ask(Secrets({"OPENAI_API_KEY": CANARY}), model=model, api_base=address)

    assert answer == {"answer": "42"}
    assert len(received) == 1
    assert CANARY not in received[0]
    assert "Bearer none" in received[0]


@pytest.mark.usefixtures("canaries")
def test_a_callers_own_key_is_sent_to_the_callers_address() -> None:
    with provider() as (address, received):
        ask(Secrets(), model="openai/x", api_base=address, api_key="of-the-caller")

    assert "Bearer of-the-caller" in received[0]
    assert CANARY not in received[0]


def test_a_key_of_the_operator_is_sent_to_the_operators_address() -> None:
    with provider() as (address, received):
        secrets = Secrets({"OPENAI_API_KEY": CANARY}, api_bases=[address])
        ask(secrets, model="openai/x", api_base=address, api_key="env:OPENAI_API_KEY")

    assert f"Bearer {CANARY}" in received[0]


def test_a_key_that_the_provider_repeats_is_repeated_no_further() -> None:
    with provider(401) as (address, _):
        secrets = Secrets({"OPENAI_API_KEY": CANARY}, api_bases=[address])
        with pytest.raises(DSPyError) as caught:
            ask(secrets, model="openai/x", api_base=address, api_key="env:OPENAI_API_KEY")

    error = caught.value
    assert error.details["lm_error"] == "auth"
    assert "Bearer ***" in error.message
    assert CANARY not in f"{error}{error.details}{error.foreign_traceback}"
