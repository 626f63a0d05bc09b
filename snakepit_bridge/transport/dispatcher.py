"""Envelopes into commands, results into replies, failures into data."""

from __future__ import annotations

import logging
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from snakepit_bridge.engine.inline import inline_engine
from snakepit_bridge.errors import MAX_NAME_SHOWN, BridgeError, ErrorCode
from snakepit_bridge.handlers.command import Chunk, Command
from snakepit_bridge.handlers.failures import bounded
from snakepit_bridge.transport.envelope import Reply
from snakepit_bridge.transport.failures import failure_of
from snakepit_bridge.values.choice import find_encoding

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from snakepit_bridge.handlers.command_handler import CommandHandler
    from snakepit_bridge.transport.envelope import Envelope
    from snakepit_bridge.values.encoding import Encoding

log = logging.getLogger(__name__)

MAX_LOGGED = 500
"""Characters of a failure's message in its log line; the answer has more of it."""

_CALLERS_FAULT = frozenset(
    {
        ErrorCode.COMMAND_NOT_FOUND,
        ErrorCode.INVALID_ARGUMENT,
        ErrorCode.INSTANCE_NOT_FOUND,
        ErrorCode.VARIABLE_NOT_FOUND,
        ErrorCode.SESSION_NOT_FOUND,
        ErrorCode.FOREIGN_REF,
        ErrorCode.NOT_ALLOWED,
        ErrorCode.VERSION_CONFLICT,
        ErrorCode.WRONG_CALL,
        ErrorCode.CANCELLED,
    }
)


class Dispatcher:
    """What a transport hands its envelopes to; open one with ``dispatching``."""

    def __init__(self, handler: CommandHandler) -> None:
        self.handler = handler
        self.answered = 0
        """Envelopes that have got their last reply."""
        self.failed = 0
        """Those among them whose reply was a failure."""

    async def run(self, envelope: Envelope) -> Reply:
        """Run a command; every failure comes back as a reply, none is raised."""
        try:
            encoding = find_encoding(envelope.encoding)
            command = _command_from(envelope, encoding)
            result = await self.handler.run(command, encode=encoding.encode)
        except Exception as error:  # noqa: BLE001  (the last boundary: a transport gets data only)
            return self._failed(envelope, error)
        self.answered += 1
        return Reply(encoded=result.value, metadata=result.metadata)

    async def stream(self, envelope: Envelope) -> AsyncGenerator[Reply, None]:
        """Run a command and yield its replies; a failure is the final one."""
        try:
            encoding = find_encoding(envelope.encoding)
            command = _command_from(envelope, encoding)
            async with aclosing(self.handler.stream(command, encode=encoding.encode)) as chunks:
                async for chunk in chunks:
                    yield self._answered(chunk)
        except Exception as error:  # noqa: BLE001  (the last boundary: a transport gets data only)
            yield self._failed(envelope, error)

    def _answered(self, chunk: Chunk) -> Reply:
        if chunk.is_final:
            self.answered += 1
        return Reply(
            encoded=None if chunk.is_empty else chunk.value,
            is_final=chunk.is_final,
            metadata=chunk.metadata,
        )

    def _failed(self, envelope: Envelope, error: Exception) -> Reply:
        self.answered += 1
        self.failed += 1
        failure = error if isinstance(error, BridgeError) else _our_fault(error)
        _log_failure(envelope, failure, error)
        metadata = failure.metadata or {
            "worker_id": self.handler.worker_id,
            "error_id": failure.error_id,
        }
        return Reply(failure=failure_of(failure), metadata=metadata)


@asynccontextmanager
async def dispatching(handler: CommandHandler) -> AsyncIterator[Dispatcher]:
    """A dispatcher for the handler, with an engine if it has none, while the block runs.

    Sessions whose time is over are ended meanwhile.
    """
    async with handler.sessions.sweeping():
        if handler.engine is not None:
            yield Dispatcher(handler)
            return
        async with inline_engine() as engine:
            yield Dispatcher(handler.on_engine(engine))


def _command_from(envelope: Envelope, encoding: Encoding) -> Command:
    return Command(
        name=envelope.command,
        args=encoding.decode_args(envelope.args),
        session_id=envelope.session_id,
        timeout_s=envelope.timeout_s,
        request_id=envelope.request_id,
        metadata=envelope.metadata,
        trace_context=envelope.trace_context,
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
    log.log(
        level,
        "%r failed: %s: %s",
        envelope.command[:MAX_NAME_SHOWN],
        failure.code,
        bounded(failure.message, MAX_LOGGED),
        exc_info=trace,
        extra={
            "command": envelope.command[:MAX_NAME_SHOWN],
            "session_id": envelope.session_id,
            "request_id": envelope.request_id,
            "error_code": str(failure.code),
            "error_id": failure.error_id,
            "trace_id": failure.metadata.get("trace_id", ""),
        },
    )
