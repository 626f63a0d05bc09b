from __future__ import annotations

import logging

import pytest

from snakepit_bridge.client.async_client import AsyncClient
from snakepit_bridge.client.async_session import AsyncClientSession
from snakepit_bridge.errors import HandlerFailedError, HostUnavailableError
from tests.unit.client.scripted import END_OF_STREAM, ScriptedConnection, value_reply

CLOSED = value_reply("0")


async def test_a_session_without_a_name_gets_one_that_nobody_else_has() -> None:
    client = AsyncClient(ScriptedConnection())

    first, second = client.session(), client.session()

    assert first.id.startswith("client-")
    assert first.id != second.id


async def test_every_kind_of_call_is_made_in_the_session() -> None:
    connection = ScriptedConnection(value_reply("1"), value_reply("2"), END_OF_STREAM, CLOSED)

    async with AsyncClient(connection).session() as session:
        assert await session.call("demo.run", {"n": 1}, timeout_s=5) == 1
        assert (await session.call_result("demo.run")).value == 2
        assert [item async for item in session.stream("demo.items")] == []

    assert {sent.session_id for sent in connection.sent} == {session.id}
    assert connection.commands == ["demo.run", "demo.run", "demo.items", "session.close"]


async def test_a_session_of_the_block_ends_with_it() -> None:
    connection = ScriptedConnection(value_reply("1"), CLOSED)

    async with AsyncClient(connection).session() as session:
        await session.call("demo.run")

    assert connection.commands == ["demo.run", "session.close"]


async def test_a_session_with_a_name_lives_on() -> None:
    connection = ScriptedConnection(value_reply("1"))

    async with AsyncClient(connection).session("ours") as session:
        await session.call("demo.run")

    assert session.id == "ours"
    assert connection.commands == ["demo.run"]


async def test_a_session_that_never_began_is_not_ended() -> None:
    connection = ScriptedConnection()

    async with AsyncClient(connection).session():
        pass

    assert connection.commands == []


async def test_a_session_is_ended_once() -> None:
    connection = ScriptedConnection(value_reply("1"), CLOSED)

    async with AsyncClient(connection).session() as session:
        await session.call("demo.run")
        await session.end()

    assert connection.commands == ["demo.run", "session.close"]


async def test_ending_a_session_takes_bounded_time() -> None:
    connection = ScriptedConnection(value_reply("1"), CLOSED)

    async with AsyncClient(connection).session() as session:
        await session.call("demo.run")

    assert connection.sent[-1].timeout_s == 2.0


async def _fail_in(session: AsyncClientSession) -> None:
    async with session:
        await session.call("demo.run")


async def test_the_error_of_the_block_is_not_replaced_by_one_of_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = ScriptedConnection(HandlerFailedError("Broke."), HostUnavailableError("Gone."))
    session = AsyncClient(connection).session()

    with (
        caplog.at_level(logging.WARNING, "snakepit_bridge.client"),
        pytest.raises(HandlerFailedError, match="Broke"),
    ):
        await _fail_in(session)

    assert connection.commands == ["demo.run", "session.close"]
    assert caplog.messages == [f"session {session.id} was not ended: Gone."]


async def test_a_session_that_could_not_be_ended_is_an_error_of_its_own() -> None:
    connection = ScriptedConnection(value_reply("1"), HostUnavailableError("Gone."))

    with pytest.raises(HostUnavailableError, match="Gone"):
        await _fail_in(AsyncClient(connection).session())
