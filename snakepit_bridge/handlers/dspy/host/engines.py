"""A language model that the caller is: DSPy asks a tool of the host."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from snakepit_bridge.handlers.dspy.host.errors import translated
from snakepit_bridge.handlers.dspy.host.protocol import HostProtocol
from snakepit_bridge.handlers.dspy.host.request import request_data
from snakepit_bridge.handlers.dspy.host.stream import Ask, Exchange, Pause
from snakepit_bridge.session.context import current_execution

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.door import DSPyDoor
    from snakepit_bridge.handlers.dspy.runs import Run

CANCEL_S = 5.0
"""How long a host may take to hear that nobody wants an answer any more."""

CANCEL_IN_THREAD_S = 0.5
"""The same where a thread waits for it: a cancelled command has to end soon."""


class HostEngine(HostProtocol):
    """Asks the host from threads; safe to use from any of them. An engine of ``dspy.LM``."""

    def complete(self, request: Any) -> Any:
        """Answer one ``dspy.lm15.Request`` with a ``dspy.lm15.Response``.

        Raises:
            lm15.LM15Error: The host failed, or has answered with something else.
            Halt: The command has to end.
            WrongCallError: No command is under way.
        """
        run, types = self.here()
        with translated(types, run, self.tool):
            data = {"op": "complete", "request": request_data(request, types)}
            return self.response(run.call_tool(self.tool, data), request, types)

    def stream(self, request: Any) -> Iterator[Any]:
        """The same answer as events of ``dspy.lm15``, in pieces where the host can do that."""
        run, types = self.here()
        if not self.streams:
            yield from types.response_to_events(self.complete(request))
            return
        exchange, answer = Exchange(request, types), None
        with translated(types, run, self.tool), self._ending(exchange, run):
            while (step := exchange.step(answer)) is not None:
                answer = None
                if isinstance(step, Ask):
                    answer = run.call_tool(self.tool, step.args)
                elif isinstance(step, Pause):
                    threading.Event().wait(step.seconds)
                else:
                    yield step

    def close(self) -> None:
        """Nothing is open."""

    @contextmanager
    def _ending(self, exchange: Exchange, run: Run) -> Iterator[None]:
        try:
            yield
        finally:
            if exchange.open_stream is not None:
                farewell = self.cancel(run, exchange.open_stream, CANCEL_IN_THREAD_S)
                _outside().run(asyncio.run, farewell)


class AsyncHostEngine(HostProtocol):
    """Asks the host from any loop; cancelling a call cancels that of the host."""

    def __init__(
        self,
        tool: str,
        *,
        streams: bool = False,
        features: Collection[str] = (),
        door: DSPyDoor | None = None,
    ) -> None:
        super().__init__(tool, streams=streams, features=features, door=door)
        self._farewells: set[asyncio.Task[None]] = set()

    async def complete(self, request: Any) -> Any:
        """As ``HostEngine.complete``."""
        run, types = self.here()
        with translated(types, run, self.tool):
            data = {"op": "complete", "request": request_data(request, types)}
            return self.response(await run.acall_tool(self.tool, data), request, types)

    async def stream(self, request: Any) -> AsyncIterator[Any]:
        """As ``HostEngine.stream``."""
        run, types = self.here()
        if not self.streams:
            for event in types.response_to_events(await self.complete(request)):
                yield event
            return
        exchange = Exchange(request, types)
        answer: Any = None
        with translated(types, run, self.tool), self._ending(exchange, run):
            while (step := exchange.step(answer)) is not None:
                answer = None
                if isinstance(step, Ask):
                    answer = await run.acall_tool(self.tool, step.args)
                elif isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                else:
                    yield step

    async def aclose(self) -> None:
        """Nothing is open."""

    @contextmanager
    def _ending(self, exchange: Exchange, run: Run) -> Iterator[None]:
        try:
            yield
        finally:
            if exchange.open_stream is not None:
                # Beside the call, which may have been cancelled and must not wait for the host.
                farewell = asyncio.get_running_loop().create_task(
                    self.cancel(run, exchange.open_stream, CANCEL_S), context=_outside()
                )
                self._farewells.add(farewell)
                farewell.add_done_callback(self._farewells.discard)


def host_engines(
    tool: str,
    *,
    streams: bool = False,
    features: Collection[str] = (),
    door: DSPyDoor | None = None,
) -> tuple[HostEngine, AsyncHostEngine]:
    """An engine for threads and its twin for loops, as ``dspy.LM`` takes them.

    Args:
        tool: The host's tool that answers.
        streams: Whether it can answer in pieces.
        features: Which of ``FEATURES`` it has; none by default.
        door: The way to DSPy.

    Raises:
        InvalidArgumentError: A feature is unknown.
    """
    return (
        HostEngine(tool, streams=streams, features=features, door=door),
        AsyncHostEngine(tool, streams=streams, features=features, door=door),
    )


def _outside() -> Context:
    """This context without the command, which has ended or will at once."""
    context = copy_context()
    context.run(current_execution.set, None)
    return context
