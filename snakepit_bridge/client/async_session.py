"""The calls of one session, for code on a loop."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any, Self

from snakepit_bridge.errors import BridgeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from types import TracebackType

    from snakepit_bridge.client.async_client import AsyncClient
    from snakepit_bridge.handlers.command import Result

log = logging.getLogger(__name__)

END_TIMEOUT_S = 2.0
"""How long leaving a block waits for the bridge to close what lived in its session."""


class AsyncClientSession:
    """A client's calls, bound to one session; see ``AsyncClient.session``.

    Args:
        client: Makes the calls.
        session_id: Of a session that may have other users; none means one of its own.
    """

    def __init__(self, client: AsyncClient, session_id: str | None) -> None:
        self.id = session_id or f"client-{uuid.uuid4().hex}"
        """The session's name on the bridge."""
        self._client = client
        self._is_own = not session_id
        self._began = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.end(quietly=error is not None)

    async def call(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Any:
        """As ``AsyncClient.call``, in this session."""
        self._began = True
        return await self._client.call(command, args, session=self.id, timeout_s=timeout_s)

    async def call_result(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Result:
        """As ``AsyncClient.call_result``, in this session."""
        self._began = True
        return await self._client.call_result(command, args, session=self.id, timeout_s=timeout_s)

    def stream(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Any, None]:
        """As ``AsyncClient.stream``, in this session."""
        self._began = True
        return self._client.stream(command, args, session=self.id, timeout_s=timeout_s)

    async def end(self, *, quietly: bool = False) -> None:
        """End the session, if it is the block's own; does nothing for a named one.

        Args:
            quietly: Whether to log it when this fails: an error that is under way must not be
                replaced by one that may well follow from it.

        Raises:
            BridgeError: The bridge did not end it, in two seconds at most. It will, once the
                session has been idle for long enough.
        """
        # A session begins with its first command.
        began, self._began = self._began, False
        if not began or not self._is_own:
            return
        try:
            await self._client.call("session.close", session=self.id, timeout_s=END_TIMEOUT_S)
        except BridgeError as error:
            if not quietly:
                raise
            log.warning("session %s was not ended: %s", self.id, error)
