from __future__ import annotations

import pytest

from snakepit_bridge.client.codec import CallCodec, error_of
from snakepit_bridge.errors import CommandNotFoundError, HostUnavailableError, InvalidArgumentError
from snakepit_bridge.transport.envelope import Reply
from snakepit_bridge.transport.failures import failure_of
from snakepit_bridge.values.encoding import Encoded


def test_a_call_without_anything_is_an_envelope_with_nothing() -> None:
    envelope = CallCodec("json").envelope("demo.run", None, session=None, timeout_s=None)

    assert (envelope.command, dict(envelope.args), envelope.session_id) == ("demo.run", {}, "")
    assert envelope.timeout_s is None
    assert dict(envelope.trace_context) == {}


@pytest.mark.parametrize(
    ("command", "session", "args"),
    [("\ud800", None, {}), ("demo.run", "\ud800", {}), ("demo.run", None, {"\ud800": 1})],
    ids=["command", "session", "argument"],
)
def test_a_name_with_a_lone_surrogate_is_refused(
    command: str, session: str | None, args: dict[str, object]
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"'\\ud800'"):
        CallCodec("json").envelope(command, args, session=session, timeout_s=None)


def test_an_answer_in_another_encoding_is_an_error() -> None:
    with pytest.raises(InvalidArgumentError):
        CallCodec("json").value(Reply(encoded=Encoded(b"\xff")))


def test_the_error_of_a_failed_reply_has_the_metadata_of_the_reply() -> None:
    failure = failure_of(CommandNotFoundError("No such command."))

    error = error_of(Reply(failure=failure, metadata={"worker_id": "w"}), "demo.run")

    assert type(error) is CommandNotFoundError
    assert error.metadata == {"worker_id": "w"}


@pytest.mark.parametrize("reply", [None, Reply()])
def test_the_lack_of_a_reply_is_an_error_that_names_the_command(reply: Reply | None) -> None:
    error = error_of(reply, "demo.run")

    assert type(error) is HostUnavailableError
    assert "'demo.run'" in error.message
