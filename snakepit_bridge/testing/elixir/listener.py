"""Elixir's gRPC listener: it records calls, then has them answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.faults import Faults, RpcFailure
from snakepit_bridge.testing.elixir.journal import Journal
from snakepit_bridge.testing.elixir.transcript import CallRecorder, Transcript

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = pb.DESCRIPTOR.services_by_name["BridgeService"]

_OPTIONS = (
    ("grpc.so_reuseport", 0),
    # Erlang's HTTP/2 server has no limit of its own.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)

Headers = Mapping[str, str | bytes]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that came to Elixir."""

    rpc: str
    request: Any
    metadata: Headers
    """Its headers."""

    deadline_s: float | None
    """Seconds it had left when it arrived; ``None`` means no limit."""

    peer: str


Serve = Callable[[Any, Headers], Awaitable[Any]]
"""Answers one request; raises ``RpcFailure`` to end the call with a status."""

ServeStream = Callable[[Any, Headers], AsyncIterator[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What is served, by the name of the RPC; all others are UNIMPLEMENTED."""

    unary: Mapping[str, Serve]
    streams: Mapping[str, ServeStream]


class Listener:
    """A server that can be gone for a while.

    Args:
        services: What is served.
        faults: What goes wrong.
        calls: Where calls are noted as they arrive.
        transcript: Where they are written down.
        worker_of: The id of the worker that has a session.
    """

    def __init__(
        self,
        services: Services,
        faults: Faults,
        calls: Journal[Call],
        transcript: Transcript,
        worker_of: Callable[[str], str | None],
    ) -> None:
        self._services = services
        self._faults = faults
        self._calls = calls
        self._transcript = transcript
        self._worker_of = worker_of
        self._server: grpc.aio.Server | None = None
        self.port = 0
        """The bound port; stays the same once it was bound."""

    async def listen(self) -> None:
        """Listen on the loopback, again on the same port if there was one."""
        if self._server is not None:
            return
        server = grpc.aio.server(options=_OPTIONS)
        handlers = {
            **{rpc: self._unary(rpc, serve) for rpc, serve in self._services.unary.items()},
            **{rpc: self._stream(rpc, serve) for rpc, serve in self._services.streams.items()},
        }
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE.full_name, handlers),)
        )
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """Be gone at once; calls under way are cut off."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(None)

    # --- one call -------------------------------------------------------------------------------

    def _unary(self, rpc: str, serve: Serve) -> grpc.RpcMethodHandler[Any, Any]:
        async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            headers, record = self._arrived(rpc, request, context)
            try:
                with _statuses_recorded(record):
                    await self._faults.before(rpc)
                    response = await serve(request, headers)
            except RpcFailure as failure:
                await context.abort(failure.status, failure.text)
            record.answer(response)
            return response

        return grpc.unary_unary_rpc_method_handler(answer, **_serialisers(rpc))

    def _stream(self, rpc: str, serve: ServeStream) -> grpc.RpcMethodHandler[Any, Any]:
        async def answer(
            request: Any, context: grpc.aio.ServicerContext[Any, Any]
        ) -> AsyncIterator[Any]:
            headers, record = self._arrived(rpc, request, context)
            try:
                with _statuses_recorded(record):
                    await self._faults.before(rpc)
                    async for item in serve(request, headers):
                        record.item(item)
                        yield item
            except RpcFailure as failure:
                await context.abort(failure.status, failure.text)

        return grpc.unary_stream_rpc_method_handler(answer, **_serialisers(rpc))

    def _arrived(
        self, rpc: str, request: Any, context: grpc.aio.ServicerContext[Any, Any]
    ) -> tuple[Headers, CallRecorder]:
        headers = {key: value for key, value in context.invocation_metadata() or ()}  # noqa: C416
        worker = self._worker_of(getattr(request, "session_id", ""))
        record = self._transcript.call("to_elixir", rpc, worker)
        record.request(request, headers)
        self._calls.append(Call(rpc, request, headers, context.time_remaining(), context.peer()))
        return headers, record


@contextmanager
def _statuses_recorded(record: CallRecorder) -> Iterator[None]:
    try:
        yield
    except RpcFailure as failure:
        record.status(failure.status.name, failure.text)
        raise


def _serialisers(rpc: str) -> dict[str, Any]:
    method = SERVICE.methods_by_name[rpc]
    return {
        "request_deserializer": getattr(pb, method.input_type.name).FromString,
        "response_serializer": lambda message: message.SerializeToString(),
    }
