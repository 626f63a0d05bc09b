from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from snakepit_bridge.adapters.host_stub import HostStub
from snakepit_bridge.adapters.stub_questions import (
    Question,
    Questions,
    StubFailedError,
    ask,
    ask_async,
    result_of,
    result_of_async,
)
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from tests.unit.adapters.stubs import AsyncStub, ScriptedClient, ScriptedStub
from tests.unit.grpc.fake_rpcs import FakeRpc

PING = Question("Ping", pb.PingRequest(message="hello"))
PONG = pb.PingResponse(message="pong")


def _counting() -> Questions[list[str]]:
    first = yield PING
    try:
        second = (yield PING).message
    except StubFailedError as error:
        second = str(error)
    return [first.message, second]


class BlockingMethod:
    """Like a method of a blocking channel of gRPC."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self._answer = answer
        self.options: dict[str, Any] = {}

    def __call__(self, _request: Any, **options: Any) -> Any:
        self.options = options
        return self._answer()

    def with_call(self) -> None:
        raise NotImplementedError


class BlockingStub:
    def __init__(self, answer: Callable[[], Any]) -> None:
        self.Ping = BlockingMethod(answer)


def test_a_question_is_answered_by_whatever_stub_there_is() -> None:
    stub = ScriptedStub()
    stub.say("Ping", PONG)

    assert ask(stub, PING) is PONG


def test_whatever_a_stub_raises_becomes_one_error_with_its_cause() -> None:
    stub = ScriptedStub()
    broken = LookupError("no channel")
    stub.say("Ping", broken, LookupError())

    with pytest.raises(StubFailedError, match="no channel") as caught:
        ask(stub, PING)
    with pytest.raises(StubFailedError, match=r"LookupError\(\)"):
        ask(stub, PING)

    assert caught.value.__cause__ is broken
    assert caught.value.status is None


def test_the_status_of_a_failed_call_is_kept() -> None:
    stub = ScriptedStub()
    call = FakeRpc()
    call.fail(grpc.StatusCode.NOT_FOUND, "Session not found: s")
    stub.say("Ping", call)

    with pytest.raises(StubFailedError, match="Session not found: s") as caught:
        ask(stub, PING)

    assert caught.value.status is grpc.StatusCode.NOT_FOUND


async def test_several_questions_lead_to_one_result_from_threads_and_from_loops() -> None:
    failing, waiting = ScriptedStub(), AsyncStub()
    failing.say("Ping", PONG, LookupError("gone"))
    waiting.say("Ping", PONG, LookupError("gone"))

    assert result_of(failing, _counting()) == ["pong", "gone"]
    assert await result_of_async(waiting, _counting()) == ["pong", "gone"]

    failing.say("Ping", PONG)
    waiting.say("Ping", PONG)
    assert result_of(failing, _counting()) == ["pong", "pong"]
    assert await result_of_async(waiting, _counting()) == ["pong", "pong"]


async def test_our_own_stub_is_asked_without_a_thread() -> None:
    client = ScriptedClient()
    client.host.say("Ping", PONG)

    assert await ask_async(HostStub(client), PING, timeout_s=3) is PONG

    assert client.host.asked[0].timeout_s == 3


async def test_a_blocking_stub_does_not_block_the_loop() -> None:
    """The loop lets the call go on, which it could not if it were blocked."""
    released = threading.Event()

    def answer() -> Any:
        assert released.wait(5)
        return PONG

    stub = BlockingStub(answer)
    async with asyncio.timeout(5):
        waiting = asyncio.create_task(ask_async(stub, PING, timeout_s=4))
        asyncio.get_running_loop().call_soon(released.set)

        assert await waiting is PONG

    assert stub.Ping.options == {"timeout": 4}


async def test_a_stub_that_answers_at_once_is_as_good_as_any() -> None:
    stub = ScriptedStub()
    stub.say("Ping", PONG)

    assert await ask_async(stub, PING) is PONG


async def test_a_stub_that_ignores_the_time_it_is_given_has_no_more() -> None:
    class Silent:
        async def Ping(self, _request: Any, timeout: float) -> None:  # noqa: ASYNC109, N802
            await asyncio.Event().wait()

    with pytest.raises(StubFailedError, match="TimeoutError"):
        await ask_async(Silent(), PING, timeout_s=0)


async def test_being_cancelled_is_no_failure_of_the_stub() -> None:
    begun = asyncio.Event()

    class Silent:
        async def Ping(self, _request: Any) -> None:  # noqa: N802
            begun.set()
            await asyncio.Event().wait()

    async with asyncio.timeout(5):
        waiting = asyncio.create_task(result_of_async(Silent(), _counting()))
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
