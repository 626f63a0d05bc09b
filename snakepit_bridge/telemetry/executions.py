"""The events that the bridge tells of every command by itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from snakepit_bridge.telemetry import names
from snakepit_bridge.telemetry.around import Kind, around
from snakepit_bridge.telemetry.correlation import get_correlation_id
from snakepit_bridge.telemetry.manager import Operation, is_enabled, span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXECUTION = "tool.execution"
"""A command, from its arrival to its outcome."""

PYTHON_CALL = "python.call"
"""The code of a command, from its first line to its last; waiting is not in it."""


class PythonCode(Protocol):
    """What ``telling_calls`` needs to know of the code of a command."""

    tells_python_calls: bool
    """Whether the code emits the events of its calls by itself."""

    @property
    def library(self) -> str:
        """The module of the code."""

    def invoke(self, session: Any, bound: Mapping[str, Any], /) -> Any:
        """Run the code."""

    def items(self, session: Any, bound: Mapping[str, Any], /) -> Any:
        """Run the code for its items."""


class PythonCall(Protocol):
    """What ``telling_calls`` needs to know of the call."""

    @property
    def command(self) -> str:
        """The name of the command as it was called."""

    @property
    def streams(self) -> bool:
        """Whether the code is run for its items."""

    @property
    def runs_on_loop(self) -> bool:
        """Whether the code is ``async``."""


def execution_of(command: str, session_id: str) -> Operation:
    """Begin to tell of one command.

    Args:
        command: As it was called; told as ``tool``.
        session_id: The session it names.
    """
    metadata = _about(tool=command, session_id=session_id)
    if (correlation_id := get_correlation_id()) is not None:
        metadata["correlation_id"] = correlation_id
    return Operation(EXECUTION, metadata, correlation_id)


def telling_calls(code: PythonCode, job: PythonCall) -> Callable[..., Any]:
    """What to call with a session and arguments to run the code, and to have it told of.

    Where nobody listens, or the code tells of its calls itself, it is the code's own method.

    Args:
        code: The code of the command.
        job: How it is run.
    """
    call = code.items if job.streams else code.invoke
    if not is_enabled() or code.tells_python_calls:
        return call
    metadata = _about(function=job.command, library=code.library)
    return around(call, partial(span, PYTHON_CALL, metadata), kind=_kind_of(job))


def _kind_of(job: PythonCall) -> Kind:
    # Told by the job: one method may stand for code of all kinds.
    if job.streams:
        return "async generator" if job.runs_on_loop else "generator"
    return "coroutine" if job.runs_on_loop else "function"


def _about(**texts: str) -> dict[str, object]:
    """Metadata, of which callers may have made up the texts."""
    return {name: text[: names.MAX_SPAN_TEXT] for name, text in texts.items()}
