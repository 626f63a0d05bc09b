"""Envelopes into commands, results into replies, failures into data."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from snakepit_bridge.engine.inline import inline_engine
from snakepit_bridge.errors import MAX_NAME_SHOWN, BridgeError, ErrorCode, InvalidArgumentError
from snakepit_bridge.handlers.command import Chunk, Command
from snakepit_bridge.handlers.failures import bounded
from snakepit_bridge.transport.codecs import BoundedCodec, RefusingCodec, Room
from snakepit_bridge.transport.envelope import Reply
from snakepit_bridge.transport.failures import failure_of
from snakepit_bridge.transport.options import options_of
from snakepit_bridge.values.choice import ENCODINGS, find_among

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from snakepit_bridge.handlers.command_handler import CommandHandler
    from snakepit_bridge.leases.leases import Leases
    from snakepit_bridge.transport.envelope import Envelope
    from snakepit_bridge.values.encoding import Encoded, Encoding

log = logging.getLogger(__name__)

MAX_LOGGED_TRACEBACK = 4000
"""Characters of a handler's traceback in the log line of its failure."""

MAX_LOGGED = 500
"""Characters of a failure's message in its log line; the answer has more of it."""

_CALLERS_FAULT = frozenset(
    {
        ErrorCode.COMMAND_NOT_FOUND,
        ErrorCode.INVALID_ARGUMENT,
        ErrorCode.INSTANCE_NOT_FOUND,
        ErrorCode.VARIABLE_NOT_FOUND,
        ErrorCode.BLOB_NOT_FOUND,
        ErrorCode.SESSION_NOT_FOUND,
        ErrorCode.FOREIGN_REF,
        ErrorCode.NOT_ALLOWED,
        ErrorCode.VERSION_CONFLICT,
        ErrorCode.WRONG_CALL,
        ErrorCode.CANCELLED,
    }
)


class Tally:
    """How many commands have got their outcome."""

    def __init__(self) -> None:
        self.answered = 0
        """All of them."""
        self.failed = 0
        """Those that did not succeed."""


