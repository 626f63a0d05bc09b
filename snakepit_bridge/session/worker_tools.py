"""The tools that workers say they offer to a session."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence

import msgspec

from snakepit_bridge.errors import InvalidArgumentError, QuotaExceededError
from snakepit_bridge.session.variable_data import shown

MAX_NAME_BYTES = 64
MAX_METADATA = 32
MAX_METADATA_BYTES = 4096
"""These bounds, and the form of a name, are Snakepit's own."""

MAX_TOOLS = 1000
"""Of one session; large adapters have dozens."""

DUPLICATE = "duplicate_tool"
"""How Snakepit's refusal of a taken name begins; workers look for this word."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class WorkerTool(msgspec.Struct, frozen=True, kw_only=True):
    """A function of a worker."""

    name: str
    worker_id: str
    description: str = ""
    metadata: Mapping[str, str] = {}


class WorkerTools:
    """Keeps what workers have registered, by session. Safe to use from any thread."""

    def __init__(self, *, limit: int = MAX_TOOLS) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._of_sessions: dict[str, dict[str, WorkerTool]] = {}

    def register(self, session_id: str, tools: Sequence[WorkerTool]) -> None:
        """Keep all of these tools, or none; a worker may register its own again.

        Raises:
            InvalidArgumentError: A name is not possible, or that of another worker's tool.
            QuotaExceededError: The session has as many tools as it may.
        """
        for tool in tools:
            _check(tool)
        with self._lock:
            known = self._of_sessions.get(session_id, {})
            together = dict(known)
            for tool in tools:
                _refuse_rival(known.get(tool.name), tool)
                together[tool.name] = tool
            if len(together) > self._limit:
                raise QuotaExceededError(
                    f"Session {shown(session_id)} has {self._limit} tools, as many as it may.",
                    {"limit": self._limit, "hint": "Use a session for each worker."},
                )
            self._of_sessions[session_id] = together

    def listed(self, session_id: str) -> list[WorkerTool]:
        """The tools of a session, by name."""
        with self._lock:
            known = self._of_sessions.get(session_id, {})
            return [known[name] for name in sorted(known)]

    def forget_session(self, session_id: str) -> None:
        """Forget the tools of a session that has ended."""
        with self._lock:
            self._of_sessions.pop(session_id, None)


def _check(tool: WorkerTool) -> None:
    if not _NAME.fullmatch(tool.name) or len(tool.name) > MAX_NAME_BYTES:
        raise InvalidArgumentError(
            f"The tool name {shown(tool.name)} is not possible.",
            {
                "tool": shown(tool.name),
                "hint": f"Use 1 to {MAX_NAME_BYTES} letters, digits, '_', '-' and '.'; "
                "the first is a letter or a digit.",
            },
        )
    size_bytes = sum(len(f"{name}{text}".encode()) for name, text in tool.metadata.items())
    if len(tool.metadata) > MAX_METADATA or size_bytes > MAX_METADATA_BYTES:
        raise InvalidArgumentError(
            f"Tool {tool.name!r} has metadata of {len(tool.metadata)} entries "
            f"with {size_bytes} bytes.",
            {"hint": f"At most {MAX_METADATA} entries with {MAX_METADATA_BYTES} bytes are kept."},
        )


def _refuse_rival(rival: WorkerTool | None, tool: WorkerTool) -> None:
    if rival is not None and rival.worker_id != tool.worker_id:
        raise InvalidArgumentError(
            f"{DUPLICATE}: worker {shown(rival.worker_id)} offers a tool {tool.name!r} already.",
            {"tool": tool.name, "worker_id": rival.worker_id, "hint": "Use another name."},
        )
