"""The caller's end of the gRPC transport."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

from snakepit_bridge.errors import BridgeError, HostUnavailableError, WrongCallError
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc.blob_wire import reading, writing
from snakepit_bridge.grpc.call_errors import error_of, told_error
from snakepit_bridge.grpc.codec import reply_from, request_from
from snakepit_bridge.grpc.listen import MAX_MESSAGE_BYTES, is_loopback
from snakepit_bridge.grpc.transfer_calls import TransferCalls
from snakepit_bridge.grpc.transfers import CHUNK_BYTES, CHUNK_MARGIN

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence

    from snakepit_bridge.grpc.client_tls import ClientTls
    from snakepit_bridge.transport.envelope import Envelope, Reply
    from snakepit_bridge.values.blob import Data

GRPC_SCHEMES = ("dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:", "vsock:", "xds:")
"""What a target may begin with instead of a host, as gRPC documents it."""

SERVICE_PATH = "/" + pb.DESCRIPTOR.services_by_name["SnakepitBridge"].full_name

GRACE_S = 0.5
"""The bridge answers a late command itself, saying what became of its code; so the call waits this
much longer than the command may take."""

LONGEST_CALL_S = 2**31 / 1000
"""What ``timeout_ms`` of the request can say, 24 days; far beyond it gRPC overflows."""

FIRST_RECONNECT_MS = 100
LAST_RECONNECT_MS = 2000
"""Pause before the first attempt to connect again, and the longest; gRPC's own two minutes would
let calls fail long after the bridge has come back."""


@asynccontextmanager
async def grpc_connection(
    target: str,
    *,
    tls: ClientTls | None = None,
    token: str | None = None,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
) -> AsyncIterator[GrpcConnection]:
    """A connection to a bridge that lives as long as the block; it connects with the first call.

    Args:
        target: ``"127.0.0.1:50051"``, ``"unix:/run/bridge.sock"`` or any other gRPC target.
        tls: For a server with TLS; none for one without.
        token: One of the server's tokens, if it wants one.
        max_message_bytes: The largest answer to accept, and request to send.

    Raises:
        ValueError: A file of ``tls`` cannot be read, or is no PEM; names it.
    """
    check_target(target)
    channel = _new_channel(target, tls, max_message_bytes)
    headers = (("authorization", f"Bearer {token}"),) if token else ()
    try:
        chunk_bytes = min(CHUNK_BYTES, max_message_bytes - CHUNK_MARGIN)
        connection = GrpcConnection(channel, target, headers, chunk_bytes=chunk_bytes)
        try:
            yield connection
        finally:
            await connection.settle()
    finally:
        await channel.close()


class GrpcConnection:
    """Sends envelopes over one channel; see ``grpc_connection``, which opens and closes it."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        target: str,
        headers: Sequence[tuple[str, str]],
        *,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._channel = channel
        self._target = target
        self._headers = tuple(headers)
        self._execute: Any = channel.unary_unary(
            f"{SERVICE_PATH}/Execute",
            request_serializer=writing,
            response_deserializer=reading(pb.ExecuteResponse),
        )
        self._execute_stream: Any = channel.unary_stream(
            f"{SERVICE_PATH}/ExecuteStream",
            request_serializer=writing,
            response_deserializer=reading(pb.StreamResponse),
        )
        self._transfers = TransferCalls(
            channel, self._headers, chunk_bytes=chunk_bytes, errors=self._errors_of
        )

    async def wait_ready(self) -> None:
        """Return once the server can be reached."""
        try:
            await self._channel.channel_ready()
        except grpc.aio.UsageError as error:
            raise self._closed() from error

    async def call(self, envelope: Envelope) -> Reply:
        """Send a command and wait for its one reply."""
        call = self._begin(self._execute, envelope)
        try:
            return _reply(await call, envelope)
        except grpc.aio.AioRpcError as error:
            self._raise(error, envelope)
        except asyncio.CancelledError:
            if call.cancelled() and not _being_cancelled():
                self._raise_closed(envelope.command)
            raise
        finally:
            # A call that nobody ends is never collected (grpc#43462); an ended one ignores this.
            call.cancel()

    async def stream(self, envelope: Envelope) -> AsyncGenerator[Reply, None]:
        """Send a command and yield its replies up to the final one."""
        call = self._begin(self._execute_stream, envelope)
        try:
            async for message in call:
                yield _reply(message, envelope)
        except grpc.aio.AioRpcError as error:
            self._raise(error, envelope)
        except asyncio.CancelledError:
            if call.cancelled() and not _being_cancelled():
                self._raise_closed(envelope.command)
            raise
        finally:
            call.cancel()

    async def upload(self, data: Data) -> str:
        """Bring data that are too large for a message; a broken connection is tried again.

        Returns:
            The handle under which the bridge keeps them for a while.

        Raises:
            QuotaExceededError: It has no room.
            HostUnavailableError: It cannot be reached, not even after a while.
        """
        return await self._transfers.upload(data)

    async def download(self, handle: str, offset: int = 0) -> memoryview:
        """Fetch what the bridge keeps under a handle; a broken connection is tried again.

        Args:
            handle: Of the data.
            offset: Bytes at their beginning to leave out.

        Raises:
            BlobNotFoundError: Nothing has the handle.
            HostUnavailableError: The bridge cannot be reached, not even after a while.
        """
        return await self._transfers.download(handle, offset)

    async def settle(self) -> None:
        """Wait until the bridge has removed what broken uploads have left there; briefly."""
        await self._transfers.settle()

    @contextmanager
    def _errors_of(self, name: str) -> Iterator[None]:
        try:
            yield
        except grpc.aio.AioRpcError as error:
            raise told_error(error) or error_of(error, self._target, name) from error
        except grpc.aio.UsageError as error:
            raise self._closed() from error
        except asyncio.CancelledError:
            # Nobody cancelled this, but closing the channel ends its calls.
            if not _being_cancelled():
                self._raise_closed(name)
            raise

    def _begin(self, rpc: Callable[..., Any], envelope: Envelope) -> Any:
        try:
            return rpc(
                request_from(envelope),
                timeout=_call_timeout_s(envelope),
                metadata=(*self._headers, *envelope.trace_context.items()),
            )
        except grpc.aio.UsageError as error:
            raise self._closed() from error

    def _closed(self) -> WrongCallError:
        hint = "Use it inside the block that opened it."
        return WrongCallError(f"The connection to {self._target} is closed.", {"hint": hint})

    def _raise(self, error: grpc.aio.AioRpcError, envelope: Envelope) -> NoReturn:
        raise error_of(error, self._target, envelope.command) from error

    def _raise_closed(self, command: str) -> NoReturn:
        text = f"The connection to {self._target} was closed while {command!r} ran."
        raise HostUnavailableError(text, {"target": self._target})


