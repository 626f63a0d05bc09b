"""The errors of the bridge: what happened, to which value, what to do next, and a stable code."""

from __future__ import annotations

import uuid
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from snakepit_bridge.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


MAX_NAME_SHOWN = 200
"""Characters of a name that a caller made up; finding what is near to more takes too long."""


class ErrorCode(StrEnum):
    """The kinds of failure; programs match on these, never on messages."""

    COMMAND_NOT_FOUND = "COMMAND_NOT_FOUND"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    INSTANCE_NOT_FOUND = "INSTANCE_NOT_FOUND"
    VARIABLE_NOT_FOUND = "VARIABLE_NOT_FOUND"
    BLOB_NOT_FOUND = "BLOB_NOT_FOUND"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    FOREIGN_REF = "FOREIGN_REF"
    NOT_ALLOWED = "NOT_ALLOWED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
    POOL_FULL = "POOL_FULL"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    WRONG_CALL = "WRONG_CALL"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    CANCELLED = "CANCELLED"
    HOST_UNAVAILABLE = "HOST_UNAVAILABLE"
    HOST_TOOL_FAILED = "HOST_TOOL_FAILED"
    DSPY_FAILED = "DSPY_FAILED"
    HANDLER_FAILED = "HANDLER_FAILED"
    INTERNAL = "INTERNAL"


class Outcome(StrEnum):
    """What became of the code of a command that was cancelled or came too late."""

    STOPPED = "stopped"
    """The code has ended, or never began."""

    ABANDONED = "abandoned"
    """A thread that cannot be stopped still runs it; its place in the pool stays taken."""

    KILLED = "killed"
    """Its worker process was ended."""


class BridgeError(Exception):
    """A failure that says what happened, to which value, and what to do next.

    Args:
        message: What happened, naming the value.
        details: Facts for programs. The key ``"hint"`` is the next step for a person; it is
            shown after the message.
        code: The kind of failure, where it is not the one of the class (an error that takes over
            another's kind, such as a ``DSPyError`` for an unknown ref).

    Every subclass is called the same way, can be pickled, and keeps its ``error_id``.
    """

    code: ErrorCode = ErrorCode.INTERNAL
    retryable: bool = False
    """Whether the same call may succeed later without any change."""

    retry_after_s: float | None = None
    """Seconds to wait before trying again, where that is known."""

    outcome: Outcome | None = None
    """What became of the code, where the command was cancelled or came too late."""

    metadata: Mapping[str, str] = MappingProxyType({})
    """Metadata of the answer that carries this error; set where the command ends."""

    foreign_type: str = ""
    """Class name of the exception of user code this error stands for; empty for our own."""

    foreign_message: str = ""
    """What that exception said, bounded; empty for our own errors."""

    foreign_traceback: str = ""
    """Traceback of that exception, bounded; empty for our own errors."""

    _error_id: str = ""

    def __new__(cls, *args: object, **_: object) -> Self:
        """An error that can be answered, even if a subclass forgets to call ``__init__``."""
        error = super().__new__(cls, *args)
        error.message, error.details = cls.__name__, {}
        return error

    def __init__(
        self,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        code: ErrorCode | None = None,
    ) -> None:
        super().__init__(message)
        # What handlers raise is answered whatever they put in, e.g. a number.
        self.message: str = str(message)
        self.details: dict[str, Any] = dict(details or {})
        if code is not None:
            self.code = code

    @property
    def hint(self) -> str:
        """The next step for a person, or nothing."""
        hint = self.details.get("hint")
        return hint if isinstance(hint, str) else ""

    @property
    def error_id(self) -> str:
        """The id that the log line, the span and the answer of this failure share."""
        if not self._error_id:
            self._error_id = uuid.uuid4().hex[:16]
        return self._error_id

    def keep_id(self, error_id: str) -> None:
        """Take over the id of the same failure elsewhere, e.g. on the other side of a wire."""
        self._error_id = error_id

    @property
    def type_name(self) -> str:
        """Class name of what was raised: the foreign exception's, else this class's."""
        return self.foreign_type or type(self).__name__

    def __str__(self) -> str:
        hint = self.hint
        return f"{self.message} {hint}" if hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        _ = self.error_id  # an error keeps its id on the way to another process
        state = {**self.__dict__, "metadata": dict(self.metadata)}
        return _rebuild, (type(self), self.message, state)


