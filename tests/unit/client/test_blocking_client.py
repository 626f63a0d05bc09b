from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from snakepit_bridge.client.async_client import AsyncClient
from snakepit_bridge.client.blocking_client import BlockingClient
from snakepit_bridge.errors import HandlerFailedError, HostUnavailableError, WrongCallError
from tests.unit.client.scripted import (
    END_OF_STREAM,
    ScriptedConnection,
    failed_reply,
    value_reply,
)


def blocking(connection: ScriptedConnection) -> BlockingClient:
    """A client of the connection; the thread it is used from is its own."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[AsyncClient]:
        yield AsyncClient(connection)

    return BlockingClient(opened)


def test_a_call_blocks_until_its_value_is_there() -> None:
    connection = ScriptedConnection(value_reply("1"))

    with blocking(connection) as client:
        assert client.call("demo.run", {"n": 1}, session="mine", timeout_s=5) == 1

    (sent,) = connection.sent
    assert (sent.command, sent.session_id, sent.timeout_s) == ("demo.run", "mine", 5)


def test_a_result_has_the_metadata_as_well() -> None:
    with blocking(ScriptedConnection(value_reply("1"))) as client:
        result = client.call_result("demo.run", session="mine", timeout_s=5)

    assert (result.value, result.metadata) == (1, {"queue_ms": "0.100"})


def test_a_failure_is_raised_in_the_thread_that_called() -> None:
    failure = failed_reply(HandlerFailedError("Broke."))

    with (
        blocking(ScriptedConnection(failure)) as client,
        pytest.raises(HandlerFailedError, match="Broke"),
    ):
        client.call("demo.run")


def test_a_stream_yields_its_items() -> None:
    connection = ScriptedConnection(value_reply("1", is_final=False), END_OF_STREAM)

    with blocking(connection) as client:
        assert list(client.stream("demo.items", session="mine", timeout_s=5)) == [1]

    assert connection.sent[0].session_id == "mine"


def test_the_commands_are_those_the_bridge_describes() -> None:
    with blocking(ScriptedConnection(value_reply("[]"))) as client:
        assert client.commands(timeout_s=5) == []


def test_a_bridge_that_does_not_answer_is_not_ready() -> None:
    with blocking(ScriptedConnection()) as client, pytest.raises(HostUnavailableError):
        client.wait_ready(timeout_s=0)


def test_a_client_works_inside_its_block_only() -> None:
    client = blocking(ScriptedConnection(value_reply("1")))

    for use in (lambda: client.call("demo.run"), lambda: client.stream("x"), client.session):
        with pytest.raises(WrongCallError, match="closed") as caught:
            use()
        assert "with" in caught.value.hint


def test_a_client_can_be_opened_again_but_not_twice_at_once() -> None:
    client = blocking(ScriptedConnection(value_reply("1"), value_reply("2")))

    with client:
        assert client.call("demo.run") == 1
        with pytest.raises(WrongCallError, match="open already"):
            client.__enter__()
    with client:
        assert client.call("demo.run") == 2


def test_a_client_that_cannot_be_opened_leaves_no_thread_behind() -> None:
    @asynccontextmanager
    async def opened() -> AsyncIterator[AsyncClient]:
        text = "no such file"
        raise ValueError(text)
        yield

    with pytest.raises(ValueError, match="no such file"):
        BlockingClient(opened).__enter__()

    assert "bridge-client" not in {thread.name for thread in threading.enumerate()}


def test_leaving_the_block_ends_its_thread() -> None:
    with blocking(ScriptedConnection()):
        assert "bridge-client" in {thread.name for thread in threading.enumerate()}

    assert "bridge-client" not in {thread.name for thread in threading.enumerate()}