def _reply(answer: Any, envelope: Envelope) -> Reply:
    if isinstance(answer, DecodeError):
        text = f"The answer to {envelope.command!r} cannot be read: {answer}."
        raise BridgeError(text, {"command": envelope.command}) from answer
    return reply_from(answer)


def _new_channel(target: str, tls: ClientTls | None, max_message_bytes: int) -> grpc.aio.Channel:
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.initial_reconnect_backoff_ms", FIRST_RECONNECT_MS),
        ("grpc.max_reconnect_backoff_ms", LAST_RECONNECT_MS),
    ]
    if _stays_here(target):
        # Or gRPC would ask the proxy of the environment for a server of this machine.
        options.append(("grpc.enable_http_proxy", 0))
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    if tls.server_name is not None:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return grpc.aio.secure_channel(target, tls.credentials(), options=options)


def check_target(target: str) -> None:
    """Refuse what gRPC would quietly take for something else: it wraps ports, and adds 443.

    Raises:
        ValueError: The target is neither ``HOST:PORT`` nor has a scheme of gRPC's.
    """
    if isinstance(target, str):
        if target.startswith(GRPC_SCHEMES):
            return
        host, _, port = target.rpartition(":")
        if host and "/" not in host and port.isdecimal() and 0 < int(port) < 2**16:
            return
    text = f"{target!r} is no target: write HOST:PORT, e.g. 127.0.0.1:50051, or unix:PATH"
    raise ValueError(text)


def _stays_here(target: str) -> bool:
    return target.startswith("unix:") or is_loopback(target.rpartition(":")[0])


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _call_timeout_s(envelope: Envelope) -> float | None:
    if envelope.timeout_s is None:
        return None
    return min(envelope.timeout_s, LONGEST_CALL_S) + GRACE_S
