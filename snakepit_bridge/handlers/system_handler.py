"""The ``system.*`` commands: is the bridge there, what is it, what can it do?"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from snakepit_bridge.clock import Clock, SystemClock
from snakepit_bridge.engine.base import Engine, Load
from snakepit_bridge.handlers.registry import handles

if TYPE_CHECKING:
    from snakepit_bridge.handlers.registry import HandlerEntry, HandlerRegistry
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.session.manager import SessionManager

NO_ENGINE = "none"
"""What ``system.info`` calls the engine of a bridge that runs commands in its callers' threads."""


class BridgeStatus:
    """What a bridge tells of itself.

    Args:
        version: Of this distribution.
        worker_id: Which worker this is; empty for a bridge that is alone.
        clock: For the time since the status was made.
        max_message_bytes: The largest message it takes; ``None`` where nothing limits it.
    """

    def __init__(
        self,
        *,
        version: str,
        worker_id: str = "",
        clock: Clock | None = None,
        max_message_bytes: int | None = None,
    ) -> None:
        self.version = version
        self.worker_id = worker_id
        self.max_message_bytes = max_message_bytes
        self.engine: Engine | None = None
        """Where code runs. Set by whoever opens the engine, which is after the handlers exist."""
        self._clock = clock or SystemClock()
        self._started = self._clock.monotonic()

    @property
    def uptime_s(self) -> float:
        """Seconds since the status was made."""
        return self._clock.monotonic() - self._started

    @property
    def engine_name(self) -> str:
        """What people call the engine."""
        return NO_ENGINE if self.engine is None else self.engine.name

    def load(self) -> Load:
        """How busy the engine is now."""
        if self.engine is None:
            return Load(in_flight=0, queued=0, abandoned=0)
        return self.engine.load()


class SystemHandler:
    """The ``system.*`` commands; all of them only look, so they run on the loop.

    Args:
        registry: The commands to describe.
        sessions: The sessions to count.
        status: The bridge to tell of.
    """

    def __init__(
        self, registry: HandlerRegistry, sessions: SessionManager, status: BridgeStatus
    ) -> None:
        self._registry = registry
        self._sessions = sessions
        self._status = status

    @handles("system.ping")
    async def ping(self, session: Session) -> dict[str, str]:
        """Answer "pong", and the time in UTC."""
        del session
        return {"message": "pong", "time": self._sessions.clock.now().isoformat()}

    @handles("system.echo")
    async def echo(self, session: Session, *, value: Any) -> Any:
        """Answer with the value that was sent."""
        del session
        return value

    @handles("system.info")
    async def info(self, session: Session) -> dict[str, Any]:
        """Tell which bridge this is, how busy it is, and what it is connected to."""
        del session
        status, sessions = self._status, self._sessions
        load = status.load()
        return {
            "version": status.version,
            "python": sys.version.partition(" ")[0],
            "pid": os.getpid(),
            "worker_id": status.worker_id,
            "uptime_s": status.uptime_s,
            "engine": status.engine_name,
            "in_flight": load.in_flight,
            "queued": load.queued,
            "abandoned": load.abandoned,
            "sessions": len(sessions),
            "instances": sessions.instances.count(),
            "variables_live_in": str(sessions.host.variables_live_in),
            "host_state": str(sessions.host.state),
            "max_message_bytes": status.max_message_bytes,
        }

    @handles("system.describe")
    async def describe(
        self, session: Session, *, command: str | None = None
    ) -> list[dict[str, Any]]:
        """List all commands, or one, with description and JSON schema of the arguments.

        Raises:
            CommandNotFoundError: There is no command of this name; the hint is the nearest one.
        """
        del session
        if command is None:
            return [_described(entry.command, entry) for entry in self._registry]
        return [_described(command, self._registry.find(command))]


def _described(command: str, entry: HandlerEntry) -> dict[str, Any]:
    return {
        "name": command,
        "description": entry.description,
        "schema": dict(entry.schema),
        "streams": entry.may_stream,
    }
