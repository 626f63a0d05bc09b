"""The code of a command as an engine runs it, its errors translated."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, closing
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import BridgeError, HandlerFailedError
from snakepit_bridge.handlers.failures import failure_from
from snakepit_bridge.session.context import current_execution
from snakepit_bridge.telemetry.executions import telling_calls
from snakepit_bridge.telemetry.under_way import UnderWay, command_under_way

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from snakepit_bridge.engine.job import Execution
    from snakepit_bridge.handlers.registry import HandlerEntry
    from snakepit_bridge.session.context import Session


class Work:
    """Runs one command's code in this process; what an ``Execution`` calls.

    Args:
        entry: The command's code.
        session: The session it runs in.
        encode: Applied to the value, or to each item, and the session before it leaves.

    User code may raise anything at all, ``SystemExit`` and bare ``BaseException`` included. Nothing
    but ``BridgeError`` and wanted cancellation leaves here: this is the boundary.
    """

    __slots__ = ("_encode", "_entry", "_session", "_view")

    def __init__(
        self, entry: HandlerEntry, session: Session, encode: Callable[[Any, Session], Any]
    ) -> None:
        self._entry = entry
        self._session = session
        # Applied where the code runs: a large value must not hold up the loop.
        self._encode = encode

    def __call__(self, execution: Execution) -> Any:
        """The value, a coroutine of it, or an iterator of the items; by the kind of the job."""
        job = execution.job
        if job.streams:
            return self._items_on_loop(execution) if job.runs_on_loop else self._items(execution)
        return self._value_on_loop(execution) if job.runs_on_loop else self._value(execution)

    def _invoke(self, execution: Execution) -> Any:
        current_execution.set(execution)
        command_under_way.set(UnderWay(self._session.id, execution.job.command))
        call = telling_calls(self._entry, execution.job)
        self._view = view = self._session.seen_by(execution)
        return call(view, execution.job.args)

    def _value(self, execution: Execution) -> Any:
        try:
            return self._leaving(self._invoke(execution), execution)
        except BridgeError:
            raise
        except BaseException as error:
            raise failure_from(error, command=execution.job.command) from error

    async def _value_on_loop(self, execution: Execution) -> Any:
        try:
            return self._leaving(await self._invoke(execution), execution)
        except BridgeError:
            raise
        except BaseException as error:
            if _is_wanted(error, execution, asyncio.CancelledError):
                raise
            raise failure_from(error, command=execution.job.command) from error

    def _items(self, execution: Execution) -> Generator[Any, None, None]:
        try:
            with closing(self._invoke(execution)) as items:
                for item in items:
                    yield self._leaving(item, execution)
        except BridgeError:
            raise
        except BaseException as error:
            if _is_wanted(error, execution, GeneratorExit):
                raise
            raise failure_from(error, command=execution.job.command) from error

    async def _items_on_loop(self, execution: Execution) -> AsyncGenerator[Any, None]:
        try:
            async with aclosing(self._invoke(execution)) as items:
                async for item in items:
                    yield self._leaving(item, execution)
        except BridgeError:
            raise
        except BaseException as error:
            if _is_wanted(error, execution, asyncio.CancelledError, GeneratorExit):
                raise
            raise failure_from(error, command=execution.job.command) from error

    def _leaving(self, value: Any, execution: Execution) -> Any:
        if isinstance(value, _UNFINISHED):
            raise _unfinished(value, execution.job.command)
        if execution.cancelled:
            # Nobody waits for it; what encoding keeps for a caller would be kept for nobody.
            return None
        return self._encode(value, self._view)


def _is_wanted(error: BaseException, execution: Execution, *kinds: type[BaseException]) -> bool:
    """Whether the engine ended the code this way, rather than the code itself.

    A ``CancelledError`` that nobody asked for must not reach the transport: there it would look
    like a client that has gone, and the client would wait for ever. Nor must a ``GeneratorExit``
    pass for the end of the items.
    """
    return execution.cancelled and isinstance(error, kinds)


_UNFINISHED = (CoroutineType, GeneratorType, AsyncGeneratorType)


def _unfinished(value: object, command: str) -> HandlerFailedError:
    if isinstance(value, CoroutineType):
        value.close()  # else Python warns that nobody awaited it
        hint = "Write the method as 'async def', or await what it calls."
    else:
        hint = "Write 'yield from' instead of 'return', so that the command streams."
    kind = type(value).__name__.replace("_", " ")
    return HandlerFailedError(
        f"{command!r} returned a {kind}, whose code has not run.",
        {"command": command, "hint": hint},
    )
