"""The host when there is no other runtime: tools, variables in this process."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections import ChainMap
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.clock import Clock, SystemClock
from snakepit_bridge.errors import HostToolError
from snakepit_bridge.nearest import did_you_mean
from snakepit_bridge.session.host import HostTool, VariableInfo
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.session.tool_calls import ToolCalls, description_of, is_async, name_of
from snakepit_bridge.session.tool_schema import schema_of
from snakepit_bridge.session.variables import VariableStore, VariableUpdate
from snakepit_bridge.session.worker_tools import WorkerTools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_MESSAGE = 4096
"""Characters kept of what a tool's exception says."""

MAX_TRACEBACK = 64 * 1024
"""Characters kept of its traceback, the end of it."""


class _Offer(msgspec.Struct, frozen=True):
    tool: HostTool
    function: Callable[..., Any]
    is_async: bool


class EmbeddedHost:
    """A ``HostRuntime`` that needs nobody. Safe to use from any thread, and from the loop.

    Hand its ``forget_session`` to ``SessionManager(on_end=[...])``.

    Args:
        limits: How large the variables of a session may be.
        clock: Where time comes from.
    """

    state = "embedded"
    variables_live_in = "memory"

    def __init__(self, *, limits: SessionLimits | None = None, clock: Clock | None = None) -> None:
        limits = limits or SessionLimits()
        self.variables = VariableStore(
            max_bytes=limits.variable_bytes, now=(clock or SystemClock()).now
        )
        """The variables of all sessions, with their past, and with watches on their future."""
        self.worker_tools = WorkerTools()
        """The tools that workers have told of; nobody here can call them."""
        self._calls = ToolCalls()
        self._lock = threading.Lock()
        self._common: dict[str, _Offer] = {}
        self._of_sessions: dict[str, dict[str, _Offer]] = {}

    def offer(
        self,
        function: Callable[..., Any],
        tool: HostTool | None = None,
        *,
        session_id: str | None = None,
    ) -> None:
        """Offer a function, plain or ``async``, as a tool.

        Args:
            function: Takes the arguments of the tool as keywords.
            tool: What is told of it; by default the function's own name, docstring and parameters.
            session_id: The only session that sees it, until it ends; there it hides one of the same
                name that all sessions see. ``None`` is all of them.

        Raises:
            TypeError: The function has no name of its own and is given none.
            ValueError: The name is taken.
        """
        if tool is None:
            tool = HostTool(
                name=name_of(function),
                description=description_of(function),
                schema=schema_of(function),
            )
        with self._lock:
            offers = self._common
            if session_id is not None:
                offers = self._of_sessions.setdefault(session_id, {})
            rival = offers.get(tool.name)
            if rival is not None:
                text = f"The tool {tool.name!r} is {rival.function!r} already, so not {function!r}."
                raise ValueError(text)
            offers[tool.name] = _Offer(tool, function, is_async(function))

    def forget_session(self, session_id: str) -> None:
        """Forget the variables of a session that has ended, and the tools that were its own."""
        self.variables.forget_session(session_id)
        self.worker_tools.forget_session(session_id)
        with self._lock:
            self._of_sessions.pop(session_id, None)

    # --- from threads ---------------------------------------------------------------------------

    def call_tool(self, *, session_id: str, tool_name: str, args: Mapping[str, Any]) -> Any:
        """As ``Host.call_tool``; an ``async`` tool runs on a loop of its own."""
        offer = self._find(session_id, tool_name)
        return self._calls.call(_guarded(offer, args), is_async=offer.is_async)

    def list_tools(self, *, session_id: str) -> list[HostTool]:
        """As ``Host.list_tools``, by name."""
        offers = self._offers(session_id)
        return [offers[name].tool for name in sorted(offers)]

    def get_variable(self, *, session_id: str, name: str) -> Any:
        """As ``Host.get_variable``; the value is a copy."""
        return self.variables.find(session_id, name).value

    def set_variable(  # noqa: PLR0913  (the fields of the command)
        self,
        *,
        session_id: str,
        name: str,
        value: Any,
        type: str | None = None,  # noqa: A002  (the word of the wire)
        constraints: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
    ) -> int:
        """As ``Host.set_variable``; the value is copied."""
        update = VariableUpdate(
            name=name,
            value=value,
            type=type,
            constraints=constraints,
            expected_version=expected_version,
        )
        return self.variables.set(session_id, update)

    def list_variables(self, *, session_id: str, pattern: str | None = None) -> list[VariableInfo]:
        """As ``Host.list_variables``."""
        return self.variables.listed(session_id, pattern)

    def delete_variable(self, *, session_id: str, name: str) -> bool:
        """As ``Host.delete_variable``."""
        return self.variables.delete(session_id, name)

    # --- from the loop; nothing but a tool ever waits -------------------------------------------

    async def acall_tool(self, *, session_id: str, tool_name: str, args: Mapping[str, Any]) -> Any:
        """As ``call_tool``; a plain tool runs on a thread."""
        offer = self._find(session_id, tool_name)
        return await self._calls.acall(_guarded(offer, args), is_async=offer.is_async)

    async def alist_tools(self, *, session_id: str) -> list[HostTool]:
        """As ``list_tools``."""
        return self.list_tools(session_id=session_id)

    async def aget_variable(self, *, session_id: str, name: str) -> Any:
        """As ``get_variable``."""
        return self.get_variable(session_id=session_id, name=name)

    async def aset_variable(  # noqa: PLR0913  (the fields of the command)
        self,
        *,
        session_id: str,
        name: str,
        value: Any,
        type: str | None = None,  # noqa: A002  (the word of the wire)
        constraints: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
    ) -> int:
        """As ``set_variable``; a text that a pattern has to be found in is searched on a thread."""
        update = VariableUpdate(
            name=name,
            value=value,
            type=type,
            constraints=constraints,
            expected_version=expected_version,
        )
        if self.variables.takes_time(session_id, update):
            return await asyncio.to_thread(self.variables.set, session_id, update)
        return self.variables.set(session_id, update)

    async def alist_variables(
        self, *, session_id: str, pattern: str | None = None
    ) -> list[VariableInfo]:
        """As ``list_variables``."""
        return self.list_variables(session_id=session_id, pattern=pattern)

    async def adelete_variable(self, *, session_id: str, name: str) -> bool:
        """As ``delete_variable``."""
        return self.delete_variable(session_id=session_id, name=name)

    def _offers(self, session_id: str) -> Mapping[str, _Offer]:
        with self._lock:
            own = self._of_sessions.get(session_id, {})
            return dict(ChainMap(own, self._common))

    def _find(self, session_id: str, tool_name: str) -> _Offer:
        offers = self._offers(session_id)
        offer = offers.get(tool_name)
        if offer is None:
            known = "'tool.list' names those there are."
            hint = did_you_mean(tool_name, offers, otherwise=known)
            raise HostToolError(
                f"The host has no tool {tool_name!r}.",
                {"tool": tool_name, "session_id": session_id, "hint": hint},
            )
        return offer


def _guarded(offer: _Offer, args: Mapping[str, Any]) -> Callable[[], Any]:
    """The call of a tool, such that whatever the tool raises becomes a ``HostToolError``."""
    if offer.is_async:
        return partial(_await_guarded, offer, args)
    return partial(_call_guarded, offer, args)


def _call_guarded(offer: _Offer, args: Mapping[str, Any]) -> Any:
    with _translated(offer.tool.name):
        return offer.function(**args)


async def _await_guarded(offer: _Offer, args: Mapping[str, Any]) -> Any:
    with _translated(offer.tool.name):
        return await offer.function(**args)


@contextmanager
def _translated(tool_name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        kind = type(error).__name__
        said = "".join(traceback.format_exception_only(error)).strip()
        failure = HostToolError(
            f"The host's tool {tool_name!r} raised {said[:MAX_MESSAGE]}",
            {"tool": tool_name, "type": kind},
        )
        failure.foreign_type = kind
        failure.foreign_traceback = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
        raise failure from error
