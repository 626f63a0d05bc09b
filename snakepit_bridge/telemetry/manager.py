"""Events on their way to the backend of the process."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol, Self

from snakepit_bridge.telemetry.correlation import get_correlation_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

log = logging.getLogger(__name__)

MAX_MESSAGE = 500
"""Characters kept of an error's message."""


class Backend(Protocol):
    """What ``set_backend`` takes; ``backends.base.TelemetryBackend`` says what it may have more."""

    def emit(
        self,
        event: str,
        measurements: Mapping[str, object],
        metadata: Mapping[str, object],
        correlation_id: str | None,
        /,
    ) -> None:
        """Take one event."""


class _Process:
    """What the process has one of."""

    __slots__ = ("backend", "has_complained")

    def __init__(self) -> None:
        self.backend: Backend | None = None
        self.has_complained = False


_process = _Process()


def set_backend(backend: Backend | None) -> None:
    """Make this the backend of the process; ``None`` means that events go nowhere.

    The backend before is not closed.
    """
    _process.backend = backend
    _process.has_complained = False


def get_backend() -> Backend | None:
    """The backend of the process, if it has one."""
    return _process.backend


def is_enabled() -> bool:
    """Whether an event emitted now would go anywhere."""
    backend = _process.backend
    return backend is not None and bool(getattr(backend, "takes_events", True))


def emit(
    event: str,
    measurements: Mapping[str, object],
    metadata: Mapping[str, object] | None = None,
    correlation_id: str | None = None,
) -> None:
    """Hand one event to the backend of the process. Never raises, never waits.

    Args:
        event: Dotted name, e.g. ``"python.call.stop"``.
        measurements: Numbers by name; durations and times in nanoseconds.
        metadata: What it is about; becomes text.
        correlation_id: The call it belongs to; the current one by default.
    """
    backend = _process.backend
    if backend is None:
        return
    try:
        backend.emit(
            event,
            measurements,
            {} if metadata is None else metadata,
            correlation_id or get_correlation_id(),
        )
    except Exception:
        # A backend may be anybody's, and telling of a piece of work must not break it. Once: it
        # would be the same for each of the events to come.
        if not _process.has_complained:
            _process.has_complained = True
            log.exception("the event %r, for one, could not be told", event)


class Operation:
    """A piece of work that has begun, told by its start, then by its stop or its exception.

    Durations are of the monotonic clock.

    Args:
        name: How its events begin, e.g. ``"tool.execution"``.
        metadata: What each of them says.
        correlation_id: The call it belongs to; the current one by default.
    """

    __slots__ = ("_correlation_id", "_metadata", "_name", "_started_ns")

    def __init__(
        self,
        name: str,
        metadata: Mapping[str, object] | None = None,
        correlation_id: str | None = None,
    ) -> None:
        self._name = name
        self._metadata = dict(metadata or {})
        # Asked for once: the end may be told from another context.
        self._correlation_id = correlation_id or get_correlation_id()
        self._tell("start", {"system_time": time.time_ns()}, self._metadata)
        self._started_ns = time.perf_counter_ns()

    def stop(self) -> None:
        """It has succeeded."""
        self._tell("stop", {"duration": self._duration_ns()}, self._metadata)

    def fail(self, error_type: str, error_message: object) -> None:
        """It has failed.

        Args:
            error_type: The class of the exception, or the code of the error.
            error_message: Its text; the first ``MAX_MESSAGE`` characters are told.
        """
        measurements = {"duration": self._duration_ns()}
        error = {"error_type": error_type, "error_message": _message_of(error_message)}
        self._tell("exception", measurements, {**self._metadata, **error})

    def _duration_ns(self) -> int:
        return time.perf_counter_ns() - self._started_ns

    def _tell(
        self, what: str, measurements: Mapping[str, object], metadata: Mapping[str, object]
    ) -> None:
        emit(f"{self._name}.{what}", measurements, metadata, self._correlation_id)


def _message_of(error: object) -> str:
    try:
        return str(error)[:MAX_MESSAGE]
    except Exception as second:  # noqa: BLE001  (the exception's own __str__ is user code, too)
        return f"(its message cannot be read: __str__ raised {type(second).__name__})"


class span:  # noqa: N801  (called like a function, which it is in Snakepit)
    """A context manager that tells of the block as an ``Operation``.

    Its events are ``OPERATION.start`` with ``system_time`` (nanoseconds since 1970), and then
    ``OPERATION.stop`` or, when an exception leaves the block, ``OPERATION.exception``, each with
    ``duration`` (nanoseconds).

    Args:
        operation: How the names of the events begin, e.g. ``"python.call"``.
        metadata: What each of them says; an exception adds ``error_type`` and ``error_message``.
        correlation_id: The call it belongs to; the current one by default.
    """

    __slots__ = ("_arguments", "_operation")

    def __init__(
        self,
        operation: str,
        metadata: Mapping[str, object] | None = None,
        correlation_id: str | None = None,
    ) -> None:
        self._arguments = (operation, metadata, correlation_id)
        self._operation: Operation | None = None

    def __enter__(self) -> Self:
        self._operation = Operation(*self._arguments)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._operation is not None  # it was entered
        if kind is None:
            self._operation.stop()
        else:
            self._operation.fail(kind.__name__, error)
