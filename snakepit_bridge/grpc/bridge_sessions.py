"""Sessions of a bridge that is its own host, as ``BridgeService`` speaks of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from snakepit_bridge.errors import BridgeError, SessionError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb

if TYPE_CHECKING:
    from snakepit_bridge.session.manager import SessionManager


class LocalSessions:
    """Answers for sessions from the bridge's own; see ``SessionKeeper``.

    Args:
        sessions: The bridge's sessions.
    """

    def __init__(self, sessions: SessionManager) -> None:
        self._sessions = sessions

    def seen(self, session_id: str) -> None:
        """Nothing to do: a command opens its session."""

    async def begin(self, request: pb.InitializeSessionRequest) -> pb.InitializeSessionResponse:
        """Open the session, or find it open."""
        try:
            self._sessions.get_or_create(request.session_id)
        except BridgeError as error:
            return pb.InitializeSessionResponse(success=False, error_message=str(error))
        return pb.InitializeSessionResponse(success=True)

    async def end(self, request: pb.CleanupSessionRequest) -> pb.CleanupSessionResponse:
        """End the session; a success without effect where there is none, as in Snakepit."""
        try:
            # Closing instances is code of the user and may block.
            closed = await asyncio.to_thread(self._sessions.end, request.session_id)
        except SessionError:
            return pb.CleanupSessionResponse(success=True)
        return pb.CleanupSessionResponse(success=True, resources_cleaned=closed)

    async def describe(self, request: pb.GetSessionRequest) -> pb.GetSessionResponse:
        """When the session began.

        Raises:
            SessionError: There is none.
        """
        session = self._sessions.find(request.session_id)
        response = pb.GetSessionResponse(session_id=session.id)
        response.created_at.FromDatetime(session.created_at)
        return response

    async def beat(self, request: pb.HeartbeatRequest) -> pb.HeartbeatResponse:
        """Whether the session is open; asking keeps it alive, and opens nothing."""
        response = pb.HeartbeatResponse(session_valid=self._sessions.touch(request.session_id))
        response.server_time.GetCurrentTime()
        return response
