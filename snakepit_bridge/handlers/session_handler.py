"""The ``session.*`` commands: look at the session of the command, release its objects, end it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import HostUnavailableError, WrongCallError
from snakepit_bridge.handlers.registry import handles

if TYPE_CHECKING:
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.session.manager import SessionManager


class SessionHandler:
    """The ``session.*`` commands; each is about the session it is sent in.

    A command without a session gets one that ends with it: that one holds nothing.

    Args:
        sessions: Their owner.
    """

    def __init__(self, sessions: SessionManager) -> None:
        self._sessions = sessions

    @handles("session.info")
    async def info(self, session: Session) -> dict[str, Any]:
        """Tell when the session began, how long it has been idle, and how much it holds.

        ``variables`` is null where the host keeps none, or cannot be reached.
        """
        return {
            "id": session.id,
            "created_at": session.created_at.isoformat(),
            "idle_s": self._sessions.idle_s(session),
            "instances": len(session.instances),
            "variables": await _count_variables(session),
        }

    @handles("session.instances")
    async def instances(self, session: Session) -> list[dict[str, str]]:
        """List the live objects of the session, the oldest first."""
        return [
            {"ref": info.ref, "type": info.type, "created_at": info.created_at.isoformat()}
            for info in session.instances.listed()
        ]

    # What follows closes objects, which is their own code and may block.

    @handles("session.release")
    def release(self, session: Session, *, ref: str) -> bool:
        """Close one object and forget it; false when it was gone already.

        Raises:
            ForeignRefError: It belongs to another session.
        """
        return session.instances.release(ref)

    @handles("session.close")
    def close(self, session: Session) -> int:
        """End the session and close its objects, the newest first; answers how many there were.

        Other commands that run in it go on, without it. The next command with its id opens a new
        session.
        """
        return self._sessions.close(session)


async def _count_variables(session: Session) -> int | None:
    try:
        return len(await session.bridge_client.alist_variables(session_id=session.id))
    except (HostUnavailableError, WrongCallError):
        # Whoever asks may be looking for just this trouble; the rest of the answer helps them.
        return None
