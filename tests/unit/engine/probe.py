"""An execution of any code, with a count of how often its end was told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import suppress
from typing import Any

from snakepit_bridge.clock import Clock, SystemClock
from snakepit_bridge.engine import Engine, Execution, Job, Load


class Probe:
    """Wraps code for an engine.

    Args:
        code: What the execution runs; it is given the execution.
        streams: As in ``Job``.
        runs_on_loop: As in ``Job``.
        timeout_s: Seconds from now to the deadline.
        args: As in ``Job``.
        metadata: As in ``Job``.
        clock: The machine's own by default.
    """

    def __init__(  # noqa: PLR0913  (what an execution can have)
        self,
        code: Callable[[Execution], Any],
        *,
        streams: bool = False,
        runs_on_loop: bool = False,
        timeout_s: float | None = None,
        args: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        job = Job(
            session_id="s",
            command="probe.run",
            args=args or {},
            metadata=metadata or {},
            streams=streams,
            runs_on_loop=runs_on_loop,
            deadline=None if timeout_s is None else clock.monotonic() + timeout_s,
            trace_context={},
        )
        self.ends = 0
        self.execution = Execution(job, code, clock=clock, on_end=self.end_told)

    def end_told(self) -> None:
        """What the execution calls at its end."""
        self.ends += 1


async def settled(engine: Engine) -> None:
    """Return once nothing runs any more."""
    await busy(engine, in_flight=0)


async def busy(engine: Engine, *, in_flight: int, queued: int = 0, abandoned: int = 0) -> None:
    """Return once the engine is as busy as this; nothing tells of it, so the loop turns."""
    wanted = Load(in_flight=in_flight, queued=queued, abandoned=abandoned)
    async with asyncio.timeout(5):
        while engine.load() != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0)


class _Kinds:
    """Code in its four kinds; one object serves one execution."""

    def on_thread(self, execution: Execution) -> str:
        raise NotImplementedError

    async def on_loop(self, execution: Execution) -> str:
        raise NotImplementedError

    def items_on_thread(self, execution: Execution) -> Generator[str, None, None]:
        yield self.on_thread(execution)

    async def items_on_loop(self, execution: Execution) -> AsyncGenerator[str, None]:
        yield await self.on_loop(execution)

    def probe(
        self, *, on_loop: bool, streams: bool = False, timeout_s: float | None = None
    ) -> Probe:
        kinds: dict[tuple[bool, bool], Callable[[Execution], Any]] = {
            (False, False): self.on_thread,
            (True, False): self.on_loop,
            (False, True): self.items_on_thread,
            (True, True): self.items_on_loop,
        }
        code = kinds[on_loop, streams]
        return Probe(code, streams=streams, runs_on_loop=on_loop, timeout_s=timeout_s)


class Held(_Kinds):
    """Code that runs until it is let go, whatever it is asked."""

    def __init__(self) -> None:
        self._let_go = threading.Event()

    def let_go(self) -> None:
        self._let_go.set()

    def on_thread(self, execution: Execution) -> str:
        assert self._let_go.wait(5)
        return "held"

    async def on_loop(self, execution: Execution) -> str:
        while not self._let_go.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.to_thread(self._let_go.wait, 5)
        return "held"


class Listening(_Kinds):
    """Code that runs until it is asked to end, and then cleans up."""

    def __init__(self) -> None:
        self.cleaned_up = False

    def on_thread(self, execution: Execution) -> str:
        asked = threading.Event()
        execution.on_cancel(asked.set)
        assert asked.wait(5)
        self.cleaned_up = True
        return "stopped"

    async def on_loop(self, execution: Execution) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.cleaned_up = True
        raise AssertionError
