"""Programs that come, work and go for long: nothing of them stays, however they end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import re
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, NamedTuple

import pytest

from snakepit_bridge.bootstrap import open_bridge
from snakepit_bridge.client import AsyncClient, connect
from snakepit_bridge.engine.inline import STOP_GRACE_S
from snakepit_bridge.errors import DSPyError
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.server import grpc_server
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.offline import AsyncOfflineEngine, OfflineEngine
from snakepit_bridge.settings import Settings
from tests.unit.handlers.dspy.workshop import use_engine

CYCLES = 10_000 if "SNAKEPIT_BRIDGE_LARGE" in os.environ else 2_000

LEFT = CYCLES // 10
"""Cycles of what is not the usual course."""

WARM_UP = 200
"""Cycles that fill what is filled once: caches, and threads that then stay."""

SLACK = 100
"""Objects that come and go with threads and timers of gRPC."""

ASKED = {"question": "?"}
FIRST_DELTA = "[[ ## answer ## ]]\nThis is how it "


class StuckEngine(AsyncOfflineEngine):
    """Begins to answer and never ends; tells when it was asked, and when it was cancelled."""

    def __init__(self) -> None:
        super().__init__(OfflineEngine())
        self.asked: Future[None] = Future()
        self.ended: Future[None] = Future()

    async def complete(self, request: Any) -> Any:
        self.asked.set_result(None)
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set_result(None)

    async def stream(self, request: Any) -> AsyncIterator[Any]:
        types = DSPyDoor().open().lm15
        yield types.StreamStartEvent(id="stuck", model=request.model)
        yield types.StreamDeltaEvent(delta=types.TextDelta(text=FIRST_DELTA))
        await self.complete(request)


class Figures(NamedTuple):
    """What must not grow."""

    objects: int
    """Those the garbage collector knows."""

    blocks: int
    """Of memory, which texts and numbers take, too."""

    threads: int
    tasks: int


class Bridge(NamedTuple):
    """One that serves, and a caller."""

    handler: CommandHandler
    client: AsyncClient

    async def call(self, command: str, session: str = "s", /, **args: Any) -> Any:
        return await self.client.call(command, args, session=session, timeout_s=30)

    async def created(self, signature: str = "question -> answer", session: str = "s") -> str:
        ref = await self.call(
            "dspy.create_instance", session, class_path="dspy.Predict", args=[signature]
        )
        assert isinstance(ref, str)
        return ref

    def use(self, engine: AsyncOfflineEngine) -> None:
        session = self.handler.sessions.get_or_create("s")
        use_engine(session, OfflineEngine(), async_engine=engine)

    async def does_not_grow(self, cycle: Callable[[int], Awaitable[None]], cycles: int) -> None:
        """Go through cycles, which are told their numbers: there is no more than before."""
        for number in range(WARM_UP):
            await cycle(number)
        before = await _figures()
        for number in range(cycles):
            await cycle(number)
        after = await _figures()
        # One object that stays of each fifth cycle is found.
        assert after.objects - before.objects < SLACK + cycles // 5, (before, after)
        assert after.blocks - before.blocks < 10 * SLACK + cycles // 5, (before, after)
        assert after.threads <= before.threads + 2, (before, after)
        assert after.tasks <= before.tasks + 2, (before, after)


async def _figures() -> Figures:
    # The engine holds a call that was stopped until its grace is over. Timers end in their order.
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(STOP_GRACE_S, over.set)
    await over.wait()
    re.purge()  # it keeps some hundreds of patterns, whoever made them
    # What finalizers of the first round let go is found by the second one.
    gc.collect()
    gc.collect()
    return Figures(
        objects=len(gc.get_objects()),
        blocks=sys.getallocatedblocks(),
        threads=threading.active_count(),
        tasks=len(asyncio.all_tasks()),
    )


@asynccontextmanager
async def _bridge() -> AsyncIterator[Bridge]:
    async with (
        open_bridge(Settings()) as handler,
        grpc_server(handler, Listen(port=0), drain_s=0.2) as address,
        connect(address) as client,
    ):
        bridge = Bridge(handler, client)
        await bridge.call("dspy.configure", lm={"model": "offline"}, history=10)
        yield bridge


pytestmark = pytest.mark.timeout(60 + CYCLES // 10)


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Pytest keeps every record of a log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


async def test_programs_that_come_and_go_leave_nothing_behind() -> None:
    async with _bridge() as bridge:

        async def cycle(_: int) -> None:
            ref = await bridge.created()
            answer = await bridge.call("dspy.call_method", ref=ref, method="__call__", args=ASKED)
            assert set(answer) == {"answer"}
            assert await bridge.call("dspy.delete_instance", ref=ref)

        await bridge.does_not_grow(cycle, CYCLES)

        assert await bridge.call("dspy.list_instances") == []
        assert (await bridge.call("dspy.usage"))["spent"]["calls"] == WARM_UP + CYCLES


async def test_calls_that_are_cancelled_leave_nothing_behind() -> None:
    async with _bridge() as bridge:
        ref = await bridge.created()

        async def cycle(_: int) -> None:
            engine = StuckEngine()
            bridge.use(engine)
            call = asyncio.create_task(bridge.call("dspy.predict", ref=ref, args=ASKED))
            await asyncio.wrap_future(engine.asked)
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call
            await asyncio.wrap_future(engine.ended)

        await bridge.does_not_grow(cycle, LEFT)


async def test_streams_that_are_left_leave_nothing_behind() -> None:
    async with _bridge() as bridge:
        ref = await bridge.created()

        async def cycle(_: int) -> None:
            engine = StuckEngine()
            bridge.use(engine)
            assert await _first_token(bridge, ref)
            await asyncio.wrap_future(engine.ended)

        await bridge.does_not_grow(cycle, LEFT)


async def _first_token(bridge: Bridge, ref: str) -> str:
    """Read a stream until there is a part of the answer, and leave it."""
    wanted = {"ref": ref, "args": ASKED}
    async with aclosing(bridge.client.stream("dspy.stream", wanted, session="s")) as events:
        async for event in events:
            if event["event"] == "token":
                text: str = event["text"]
                return text
    raise AssertionError


async def test_calls_that_fail_leave_nothing_behind() -> None:
    async with _bridge() as bridge:
        ref = await bridge.created("question -> answer: int")
        # An answer that cannot be read is asked for again, in another form.
        await bridge.call("dspy.configure", lm={"model": "offline", "answers": ["no number"]})

        async def cycle(_: int) -> None:
            with pytest.raises(DSPyError):
                await bridge.call("dspy.predict", ref=ref, args=ASKED)

        await bridge.does_not_grow(cycle, LEFT)


async def test_programs_of_ever_new_shapes_leave_nothing_behind() -> None:
    async with _bridge() as bridge:

        async def cycle(number: int) -> None:
            given, made = f"given_{number}", f"made_{number}"
            ref = await bridge.created(f"{given}, hints: list[str] -> {made}: int")
            args = {given: "?", "hints": ["!"]}
            answer = await bridge.call("dspy.call_method", ref=ref, method="__call__", args=args)
            assert answer == {made: 0}
            assert await bridge.call("dspy.delete_instance", ref=ref)

        await bridge.does_not_grow(cycle, LEFT)


async def test_sessions_that_come_and_go_leave_nothing_behind() -> None:
    async with _bridge() as bridge:

        async def cycle(number: int) -> None:
            session = f"session-{number}"
            lm = {"model": "offline", "answers": [{"answer": str(number)}]}
            await bridge.call("dspy.configure", session, lm=lm, adapter="json", history=10)
            ref = await bridge.created(session=session)
            answer = await bridge.call("dspy.predict", session, ref=ref, args=ASKED)
            assert answer["outputs"] == {"answer": str(number)}
            await bridge.call("session.close", session)

        await bridge.does_not_grow(cycle, LEFT)