def _rebuild(kind: type[BridgeError], message: str, state: dict[str, Any]) -> BridgeError:
    # A subclass may have a constructor of its own; what makes an error is its state.
    error = kind.__new__(kind, message)
    error.__dict__.update(state)
    return error


class CommandNotFoundError(BridgeError):
    """No handler answers to this command name."""

    code = ErrorCode.COMMAND_NOT_FOUND

    @classmethod
    def among(cls, command: str, known: Collection[str]) -> Self:
        """The error for a name, with the nearest of the known ones as its hint."""
        command = command[:MAX_NAME_SHOWN]
        hint = did_you_mean(command, known, otherwise="Send 'system.describe' for the list.")
        return cls(f"No handler for command: {command!r}.", {"command": command, "hint": hint})


class InvalidArgumentError(BridgeError):
    """Arguments that do not fit the command, or bytes that do not fit their encoding."""

    code = ErrorCode.INVALID_ARGUMENT


class NotAllowedError(BridgeError):
    """The operator's allow-list does not cover this; the hint names the setting that would."""

    code = ErrorCode.NOT_ALLOWED


class UnauthenticatedError(BridgeError):
    """A token or certificate is missing or wrong."""

    code = ErrorCode.UNAUTHENTICATED


class QuotaExceededError(BridgeError):
    """A limit on sessions, instances, variables, commands or binary data is reached."""

    code = ErrorCode.QUOTA_EXCEEDED
    retryable = True


class PoolFullError(BridgeError):
    """Every thread is busy and the queue in front of them is full."""

    code = ErrorCode.POOL_FULL
    retryable = True


class WrongCallError(BridgeError):
    """The call is well-formed but not possible in this way or at this point."""

    code = ErrorCode.WRONG_CALL


class CommandDeadlineError(BridgeError):
    """The command's deadline passed before its code had ended."""

    code = ErrorCode.DEADLINE_EXCEEDED
    retryable = True


class CommandCancelledError(BridgeError):
    """Whoever sent the command no longer wants its answer."""

    code = ErrorCode.CANCELLED


class SessionError(BridgeError):
    """Something about a session: it is unknown, it has ended, or it does not own a ref."""

    code = ErrorCode.SESSION_NOT_FOUND


class InstanceNotFoundError(SessionError):
    """No live object has this ref."""

    code = ErrorCode.INSTANCE_NOT_FOUND


class ForeignRefError(SessionError):
    """The ref belongs to another session."""

    code = ErrorCode.FOREIGN_REF


class VariableError(BridgeError):
    """A variable is unknown."""

    code = ErrorCode.VARIABLE_NOT_FOUND


class VersionConflictError(VariableError):
    """The variable has changed since the version the caller expected."""

    code = ErrorCode.VERSION_CONFLICT


class BlobNotFoundError(BridgeError):
    """No binary data are kept under this handle."""

    code = ErrorCode.BLOB_NOT_FOUND


class HostUnavailableError(BridgeError):
    """The host cannot be reached, or did not answer in time."""

    code = ErrorCode.HOST_UNAVAILABLE
    retryable = True


class HostToolError(BridgeError):
    """A tool of the host raised."""

    code = ErrorCode.HOST_TOOL_FAILED


class DSPyError(BridgeError):
    """DSPy refused or failed; the message says what to do."""

    code = ErrorCode.DSPY_FAILED


class BudgetExceededError(DSPyError):
    """A session, or a call, has spent on language models what it may; repeating does not help."""

    code = ErrorCode.BUDGET_EXCEEDED


class HandlerFailedError(BridgeError):
    """The code of a handler raised; ``foreign_type`` and ``foreign_traceback`` say what."""

    code = ErrorCode.HANDLER_FAILED
