"""The channel to the host: every call on its way there, from threads and from any loop."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import grpc
import msgspec

from snakepit_bridge.errors import WrongCallError
from snakepit_bridge.grpc import host_errors
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub
from snakepit_bridge.grpc.host_attempt import Attempt, RpcFuture
from snakepit_bridge.session.context import current_execution
from snakepit_bridge.telemetry.correlation import CORRELATION_HEADER, get_correlation_id
from snakepit_bridge.telemetry.propagation import current_headers

if TYPE_CHECKING:
    from snakepit_bridge.errors import BridgeError
    from snakepit_bridge.grpc.host_calls import Headers, HostCall
    from snakepit_bridge.session.context import CommandUnderWay

TIMER_SLACK_S = 0.05
"""gRPC's timers may be this much early, compared with the clock of the command."""

_HEADER_NAME = re.compile(r"[0-9a-z_.-]+")

_MOST_BYTES = 2**31 - 1
"""gRPC counts with 32 bits."""

_OPTIONS = (
    # A host that restarts is found again within half a second: before a heartbeat is missed, and
    # without hammering it while it is down.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # in spite of its name: the time for one attempt
    # Half-open connections end after 20 s without an acknowledgement; on Linux this limit comes
    # with keepalive. Pings more often than every five minutes make many servers hang up.
    ("grpc.keepalive_time_ms", 330_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Two clients in one process do not share a connection, nor its misfortunes.
    ("grpc.use_local_subchannel_pool", 1),
    # The host is next door; a proxy of the environment would only lose the way.
    ("grpc.enable_http_proxy", 0),
)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how large calls may be."""

    default_timeout_s: float
    connect_timeout_s: float
    max_message_bytes: int

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than 0.")
        if self.max_message_bytes > _MOST_BYTES:
            raise ValueError(f"max_message_bytes must be at most {_MOST_BYTES}.")


def open_channel(
    address: str, limits: Limits, credentials: grpc.ChannelCredentials | None
) -> grpc.Channel:
    """A channel that connects with its first call."""
    options = [
        *_OPTIONS,
        ("grpc.max_send_message_length", limits.max_message_bytes),
        ("grpc.max_receive_message_length", limits.max_message_bytes),
    ]
    if credentials is None:
        return grpc.insecure_channel(address, options=options)
    return grpc.secure_channel(address, credentials, options=options)


class HostLink:
    """Sends calls over one channel.

    A call waits for a connection, so one that ends as unreachable has never left. It ends with its
    command: at the deadline, or when the command is cancelled.

    Args:
        channel: Closed together with the link.
        address: What people call the other end.
        limits: For all calls.
        metadata: Headers of every call.

    Raises:
        ValueError: gRPC cannot carry one of the headers.
    """

    def __init__(
        self, channel: grpc.Channel, *, address: str, limits: Limits, metadata: Headers = ()
    ) -> None:
        _check(metadata)
        self.address = address
        self.state = "connecting"
        """``connecting``, ``connected`` or ``unreachable``: as the latest call found it."""
        self._channel = channel
        self._limits = limits
        self._metadata = tuple(metadata)
        self._closed = False
        self._process_id = os.getpid()
        self._stub = BridgeServiceStub(channel)

    def send(self, call: HostCall) -> Any:
        """Make a call from a thread, which blocks until it has ended.

        Returns:
            The response message.

        Raises:
            BridgeError: The call failed; see ``host_errors``.
        """
        with self._under_way(call) as attempt:
            return attempt.wait()

    async def send_async(self, call: HostCall) -> Any:
        """As ``send``, from whichever loop; cancelling it ends the call."""
        with self._under_way(call) as attempt:
            return await attempt.wait_async()

    def close(self) -> None:
        """End all calls, then disconnect."""
        self._closed = True
        self._channel.close()

    @contextmanager
    def _under_way(self, call: HostCall) -> Iterator[Attempt]:
        command = current_execution.get()
        timeout_s = self._timeout_s(call, command)
        attempt = Attempt(
            self._start(call, timeout_s),
            probe=self._probe,
            patience_s=self._patience_s(call),
        )
        forget = None if command is None else command.on_cancel(attempt.cancel)
        try:
            yield attempt
        except grpc.FutureCancelledError as error:
            raise self._ended(call, attempt) from error
        except grpc.RpcError as error:
            raise self._failed(call, timeout_s, error) from error
        else:
            self.state = "connected"
        finally:
            if forget is not None:
                forget()
            attempt.end()

    def _timeout_s(self, call: HostCall, command: CommandUnderWay | None) -> float:
        own_s = self._limits.default_timeout_s if call.timeout_s is None else call.timeout_s
        if command is None:
            return own_s
        if command.cancelled:
            raise host_errors.cancelled(call)
        remaining_s = command.remaining_s
        if remaining_s is None:
            return own_s
        if remaining_s <= 0:
            raise host_errors.late(call)
        return remaining_s if call.timeout_s is None else min(call.timeout_s, remaining_s)

    def _start(self, call: HostCall, timeout_s: float) -> RpcFuture:
        if os.getpid() != self._process_id:
            raise host_errors.forked(call, self.address, self._process_id)
        size_bytes = call.request.ByteSize()
        if size_bytes > self._limits.max_message_bytes:
            raise host_errors.too_large(call, size_bytes, self._limits.max_message_bytes)
        rpc = getattr(self._stub, call.rpc)
        try:
            future: RpcFuture = rpc.future(
                call.request, timeout=timeout_s, metadata=self._headers(call), wait_for_ready=True
            )
        except ValueError as error:
            if not self._closed:
                raise
            text = f"The client of the host at {self.address} is closed."
            raise WrongCallError(text, {"hint": "Open another one."}) from error
        return future

    def _headers(self, call: HostCall) -> Headers:
        headers = [*self._metadata, *call.metadata, *current_headers().items()]
        correlation_id = get_correlation_id()
        # Who names another one for a call means that one.
        named = any(name == CORRELATION_HEADER for name, _ in call.metadata)
        if correlation_id is not None and not named and _is_header_text(correlation_id):
            headers.append((CORRELATION_HEADER, correlation_id))
        return tuple(headers)

    def _patience_s(self, call: HostCall) -> float:
        own_s = call.connect_timeout_s
        return self._limits.connect_timeout_s if own_s is None else own_s

    def _probe(self) -> RpcFuture | None:
        # Every host serves Ping. Without wait_for_ready it fails at once when nobody is there.
        with suppress(ValueError):  # the channel is closed
            future: RpcFuture = self._stub.Ping.future(
                pb.PingRequest(message="Are you there?"),
                timeout=self._limits.connect_timeout_s,
                metadata=self._metadata,
            )
            return future
        return None

    def _ended(self, call: HostCall, attempt: Attempt) -> BridgeError:
        if attempt.unreachable is None:
            return host_errors.cancelled(call)
        self.state = "unreachable"
        return host_errors.unreachable(call, self.address, attempt.unreachable)

    def _failed(self, call: HostCall, timeout_s: float, error: grpc.RpcError) -> BridgeError:
        code = error.code()
        if code is grpc.StatusCode.CANCELLED and self._closed:
            return host_errors.closed(call, self.address)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            command = current_execution.get()
            remaining_s = None if command is None else command.remaining_s
            if remaining_s is not None and remaining_s <= TIMER_SLACK_S:
                return host_errors.late(call)
            return host_errors.too_slow(call, self.address, timeout_s)
        self.state = "unreachable" if code is grpc.StatusCode.UNAVAILABLE else "connected"
        return host_errors.from_status(error, call, self.address)


def _check(metadata: Headers) -> None:
    # gRPC would refuse them only with the first call, and show the value, which may be a secret.
    for name, value in metadata:
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header: write it in lower case.")
        if isinstance(value, str) and not _is_header_text(value):
            raise ValueError(f"The value of header {name!r} has characters a header cannot carry.")


def _is_header_text(value: str) -> bool:
    return value.isascii() and value.isprintable()
