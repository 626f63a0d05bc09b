from __future__ import annotations

import pytest

from snakepit_bridge.client.blocking_client import BlockingClient
from snakepit_bridge.client.blocking_session import ClientSession
from snakepit_bridge.errors import HandlerFailedError, HostUnavailableError, WrongCallError
from tests.unit.client.scripted import (
    END_OF_STREAM,
    ScriptedConnection,
    failed_reply,
    value_reply,
)
from tests.unit.client.test_blocking_client import blocking

CLOSED = value_reply("0")


def test_every_kind_of_call_is_made_in_the_session() -> None:
    connection = ScriptedConnection(value_reply("1"), value_reply("2"), END_OF_STREAM, CLOSED)

    with blocking(connection) as client, client.session() as session:
        assert session.call("demo.run", {"n": 1}, timeout_s=5) == 1
        assert session.call_result("demo.run").value == 2
        assert list(session.stream("demo.items")) == []

    assert {sent.session_id for sent in connection.sent} == {session.id}
    assert connection.commands == ["demo.run", "demo.run", "demo.items", "session.close"]


def test_a_session_with_a_name_lives_on() -> None:
    connection = ScriptedConnection(value_reply("1"))

    with blocking(connection) as client, client.session("ours") as session:
        session.call("demo.run")

    assert session.id == "ours"
    assert connection.commands == ["demo.run"]


def _run_in_session(client: BlockingClient) -> None:
    with client.session() as session:
        session.call("demo.run")


def test_the_error_of_the_block_is_not_replaced_by_one_of_its_end() -> None:
    failure = failed_reply(HandlerFailedError("Broke."))
    connection = ScriptedConnection(failure, HostUnavailableError("Gone."))

    with blocking(connection) as client, pytest.raises(HandlerFailedError, match="Broke"):
        _run_in_session(client)

    assert connection.commands == ["demo.run", "session.close"]


def test_a_session_that_could_not_be_ended_is_an_error_of_its_own() -> None:
    connection = ScriptedConnection(value_reply("1"), HostUnavailableError("Gone."))

    with blocking(connection) as client, pytest.raises(HostUnavailableError, match="Gone"):
        _run_in_session(client)


def _fail_in(session: ClientSession) -> None:
    with session:
        text = "first"
        raise LookupError(text)


def test_a_client_that_is_closed_already_replaces_no_error_either() -> None:
    connection = ScriptedConnection(value_reply("1"))
    with blocking(connection) as client:
        session = client.session()
        session.call("demo.run")

    with pytest.raises(LookupError, match="first"):
        _fail_in(session)
    with pytest.raises(WrongCallError, match="closed"):
        session.end()
