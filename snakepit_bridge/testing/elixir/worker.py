"""A worker as a slot of Elixir's pool knows it: its process, its connection, its state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any, TypeVar

import grpc

from snakepit_bridge.clock import Clock
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.answers import ElixirError
from snakepit_bridge.testing.elixir.journal import Journal
from snakepit_bridge.testing.elixir.link import WorkerAddress, WorkerLink, worker_link
from snakepit_bridge.testing.elixir.process import GRACE_S, Termination, WorkerProcess
from snakepit_bridge.testing.elixir.telemetry import AcceptedEvent, DroppedEvent, judged
from snakepit_bridge.testing.elixir.tool_call import ToolCall
from snakepit_bridge.testing.elixir.transcript import Transcript
from snakepit_bridge.testing.elixir.vigil import (
    Rhythm,
    TelemetryStream,
    health_checks,
    heartbeats,
)

_T = TypeVar("_T")

EXIT_NOTICE_S = 1.0
"""How much later than its connection a process may end, and be blamed for it."""


class ElixirWorker:
    """One worker. All of it runs on the loop of the host.

    Args:
        address: Where it listens, and its names.
        process: Its process; ``None`` when Elixir did not start it.
    """

    def __init__(self, address: WorkerAddress, process: WorkerProcess | None) -> None:
        self.address = address
        self.process = process
        self.states: Journal[str] = Journal("state")
        """``"ready"``, ``"telemetry open"``, ``"telemetry ended: STATUS"``, ``"dead: REASON"``."""
        self.events: Journal[AcceptedEvent] = Journal("event")
        self.dropped_events: Journal[DroppedEvent] = Journal("dropped event")
        self.dead = ""
        """Why the slot takes no more calls; empty while it does."""
        self.link: WorkerLink
        self.telemetry: TelemetryStream
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ending: asyncio.Task[Termination] | None = None
        self._resources = AsyncExitStack()

    async def connect(self, transcript: Transcript, clock: Clock, rhythm: Rhythm) -> None:
        """Say what Elixir says first, in its order, then begin to watch.

        Raises:
            ElixirError: The worker does not answer.
        """
        link = worker_link(self.address, transcript, clock)
        self.link = await self._resources.enter_async_context(link)
        await self.link.greet()
        self.telemetry = TelemetryStream(self.link, rhythm.telemetry_deadline_s)
        self.link.on_connection_lost = self.telemetry.drop
        self._begin(self._listen_to_telemetry())
        if rhythm.heartbeat.enabled:
            self._begin(heartbeats(self.link, rhythm.heartbeat, clock, self._lost))
        self._begin(health_checks(self.link, rhythm.health_check_s, self._lost))
        if self.process is not None:
            self._begin(self._watch(self.process))
        self.states.append("ready")

    # --- calls ----------------------------------------------------------------------------------

    async def execute_tool(self, tool: str, args: Mapping[str, Any], **options: Any) -> Any:
        """Run a tool; ``options`` are those of ``ToolCall``.

        Raises:
            ElixirError: Whatever went wrong.
        """
        call = ToolCall(tool=tool, args=args, **options)
        return await self._unless_over(self.link.execute(call))

    async def stream_chunks(
        self,
        tool: str,
        args: Mapping[str, Any],
        *,
        turn_over: asyncio.Event | None = None,
        **options: Any,
    ) -> AsyncGenerator[pb.ToolChunk]:
        """Run a streaming tool and yield its chunks; ``options`` are those of ``ToolCall``.

        Raises:
            ElixirError: Whatever went wrong.
        """
        self._check_alive()
        call = ToolCall(tool=tool, args=args, **options)
        try:
            async with aclosing(self.link.stream(call, turn_over)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ElixirError as error:
            raise await self._blamed(error) from error

    async def _unless_over(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            self._check_alive()
        except ElixirError:
            work.close()
            raise
        task = asyncio.create_task(work)
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise _shutting_down()
            return task.result()
        except ElixirError as error:
            raise await self._blamed(error) from error
        finally:
            over.cancel()
            task.cancel()

    def _check_alive(self) -> None:
        if self.dead:
            text = f"Worker not found: {self.address.worker_id}"
            raise ElixirError("worker_not_found", text)

    async def _blamed(self, error: ElixirError) -> ElixirError:
        """The error itself; unless it is only how the end of the process showed first."""
        if error.status is grpc.StatusCode.UNAVAILABLE and self.process is not None:
            try:
                async with asyncio.timeout(EXIT_NOTICE_S):
                    await self._over.wait()
            except TimeoutError:
                return error
            return _shutting_down()
        return error

    # --- life -----------------------------------------------------------------------------------

    async def terminate(self, grace_s: float = GRACE_S) -> Termination:
        """End the process as Elixir does when it shuts down.

        Raises:
            RuntimeError: Elixir did not start it.
        """
        if self.process is None:
            text = f"{self.address.worker_id} was not started here, so it is not ended here"
            raise RuntimeError(text)
        self._die("terminated")
        return await self.process.terminate(grace_s=grace_s)

    async def close(self, grace_s: float = GRACE_S) -> None:
        """End the process if there is one, and all that is done for it."""
        self._die("closed")
        if self.process is not None:
            await self.process.terminate(grace_s=grace_s)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._resources.aclose()

    def _lost(self, reason: str) -> None:
        self._die(reason)
        if self.process is not None:
            self._ending = asyncio.create_task(self.process.terminate())

    def _die(self, reason: str) -> None:
        if not self.dead:
            self.dead = reason
            self.states.append(f"dead: {reason}")
        self._over.set()

    async def _watch(self, process: WorkerProcess) -> None:
        self._die(f"exit {await process.end()}")

    async def _listen_to_telemetry(self) -> None:
        await self.telemetry.run(lambda: self.states.append("telemetry open"), self._take_event)
        self.states.append(f"telemetry ended: {self.telemetry.ended_with}")

    def _take_event(self, event: pb.TelemetryEvent) -> None:
        worker_id = self.address.worker_id
        about_worker = {
            "node": "nonode@nohost",
            "worker_id": worker_id,
            "pool_name": worker_id.partition("_worker_")[0],
            "python_pid": self.process.pid if self.process is not None else None,
        }
        taken = judged(event, about_worker)
        if isinstance(taken, DroppedEvent):
            self.dropped_events.append(taken)
        else:
            self.events.append(taken)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _shutting_down() -> ElixirError:
    return ElixirError("worker_exit", "Worker shutting down")
