"""The client of a bridge for code without a loop."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

from snakepit_bridge.client.blocking_session import ClientSession
from snakepit_bridge.client.blocking_stream import blocking_items
from snakepit_bridge.engine.loop_thread import loop_thread
from snakepit_bridge.errors import WrongCallError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from snakepit_bridge.client.async_client import AsyncClient
    from snakepit_bridge.engine.loop_thread import LoopThread
    from snakepit_bridge.handlers.command import Result
    from snakepit_bridge.values.blob import Blob


class BlockingClient:
    """``AsyncClient`` for any number of threads: calls block until their answer is there.

    Usable inside its ``with`` block only, which gives it a thread with a loop. Leaving the block
    cancels the calls that other threads still wait for. An interrupt (Ctrl-C) of the waiting thread
    cancels the call on the bridge, too. A process that was forked off cannot go on using it.

    Args:
        opened: Opens the client that does the work, on the loop of the block.
    """

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[AsyncClient]]) -> None:
        self._opened = opened
        self._open: tuple[LoopThread, AsyncClient] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self._open is not None:
            raise WrongCallError("The client is open already.", {"hint": "Make another one."})
        with ExitStack() as stack:
            thread = stack.enter_context(loop_thread("bridge-client"))
            self._open = thread, thread.open(self._opened())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        opened, self._open = self._open, None
        with self._stack, suppress(WrongCallError):
            if opened is not None:
                # Before everything that runs on the loop is cancelled.
                thread, client = opened
                thread.run(client.settle())

    def call(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        session: str | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """As ``AsyncClient.call``."""
        thread, client = self._require_open()
        return thread.run(client.call(command, args, session=session, timeout_s=timeout_s))

    def call_result(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        session: str | None = None,
        timeout_s: float | None = None,
    ) -> Result:
        """As ``AsyncClient.call_result``."""
        thread, client = self._require_open()
        return thread.run(client.call_result(command, args, session=session, timeout_s=timeout_s))

    def stream(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        session: str | None = None,
        timeout_s: float | None = None,
    ) -> Generator[Any, None, None]:
        """As ``AsyncClient.stream``: items come as they are asked for; closing cancels."""
        thread, client = self._require_open()
        items = client.stream(command, args, session=session, timeout_s=timeout_s)
        return blocking_items(thread, items)

    def upload(self, value: object, *, timeout_s: float | None = None) -> Blob:
        """As ``AsyncClient.upload``."""
        thread, client = self._require_open()
        return thread.run(client.upload(value, timeout_s=timeout_s))

    def release(self, blob: Blob) -> None:
        """As ``AsyncClient.release``."""
        thread, client = self._require_open()
        thread.run(client.release(blob))

    def session(self, session_id: str | None = None) -> ClientSession:
        """As ``AsyncClient.session``, for ``with``."""
        thread, client = self._require_open()
        return ClientSession(thread, client.session(session_id))

    def commands(self, *, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """As ``AsyncClient.commands``."""
        thread, client = self._require_open()
        return thread.run(client.commands(timeout_s=timeout_s))

    def wait_ready(self, *, timeout_s: float) -> None:
        """As ``AsyncClient.wait_ready``."""
        thread, client = self._require_open()
        thread.run(client.wait_ready(timeout_s=timeout_s))

    def _require_open(self) -> tuple[LoopThread, AsyncClient]:
        opened = self._open
        if opened is None:
            hint = "Use it inside its block: 'with Client(target) as client:'."
            raise WrongCallError("The client is closed.", {"hint": hint})
        return opened