class Dispatcher:
    """What a transport hands its envelopes to; open one with ``dispatching``.

    Args:
        handler: Runs the commands.
        max_value_bytes: A larger answer is a failure of its command; ``None`` is no limit.
        values: How values are read and written, by the encoding a caller asks for.
        items: The same for commands that are asked to stream; ``values`` by default.
        tally: Where to count; its own by default.
    """

    def __init__(
        self,
        handler: CommandHandler,
        *,
        max_value_bytes: int | None = None,
        values: Mapping[str, Encoding] = ENCODINGS,
        items: Mapping[str, Encoding] | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.handler = handler
        self.tally = tally or Tally()
        self._max_value_bytes = max_value_bytes
        room = Room(max_value_bytes=max_value_bytes, leases=handler.leases)
        self._values = _bounded(values, room)
        self._items = self._values if items is None else _bounded(items, room)

    @property
    def leases(self) -> Leases | None:
        """Where blobs are kept that do not travel in a message; ``None``: nowhere."""
        return self.handler.leases

    def with_codecs(
        self, *, values: Mapping[str, Encoding], items: Mapping[str, Encoding]
    ) -> Dispatcher:
        """The same commands, counted together, for a transport that writes in another way."""
        return Dispatcher(
            self.handler,
            max_value_bytes=self._max_value_bytes,
            values=values,
            items=items,
            tally=self.tally,
        )

    async def run(self, envelope: Envelope) -> Reply:
        """Run a command; every failure comes back as a reply, none is raised."""
        try:
            codec = _codec(self._values, envelope)
            if envelope.blobs:
                await codec.read_ahead(envelope.args)
            result = await self.handler.run(_command_from(envelope), codec=codec)
        except Exception as error:  # noqa: BLE001  (the last boundary: a transport gets data only)
            return self._failed(envelope, error)
        except asyncio.CancelledError:
            self._count(failed=True)
            raise
        self._count(failed=False)
        return Reply(encoded=result.value, metadata=_told(result.metadata, result.value))

    async def stream(self, envelope: Envelope) -> AsyncGenerator[Reply, None]:
        """Run a command and yield its replies; a failure is the final one."""
        command = _command_from(envelope)
        codec = _codec(self._items, envelope, is_own=True)
        is_over = False
        try:
            if envelope.blobs:
                await codec.read_ahead(envelope.args)
            async with aclosing(self.handler.stream(command, codec=codec)) as chunks:
                async for chunk in chunks:
                    is_over = chunk.is_final
                    yield self._answered(chunk)
        except Exception as error:  # noqa: BLE001  (the last boundary: a transport gets data only)
            is_over = True
            yield self._failed(envelope, error)
        except (asyncio.CancelledError, GeneratorExit):
            if not is_over:
                self._count(failed=True)
                codec.give_back()
            raise

    def cancel_all(self) -> None:
        """Let every command that runs have its outcome now, because the bridge stops."""
        if self.handler.engine is not None:
            self.handler.engine.cancel_all()

    def _answered(self, chunk: Chunk) -> Reply:
        if chunk.is_final:
            self._count(failed=False)
        return Reply(
            encoded=None if chunk.is_empty else chunk.value,
            is_final=chunk.is_final,
            metadata=chunk.metadata if chunk.is_empty else _told(chunk.metadata, chunk.value),
        )

    def _failed(self, envelope: Envelope, error: Exception) -> Reply:
        self._count(failed=True)
        failure = error if isinstance(error, BridgeError) else _our_fault(error)
        _log_failure(envelope, failure, error)
        metadata = failure.metadata or {
            "worker_id": self.handler.worker_id,
            "error_id": failure.error_id,
        }
        return Reply(failure=failure_of(failure), metadata=metadata)

    def _count(self, *, failed: bool) -> None:
        self.tally.answered += 1
        self.tally.failed += failed


@asynccontextmanager
async def dispatching(
    handler: CommandHandler, *, max_value_bytes: int | None = None
) -> AsyncIterator[Dispatcher]:
    """A dispatcher for the handler, with an engine if it has none, while the block runs.

    Sessions whose time is over are ended meanwhile.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(handler.sessions.sweeping())
        if handler.engine is None:
            handler = handler.on_engine(await stack.enter_async_context(inline_engine()))
        yield Dispatcher(handler, max_value_bytes=max_value_bytes)


def _bounded(encodings: Mapping[str, Encoding], room: Room) -> dict[str, BoundedCodec]:
    return {name: BoundedCodec(encoding, room) for name, encoding in encodings.items()}


def _codec(
    codecs: Mapping[str, BoundedCodec], envelope: Envelope, *, is_own: bool = False
) -> BoundedCodec | RefusingCodec:
    """The codec of an envelope, shared with others unless there is a reason for one of its own."""
    try:
        codec = find_among(codecs, envelope.encoding)
        options = options_of(envelope)
        if is_own or options is not None or envelope.blobs:
            return codec.for_call(options, envelope.blobs)
    except InvalidArgumentError as error:
        return RefusingCodec(error)
    return codec


def _told(metadata: Mapping[str, str], encoded: Encoded) -> Mapping[str, str]:
    """The metadata of an answer, with what was said of its value."""
    return {**metadata, **encoded.metadata} if encoded.metadata else metadata


def _command_from(envelope: Envelope) -> Command:
    return Command(
        name=envelope.command,
        args=envelope.args,
        session_id=envelope.session_id,
        requires_session=envelope.requires_session,
        timeout_s=envelope.timeout_s,
        trace_context=envelope.trace_context,
        metadata=envelope.metadata,
        session_in_args=envelope.session_in_args,
    )


def _our_fault(error: Exception) -> BridgeError:
    return BridgeError(
        f"The bridge itself failed: {type(error).__name__}.",
        {"hint": "This is a bug of the bridge; its log has the traceback under the error id."},
    )


def _log_failure(envelope: Envelope, failure: BridgeError, error: Exception) -> None:
    if failure.code in _CALLERS_FAULT:
        level, trace = logging.INFO, None
    elif failure.code is ErrorCode.INTERNAL:
        level, trace = logging.ERROR, error
    else:
        level, trace = logging.WARNING, None
    # The bounded text, not the exception: whoever made the failure has taken secrets out of it.
    foreign = failure.foreign_traceback if level == logging.WARNING else ""
    log.log(
        level,
        "%r failed: %s: %s",
        envelope.command[:MAX_NAME_SHOWN],
        failure.code,
        bounded(failure.message, MAX_LOGGED),
        exc_info=trace,
        extra={
            "command": envelope.command[:MAX_NAME_SHOWN],
            "session_id": envelope.session_id[:MAX_NAME_SHOWN],
            "request_id": envelope.request_id[:MAX_NAME_SHOWN],
            "error_code": str(failure.code),
            "error_id": failure.error_id,
            "foreign_traceback": bounded(foreign, MAX_LOGGED_TRACEBACK),
            "trace_id": failure.metadata.get("trace_id", ""),
        },
    )
