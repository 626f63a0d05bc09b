from __future__ import annotations

import asyncio
import threading

import pytest

from snakepit_bridge.errors import BridgeError, DSPyError, ErrorCode
from snakepit_bridge.handlers.dspy.jobs.result import Result


async def test_everybody_who_waits_gets_it() -> None:
    result = Result()
    waiting = [asyncio.create_task(result.get()) for _ in range(5)]
    await asyncio.sleep(0)
    assert (result.waiting, result.is_settled) == (5, False)
    thread = threading.Thread(target=result.settle, args=({"score": 1},))
    thread.start()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == [{"score": 1}] * 5
    thread.join()

    assert (result.waiting, result.is_settled) == (0, True)
    assert await result.get() == {"score": 1}


async def test_the_first_end_is_the_end() -> None:
    result = Result()
    result.settle({"score": 1})
    result.settle(DSPyError("too late"))

    assert await result.get() == {"score": 1}


async def test_an_empty_answer_is_one() -> None:
    result = Result()
    result.settle({})

    async with asyncio.timeout(5):
        assert await result.get() == {}


async def test_nothing_is_left_of_those_who_stop_waiting() -> None:
    result = Result()
    for _ in range(20):
        waiting = asyncio.create_task(result.get())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})

    assert result.waiting == 0


async def test_each_reader_has_an_error_of_its_own() -> None:
    result = Result()
    result.settle(error := DSPyError("no", {"hint": "try"}, code=ErrorCode.WRONG_CALL))
    caught: list[BridgeError] = []
    for _ in range(2):
        with pytest.raises(DSPyError) as each:
            await result.get()
        caught.append(each.value)

    first, second = caught
    assert first is not second
    assert (first.code, first.message, first.error_id) == (error.code, "no", second.error_id)
    first.details["more"] = 1
    assert second.details == error.details == {"hint": "try"}
    assert error.__traceback__ is None
