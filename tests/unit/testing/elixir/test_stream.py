from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from snakepit_bridge.engine.loop_thread import loop_thread
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.answers import ElixirError
from snakepit_bridge.testing.elixir.stream import SLACK_S, ElixirStream


async def _never(_: asyncio.Event) -> AsyncGenerator[pb.ToolChunk]:
    await asyncio.Event().wait()
    yield pb.ToolChunk()


async def _until_halted(turn_over: asyncio.Event) -> AsyncGenerator[pb.ToolChunk]:
    yield pb.ToolChunk(data=b"1")
    await turn_over.wait()
    raise ElixirError("text", "nobody hears this")


def test_a_stream_that_hangs_beyond_its_deadline_is_given_up() -> None:
    with (
        loop_thread("test-loop") as thread,
        ElixirStream(thread, _never, deadline_s=-SLACK_S) as stream,
        pytest.raises(TimeoutError, match="neither went on nor ended"),
    ):
        next(stream)


def test_halting_ends_the_turn_of_the_call() -> None:
    with loop_thread("test-loop") as thread:
        stream = ElixirStream(thread, _until_halted, deadline_s=5)
        assert next(stream) == {"data": 1, "is_final": False}

        stream.halt()

        assert list(stream) == []
