"""A bridge with DSPy under measurement, and language models whose moments are known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from snakepit_bridge.bootstrap import open_bridge
from snakepit_bridge.client import AsyncClient, connect
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.server import grpc_server
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.configuration import Configuration
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.models.options import LMOptions
from snakepit_bridge.handlers.dspy.models.session_lm import session_lm_class
from snakepit_bridge.handlers.dspy.offline import AsyncOfflineEngine, OfflineEngine
from snakepit_bridge.settings import Settings
from snakepit_bridge.transport.in_process import InProcessTransport

SESSION = "bench"
SIGNATURE = "question -> answer"
ASKED = {"question": "What is the answer?"}
ANSWER = {"answer": "Forty-two, as has been known for long."}

FIRST_DELTA = "[[ ## answer ## ]]\nForty-two, "
OTHER_DELTAS = ("as has been known ", "for long.\n\n", "[[ ## completed ## ]]")


class TimedEngine(AsyncOfflineEngine):
    """Takes its time, and tells when it was asked, wrote its first text, and ended.

    Args:
        pause_s: How long an answer takes; of a stream, what comes after its first text.
    """

    def __init__(self, pause_s: float) -> None:
        super().__init__(OfflineEngine([ANSWER]))
        self._pause_s = pause_s
        # DSPy's loop is not the one that measures.
        self.asked: Future[None] = Future()
        self.wrote_at: Future[float] = Future()
        self.ended_at: Future[float] = Future()

    async def complete(self, request: Any) -> Any:
        """Answer after the pause, or end when cancelled."""
        _settle(self.asked, None)
        try:
            await asyncio.sleep(self._pause_s)
            return await super().complete(request)
        finally:
            _settle(self.ended_at, time.perf_counter())

    async def stream(self, request: Any) -> AsyncIterator[Any]:
        """Write the first text at once, and the others after the pause."""
        types = DSPyDoor().open().lm15
        yield types.StreamStartEvent(id="timed", model=request.model)
        _settle(self.wrote_at, time.perf_counter())
        yield types.StreamDeltaEvent(delta=types.TextDelta(text=FIRST_DELTA))
        await asyncio.sleep(self._pause_s)
        for text in OTHER_DELTAS:
            yield types.StreamDeltaEvent(delta=types.TextDelta(text=text))
        usage = types.Usage(input_tokens=1, output_tokens=1, total_tokens=2)
        yield types.StreamEndEvent(finish_reason="stop", usage=usage)


class Scene(NamedTuple):
    """One bridge, and two ways to it."""

    handler: CommandHandler
    over_grpc: AsyncClient
    in_process: AsyncClient
    ref: str
    """Of a ``dspy.Predict`` in the session."""

    def use(self, engine: AsyncOfflineEngine) -> None:
        """Have the session's calls answered by this engine from now on."""
        model = session_lm_class(DSPyDoor().open())(
            "offline",
            engine=OfflineEngine([ANSWER]),
            async_engine=engine,
            cache=False,
            num_retries=0,
        )
        session = self.handler.sessions.get_or_create(SESSION)
        session.settings[configuration.NAMESPACE] = Configuration(
            lm=LMOptions(model="offline"), language_model=model
        )


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """A bridge behind a gRPC port and without a wire, as long as the block runs."""
    async with (
        open_bridge(Settings()) as handler,
        grpc_server(handler, Listen(port=0), drain_s=0.2) as address,
        connect(address) as over_grpc,
        InProcessTransport().serving(handler) as endpoint,
        endpoint.connect() as connection,
    ):
        in_process = AsyncClient(connection)
        await configured(in_process)
        yield Scene(handler, over_grpc, in_process, await created(in_process))


async def configured(client: AsyncClient) -> None:
    """Have the session's calls answered by the offline model."""
    model = {"model": "offline", "answers": [ANSWER]}
    await client.call("dspy.configure", {"lm": model}, session=SESSION)


async def created(client: AsyncClient) -> str:
    """The ref of a new ``dspy.Predict`` in the session."""
    wanted = {"class_path": "dspy.Predict", "args": {"signature": SIGNATURE}}
    ref = await client.call("dspy.create_instance", wanted, session=SESSION)
    assert isinstance(ref, str)
    return ref


async def asked(client: AsyncClient, ref: str) -> None:
    """Call it once.

    Raises:
        RuntimeError: The answer is not the model's: a benchmark of failing calls measures nothing.
    """
    wanted = {"ref": ref, "method": "__call__", "args": ASKED}
    answer = await client.call("dspy.call_method", wanted, session=SESSION)
    if answer != ANSWER:
        raise RuntimeError(repr(answer))


def _settle(future: Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)
