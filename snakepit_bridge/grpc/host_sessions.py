"""The sessions that the host must have begun before it serves some calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from snakepit_bridge.errors import BridgeError, SessionError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_calls import HostCall, Operation, message, repeated
from snakepit_bridge.grpc.host_errors import bounded

IN_SESSION = frozenset(
    {
        "ExecuteElixirTool",
        "GetExposedElixirTools",
        "RegisterTools",
        "RegisterVariable",
        "GetVariable",
        "SetVariable",
        "GetVariables",
        "SetVariables",
        "ListVariables",
        "DeleteVariable",
    }
)
"""Calls that need their session. ``GetSession`` and ``Heartbeat`` ask for it, so they do not."""

# Snakepit answers in band with the atom, as text; where it ends the call, with the sentence.
_UNKNOWN_SESSION = re.compile(r":?not_found|session not found\b.*", re.IGNORECASE | re.DOTALL)


class HostSessions:
    """What this process knows of its sessions in the host.

    One of them is its own: the one the host gave to it, which lives as long as the process. Safe to
    use from any thread.
    """

    __slots__ = ("_own", "on_adopt")

    def __init__(self) -> None:
        self._own: pb.InitializeSessionRequest | None = None
        self.on_adopt: Callable[[str], object] = _nobody
        """Told of the process's own session, whenever that is another one."""

    @property
    def own_id(self) -> str:
        """The id of the process's own session; empty until there is one."""
        return "" if self._own is None else self._own.session_id

    def adopt(self, beginning: pb.InitializeSessionRequest) -> None:
        """Make this session the process's own.

        Args:
            beginning: How it is begun again, should the host forget it.
        """
        self._own = beginning
        self.on_adopt(beginning.session_id)

    def owns(self, session_id: str) -> bool:
        """Whether this is the process's own session, which nobody in here may end."""
        return self._own is not None and self._own.session_id == session_id

    def beginning(self, session_id: str) -> pb.InitializeSessionRequest:
        """How this session is begun in the host."""
        own = self._own
        if own is not None and own.session_id == session_id:
            return own
        return message(pb.InitializeSessionRequest, session_id=session_id)


def _nobody(session_id: str) -> None:
    """Hears of a session that nobody wants to hear of."""


def begin_session(
    request: pb.InitializeSessionRequest, *, timeout_s: float | None = None
) -> Operation[pb.InitializeSessionResponse]:
    """Begin a session, or find it begun.

    Raises:
        SessionError: The host refused in band.
        BridgeError: It refused with a status, such as too many sessions, or was not reached.
    """
    call = HostCall(
        rpc="InitializeSession",
        request=request,
        what=f"begin session {request.session_id!r}",
        timeout_s=timeout_s,
    )
    try:
        answer: pb.InitializeSessionResponse = yield from repeated(call)
    except BridgeError as error:
        # Snakepit 0.4 says so; since then it is a success like any other.
        if error.details.get("status") != "ALREADY_EXISTS":
            raise
        return pb.InitializeSessionResponse(success=True)
    if not answer.success:
        said = bounded(answer.error_message) or "it did not say why"
        raise SessionError(
            f"The host refused to begin session {request.session_id!r}: {said}.",
            {"session_id": request.session_id, "host_message": said},
        )
    return answer


def in_session(call: HostCall, sessions: HostSessions) -> Operation[Any]:
    """Make a call; where the host does not know its session, begin that and make the call again.

    Nothing has run in the host then, so nothing runs twice.
    """
    if call.rpc not in IN_SESSION:
        return (yield call)
    try:
        answer = yield call
    except BridgeError as error:
        if not _is_unknown(error.details.get("host_message", "")):
            raise
    else:
        # Answers that list have neither of the two, those to a batch have only the first.
        if getattr(answer, "success", True) or not _is_unknown(
            getattr(answer, "error_message", "")
        ):
            return answer
    yield from begin_session(sessions.beginning(call.request.session_id))
    return (yield call)


def _is_unknown(said: str) -> bool:
    return _UNKNOWN_SESSION.fullmatch(said.strip()) is not None
