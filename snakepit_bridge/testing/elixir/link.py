"""Elixir's connection to one worker: what it says first, what it asks later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc

from snakepit_bridge.clock import Clock
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub
from snakepit_bridge.testing.elixir.answers import ElixirError, status_error, unary_result
from snakepit_bridge.testing.elixir.tool_call import ToolCall
from snakepit_bridge.testing.elixir.transcript import CallRecorder, Transcript

if TYPE_CHECKING:
    from google.protobuf.message import Message

MAX_HEADER_BYTES = 32 * 1024
"""What Elixir's HTTP/2 client takes of headers; more, and it drops the whole connection."""

PING_TRIES = 5
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.5

ANSWER_S = 10.0
"""How long the first calls may take."""

_WORTH_ANOTHER_TRY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}

_OPTIONS = (
    # Elixir's client has no limit for messages.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", MAX_HEADER_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_HEADER_BYTES),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 1_000),
)

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerAddress:
    """Whom to talk to, about which session."""

    port: int
    worker_id: str
    session_id: str


class WorkerLink:
    """Calls one worker. All of it runs on the loop that opened it; see ``worker_link``.

    Args:
        address: The worker.
        channel: Leads there.
        transcript: Where calls are written down.
        clock: Tells when the session begins.
    """

    def __init__(
        self,
        address: WorkerAddress,
        channel: grpc.aio.Channel,
        transcript: Transcript,
        clock: Clock,
    ) -> None:
        self.address = address
        self.stub = BridgeServiceStub(channel)
        self.on_connection_lost: Callable[[], None] = lambda: None
        """Called when an answer's headers made Elixir's client drop the connection."""
        self._transcript = transcript
        self._clock = clock
        self._turn = asyncio.Lock()

    # --- the first calls ------------------------------------------------------------------------

    async def greet(self) -> None:
        """Ping until the worker answers, then begin its session.

        Raises:
            ElixirError: It does not answer.
        """
        pause_s = FIRST_PAUSE_S
        for left in reversed(range(PING_TRIES)):
            try:
                await self.call("Ping", pb.PingRequest(message="connection_test"), ANSWER_S)
                break
            except grpc.aio.AioRpcError as error:
                if not left or error.code() not in _WORTH_ANOTHER_TRY:
                    raise _failure(error, of_stream=False) from error
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        request = pb.InitializeSessionRequest(
            session_id=self.address.session_id,
            metadata={
                "elixir_node": "nonode@nohost",
                "initialized_at": self._clock.now().isoformat().replace("+00:00", "Z"),
            },
            config=pb.SessionConfig(
                enable_caching=True, cache_ttl_seconds=60, enable_telemetry=False
            ),
        )
        with suppress(grpc.aio.AioRpcError):  # Elixir goes on without
            await self.call("InitializeSession", request, ANSWER_S)

    async def call(
        self, rpc: str, request: Message, timeout_s: float, headers: Headers = ()
    ) -> Any:
        """Call a unary RPC, and write it down.

        Raises:
            grpc.aio.AioRpcError: It ended with a status.
        """
        record = self.recorder(rpc)
        record.request(request, dict(headers))
        method = getattr(self.stub, rpc)
        with _status_recorded(record):
            answer = await method(request, timeout=timeout_s, metadata=headers)
        record.answer(answer)
        return answer

    def recorder(self, rpc: str) -> CallRecorder:
        """Begin to write down a call."""
        return self._transcript.call("to_worker", rpc, self.address.worker_id)

    # --- tools ----------------------------------------------------------------------------------

    async def execute(self, call: ToolCall) -> Any:
        """Run a tool and return what Elixir makes of its answer.

        Raises:
            ElixirError: Whatever went wrong.
        """
        request, headers = call.request(self.address.session_id, stream=False)
        async with self._in_turn(call):
            try:
                deadline_s = call.deadline_s(stream=False)
                answer = await self.call("ExecuteTool", request, deadline_s, headers)
            except grpc.aio.AioRpcError as error:
                raise self._failed(error, of_stream=False) from error
        return unary_result(answer)

    async def stream(
        self, call: ToolCall, on_turn_over: asyncio.Event | None = None
    ) -> AsyncGenerator[pb.ToolChunk]:
        """Run a streaming tool and yield its chunks; leaving the iterator cancels the call.

        Args:
            call: What to run.
            on_turn_over: Set it, and the next call may go out while this one still runs.

        Raises:
            ElixirError: Whatever went wrong.
        """
        request, headers = call.request(self.address.session_id, stream=True)
        deadline_s = call.deadline_s(stream=True)
        async with (
            self._in_turn(call, on_turn_over),
            aclosing(self._chunks(request, deadline_s, headers)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def _chunks(
        self, request: pb.ExecuteToolRequest, timeout_s: float, headers: Headers
    ) -> AsyncGenerator[pb.ToolChunk]:
        record = self.recorder("ExecuteStreamingTool")
        record.request(request, dict(headers))
        answers = self.stub.ExecuteStreamingTool(request, timeout=timeout_s, metadata=headers)
        try:
            with _status_recorded(record):
                async for chunk in answers:
                    record.item(chunk)
                    yield chunk
        except grpc.aio.AioRpcError as error:
            raise self._failed(error, of_stream=True) from error
        finally:
            answers.cancel()

    @asynccontextmanager
    async def _in_turn(
        self, call: ToolCall, on_turn_over: asyncio.Event | None = None
    ) -> AsyncIterator[None]:
        """Hold the worker's only place while the block runs, or until the event is set."""
        if call.concurrent:
            yield
            return
        await self._turn.acquire()
        over = on_turn_over or asyncio.Event()
        giving_back = asyncio.ensure_future(self._give_back(over))
        try:
            yield
        finally:
            over.set()
            await asyncio.shield(giving_back)

    async def _give_back(self, over: asyncio.Event) -> None:
        try:
            await over.wait()
        finally:
            self._turn.release()

    def _failed(self, error: grpc.aio.AioRpcError, *, of_stream: bool) -> ElixirError:
        failure = _failure(error, of_stream=of_stream)
        if failure.kind == "connection_lost":
            self.on_connection_lost()
        return failure


@asynccontextmanager
async def worker_link(
    address: WorkerAddress, transcript: Transcript, clock: Clock
) -> AsyncIterator[WorkerLink]:
    """A connection that lasts as long as the block."""
    target = f"localhost:{address.port}"
    async with grpc.aio.insecure_channel(target, options=_OPTIONS) as channel:
        yield WorkerLink(address, channel, transcript, clock)


@contextmanager
def _status_recorded(record: CallRecorder) -> Iterator[None]:
    try:
        yield
    except grpc.aio.AioRpcError as error:
        record.status(error.code().name, error.details() or "")
        raise


def _failure(error: grpc.aio.AioRpcError, *, of_stream: bool) -> ElixirError:
    details = error.details() or ""
    # grpcio refuses such headers, Erlang's client hangs up with `enhance_your_calm`.
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "metadata" in details.lower():
        return ElixirError("connection_lost", "enhance_your_calm", status=error.code())
    return status_error(error.code(), details, of_stream=of_stream)
