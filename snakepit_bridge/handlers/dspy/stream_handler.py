"""The command ``dspy.stream``: a program's answer while it is being written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.streaming.channel import EventChannel
from snakepit_bridge.handlers.dspy.streaming.predictors import Predictors
from snakepit_bridge.handlers.dspy.streaming.token_sink import TokenSink
from snakepit_bridge.handlers.dspy.streaming.wanted_fields import WantedFields
from snakepit_bridge.handlers.dspy.workbench import Follower, Workbench
from snakepit_bridge.handlers.registry import handles

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.call import Call
    from snakepit_bridge.session.context import Session

STREAM = "dspy.stream"


class DSPyStreamHandler:
    """Runs programs and tells what happens meanwhile; one serves all sessions.

    Args:
        workbench: What all ``dspy.*`` commands share.
    """

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench

    @handles(STREAM)
    async def stream(
        self,
        session: Session,
        *,
        ref: str,
        args: dict[str, Any] | list[Any] | None = None,
        fields: list[str] | None = None,
        settings: dict[str, Any] | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Run a program and tell at once what language models write and what tools are called.

        Args:
            ref: The program.
            args: Its keyword arguments, or a list of positional ones.
            fields: Output fields whose text is told: names, or ``"predictor.field"``; all if left
                out.
            settings: What this call alone uses, as ``dspy.configure`` takes it.

        Yields:
            Objects with ``event``: ``"token"`` with ``predictor``, ``field``, ``text`` and
            ``last``; ``"thinking"`` with ``predictor`` and ``text``; ``"status"``, ``"lm"``,
            ``"tool_call"``, ``"tool_result"``; and in the end ``"prediction"`` with ``outputs``,
            ``reasoning``, ``completions`` and ``usage``.

        Raises:
            InvalidArgumentError: The program has no such output field.
            BridgeError: As ``dspy.call_method``, after everything that happened before.
        """
        bench, channel = self._bench, EventChannel()
        dspy = await bench.opened()
        program = bench.instance(session, ref)
        predictors = Predictors(dspy, program)
        wanted = WantedFields(predictors.fields, fields)
        # Only on a loop can DSPy send; a session's own language model always asks from one.
        has_own = configuration.of(session).language_model is not None or "lm" in (settings or {})
        sends = has_own or bench.can_be_awaited(program)
        sink = TokenSink(dspy, predictors, wanted, channel.put) if sends else None
        follower = Follower(tell=channel.tell, settings={"send_stream": sink})
        call = bench.call(
            session, STREAM, ref, "__call__", args, settings=settings, follower=follower
        )
        async with self._under_way(call, channel) as task:
            while batch := await channel.take():
                for event in batch:
                    yield event
            result = await task
        yield {"event": "prediction", **bench.record(session, call.scene, result)}

    @asynccontextmanager
    async def _under_way(
        self, call: Call, channel: EventChannel
    ) -> AsyncIterator[asyncio.Task[Any]]:
        """The call as a task, which ends with the block, however that does."""
        task = asyncio.create_task(self._bench.run(call))
        task.add_done_callback(lambda _task: channel.finish())
        try:
            yield task
        finally:
            channel.close()
            if not task.done():
                await _ended(task, call)


async def _ended(task: asyncio.Task[Any], call: Call) -> None:
    """Cancel a call, and wait until it has ended, however it does."""
    run = call.scene.run
    assert run is not None, "every call of a workbench has one"
    run.cancel()  # what waits on a thread hears of it
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
