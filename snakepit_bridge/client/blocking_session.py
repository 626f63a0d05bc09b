"""The calls of one session, for code without a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from snakepit_bridge.client.blocking_stream import blocking_items
from snakepit_bridge.errors import BridgeError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from types import TracebackType

    from snakepit_bridge.client.async_session import AsyncClientSession
    from snakepit_bridge.engine.loop_thread import LoopThread
    from snakepit_bridge.handlers.command import Result


class ClientSession:
    """A client's calls, bound to one session; see ``BlockingClient.session``.

    Args:
        thread: Where the calls are made.
        session: Makes them.
    """

    def __init__(self, thread: LoopThread, session: AsyncClientSession) -> None:
        self.id = session.id
        """The session's name on the bridge."""
        self._thread = thread
        self._session = session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(quietly=error is not None)

    def call(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Any:
        """As ``AsyncClientSession.call``."""
        return self._thread.run(self._session.call(command, args, timeout_s=timeout_s))

    def call_result(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Result:
        """As ``AsyncClientSession.call_result``."""
        return self._thread.run(self._session.call_result(command, args, timeout_s=timeout_s))

    def stream(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Generator[Any, None, None]:
        """As ``AsyncClientSession.stream``."""
        return blocking_items(
            self._thread, self._session.stream(command, args, timeout_s=timeout_s)
        )

    def end(self, *, quietly: bool = False) -> None:
        """As ``AsyncClientSession.end``."""
        try:
            self._thread.run(self._session.end(quietly=quietly))
        except BridgeError:
            # Quietly, only a client that is closed already gets here.
            if not quietly:
                raise
