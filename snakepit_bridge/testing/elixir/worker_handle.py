"""A worker in the hands of a test."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from snakepit_bridge.engine.loop_thread import LoopThread
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.journal import Journal
from snakepit_bridge.testing.elixir.output import OutputTail
from snakepit_bridge.testing.elixir.process import GRACE_S, Termination, WorkerProcess
from snakepit_bridge.testing.elixir.stream import Chunks, ElixirStream
from snakepit_bridge.testing.elixir.telemetry import AcceptedEvent, DroppedEvent
from snakepit_bridge.testing.elixir.tool_call import ToolCall
from snakepit_bridge.testing.elixir.transcript import Record, Transcript
from snakepit_bridge.testing.elixir.worker import ElixirWorker

if TYPE_CHECKING:
    from google.protobuf.message import Message


class FakeWorkerHandle:
    """Calls a worker as Elixir calls it, and watches it. Every method may block.

    Args:
        thread: The loop of the host.
        worker: The worker, on that loop.
        transcript: What has travelled.
    """

    def __init__(self, thread: LoopThread, worker: ElixirWorker, transcript: Transcript) -> None:
        self._thread = thread
        self._worker = worker
        self._transcript = transcript
        self.worker_id = worker.address.worker_id
        """Its name in the pool, e.g. ``"default_worker_1_67"``."""
        self.session_id = worker.address.session_id
        """The session of all its calls."""
        self.port = worker.address.port
        self.states: Journal[str] = worker.states
        """``"ready"``, ``"telemetry open"``, ``"telemetry ended: STATUS"``, ``"dead: REASON"``."""
        self.events: Journal[AcceptedEvent] = worker.events
        """Its telemetry, as far as Elixir takes it."""
        self.dropped_events: Journal[DroppedEvent] = worker.dropped_events
        """Its telemetry that nobody in Elixir hears of."""

    # --- calls ----------------------------------------------------------------------------------

    def execute(self, tool: str, args: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Run a tool: ``Snakepit.execute``; waits for its turn, one call at a time.

        Args:
            tool: Its name.
            args: Its arguments; ``json_rules.encoded`` says what stands for what of Elixir.
            options: Of ``ToolCall``: ``timeout_s``, ``binary_parameters``, ``thread_sensitive``,
                ``correlation_id``, ``metadata``, ``concurrent``.

        Returns:
            What Elixir decodes; a ``Binary`` where it has ``{:binary, …}``.

        Raises:
            ElixirError: What Elixir has as ``{:error, reason}``.
        """
        return self.submit(tool, args, **options).result()

    def submit(
        self, tool: str, args: Mapping[str, Any] | None = None, **options: Any
    ) -> Future[Any]:
        """As ``execute``, without waiting; cancelling the future cancels the call."""
        return self._thread.start(self._worker.execute_tool(tool, args or {}, **options))

    def stream(
        self, tool: str, args: Mapping[str, Any] | None = None, **options: Any
    ) -> ElixirStream:
        """Run a streaming tool: ``Snakepit.execute_stream``; arguments as of ``execute``."""
        call = ToolCall(tool=tool, args=args or {}, **options)

        def chunks(turn_over: asyncio.Event) -> Chunks:
            return self._worker.stream_chunks(tool, call.args, turn_over=turn_over, **options)

        return ElixirStream(self._thread, chunks, call.deadline_s(stream=True))

    def call(self, rpc: str, request: Message, *, timeout_s: float = 10.0) -> Any:
        """Call any unary RPC, also those Elixir never calls.

        Raises:
            grpc.aio.AioRpcError: It ended with a status.
        """
        return self._thread.start(self._worker.link.call(rpc, request, timeout_s)).result()

    def control_telemetry(self, message: pb.TelemetryControl) -> None:
        """Send a control message on the stream of telemetry.

        Raises:
            asyncio.InvalidStateError: The stream has ended.
        """
        self._thread.start(self._worker.telemetry.control(message)).result(2.0)

    # --- life -----------------------------------------------------------------------------------

    @property
    def dead(self) -> str:
        """Why its slot takes no more calls; empty while it does."""
        return self._worker.dead

    def wait_until_dead(self, *, timeout_s: float = 5.0) -> str:
        """Block until its slot takes no more calls; returns why.

        Raises:
            TimeoutError: It still does.
        """
        self.states.wait_for(lambda state: state.startswith("dead: "), timeout_s=timeout_s)
        return self.dead

    def terminate(self, *, grace_s: float = GRACE_S) -> Termination:
        """SIGTERM to its group, and SIGKILL after ``grace_s`` seconds; tells which was needed."""
        return self._thread.start(self._worker.terminate(grace_s)).result()

    def kill(self) -> int:
        """SIGKILL, as it is sent from outside; returns the exit code."""
        return self._thread.start(self._process.kill()).result()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to its group."""

        async def send() -> None:
            self._process.signal(number)

        self._thread.start(send()).result()

    def wait_for_exit(self, *, timeout_s: float = 5.0) -> int:
        """Block until its process has ended; returns the exit code.

        Raises:
            TimeoutError: It still runs.
        """
        return self._thread.start(self._process.end()).result(timeout_s)

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How its process ended, negative for a signal; ``None`` while it runs."""
        return self._process.exit_code

    @property
    def command_line(self) -> Sequence[str]:
        """What it was started with."""
        return self._process.spawned.command_line

    @property
    def environment(self) -> Mapping[str, str]:
        """All its variables."""
        return self._process.spawned.environment

    @property
    def output(self) -> OutputTail:
        """The last 4096 bytes it printed."""
        return self._process.output

    @property
    def transcript(self) -> list[Record]:
        """What has travelled between it and Elixir, until now."""
        return self._transcript.of_worker(self.worker_id)

    @property
    def _process(self) -> WorkerProcess:
        if self._worker.process is None:
            text = f"{self.worker_id} was not started here, so its process is not known"
            raise RuntimeError(text)
        return self._worker.process
