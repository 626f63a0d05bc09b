from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any

import pytest

from snakepit_bridge.adapters.stub_responses import awaited_response, called_stub, plain_response


async def answer() -> str:
    return "answer"


class Awaitable:
    def __await__(self) -> Generator[Any, None, str]:
        return answer().__await__()


def done() -> Future[str]:
    future: Future[str] = Future()
    future.set_result("answer")
    return future


def test_a_blocking_caller_gets_the_answer_whichever_way_it_comes() -> None:
    assert plain_response("answer") == "answer"
    assert plain_response(done()) == "answer"
    assert plain_response(lambda: "answer") == "answer"
    assert plain_response(done) == "answer"
    assert plain_response(answer()) == "answer"
    assert plain_response(Awaitable()) == "answer"
    assert plain_response(None) is None


async def test_an_async_caller_gets_the_answer_whichever_way_it_comes() -> None:
    assert await awaited_response("answer") == "answer"
    assert await awaited_response(done()) == "answer"
    assert await awaited_response(lambda: "answer") == "answer"
    assert await awaited_response(answer) == "answer"
    assert await awaited_response(answer()) == "answer"
    assert await awaited_response(Awaitable()) == "answer"
    assert await awaited_response(asyncio.create_task(answer())) == "answer"


@pytest.mark.parametrize("make", [answer, Awaitable])
async def test_a_blocking_caller_on_the_loop_cannot_wait_for_an_awaitable(make: Any) -> None:
    with pytest.raises(RuntimeError, match="register_with_session_async"):
        plain_response(make())


async def test_what_blocks_leaves_the_loop_free() -> None:
    """The answer is given by the loop, which must not be waiting for it."""
    given: Future[str] = Future()
    asyncio.get_running_loop().call_soon(given.set_result, "answer")

    async with asyncio.timeout(5):
        assert await awaited_response(given) == "answer"


async def test_a_blocking_channel_is_called_on_another_thread() -> None:
    class Method:
        def __call__(self, request: str) -> tuple[str, int]:
            return request, threading.get_ident()

        def with_call(self, request: str) -> tuple[str, Any]:
            raise NotImplementedError

    class Stub:
        RegisterTools = Method()

    request, thread = await called_stub(Stub(), "request")

    assert request == "request"
    assert thread != threading.get_ident()


async def test_any_other_stub_is_called_on_the_loop() -> None:
    class Stub:
        def RegisterTools(self, request: str) -> tuple[str, asyncio.AbstractEventLoop]:  # noqa: N802  (gRPC's name)
            return request, asyncio.get_running_loop()

    assert await called_stub(Stub(), "request") == ("request", asyncio.get_running_loop())
