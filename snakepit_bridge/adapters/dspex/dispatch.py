"""From the name of one of DSPex's tools to its answer."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from snakepit_bridge.adapters.dspex.results import NOBODY_WAITS, failure
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.handlers.binding import Binder, binder_for
from snakepit_bridge.handlers.failures import failure_from
from snakepit_bridge.nearest import did_you_mean

if TYPE_CHECKING:
    from snakepit_bridge.session.context import Session


log = logging.getLogger(__name__)


class DSPexTool(msgspec.Struct, frozen=True):
    """One tool."""

    name: str
    function: Callable[..., Any]
    """Called with the session, and with the arguments by keyword."""

    with_traceback: bool = False
    """Whether its failures say where DSPy's code raised."""

    repeats: tuple[str, ...] = ()
    """Arguments that its failures repeat."""


class ToolGroup(Protocol):
    """Some of the tools."""

    def tools(self) -> tuple[DSPexTool, ...]:
        """The tools of the group."""


class Dispatch:
    """Answers calls by a table of tools.

    Args:
        groups: The tools.
    """

    def __init__(self, groups: Iterable[ToolGroup]) -> None:
        self._tools = {tool.name: tool for group in groups for tool in group.tools()}
        self._binders = {name: _binder_of(tool.function) for name, tool in self._tools.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The tools there are."""
        return tuple(self._tools)

    def answer(self, session: Session, name: str, arguments: Mapping[str, Any]) -> Any:
        """What a tool answers; what goes wrong is an answer, too.

        Args:
            session: The session of the call.
            name: The tool's.
            arguments: Its arguments by name.

        Raises:
            ValueError: There is no such tool.
            BridgeError: The call was cancelled, or is late.
        """
        tool = self._tools.get(name)
        if tool is None:
            hint = did_you_mean(name, self._tools, otherwise=f"There are: {', '.join(self.names)}.")
            text = f"Unknown tool: {name}. {hint}"
            raise ValueError(text)
        try:
            return tool.function(session, **self._binders[name].bind(name, arguments))
        except NOBODY_WAITS:
            raise
        except BridgeError as error:
            failed = error
        except Exception as error:  # noqa: BLE001  (Elixir's code matches on answers alone)
            # Without its message, which may hold a key.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("The tool %r raised %s:\n%s", name, type(error).__name__, where)  # noqa: TRY400
            failed = failure_from(error, command=name)
        told = {each: str(arguments[each]) for each in tool.repeats if each in arguments}
        return failure(failed, with_traceback=tool.with_traceback, **told)


def _binder_of(function: Callable[..., Any]) -> Binder:
    """The binder of a tool; names that it takes by their place alone are free for arguments."""
    binder = binder_for(function)
    assert binder is not None, "no tool takes its arguments as one mapping"
    kinds = {each.kind for each in inspect.signature(function).parameters.values()}
    if inspect.Parameter.POSITIONAL_OR_KEYWORD in kinds:
        return binder
    return Binder(binder.parameters, takes_extra=inspect.Parameter.VAR_KEYWORD in kinds)
