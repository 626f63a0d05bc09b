"""What adapters inherit: calls to their tools, the session of a call, registration in Elixir."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from snakepit_bridge.adapters.stub_responses import awaited_response, called_stub, plain_response
from snakepit_bridge.adapters.tools import ToolCaller, ToolMetadata, tool, tools_of

if TYPE_CHECKING:
    from types import ModuleType

    from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb

__all__ = ["BaseAdapter", "ToolMetadata", "tool", "tools_of"]

log = logging.getLogger(__name__)

# The session context of each adapter in what runs here. One variable serves all adapters, for a
# variable per object would outlive it in every context that ever held a value.
_contexts: ContextVar[tuple[tuple[weakref.ref[BaseAdapter], Any], ...]] = ContextVar(
    "snakepit_session_contexts", default=()
)


class BaseAdapter(ToolCaller):
    """The tools of one Python library or program, offered to Elixir.

    Mark methods with ``@tool()``; whoever calls the worker by the name of a method gets what it
    returns. An adapter needs no constructor, and a constructor needs no arguments.
    """

    adapter_lifetime: ClassVar[Literal["request", "session", "process"]] = "request"
    """How long one object serves: a call, the calls of a session, all calls. An object that
    serves several has them at the same time, on several threads."""

    _is_plumbing: ClassVar[bool] = True

    # On the class, so that an adapter whose constructor forgets ours works all the same.
    _last_context: Any = None
    _tools: list[pb.ToolRegistration] | None = None

    @property
    def session_context(self) -> Any:
        """The ``SessionContext`` of the call that runs here; else the last one that was set."""
        for adapter, context in _contexts.get():
            if adapter() is self:
                return context
        return self._last_context

    @session_context.setter
    def session_context(self, context: Any) -> None:
        others = (
            each for each in _contexts.get() if each[0]() is not None and each[0]() is not self
        )
        _contexts.set((*others, (weakref.ref(self), context)))
        self._last_context = context

    @property
    def _session_context(self) -> Any:
        return self.session_context

    @_session_context.setter
    def _session_context(self, context: Any) -> None:
        self.session_context = context

    @property
    def session_id(self) -> str | None:
        """The session of the call that runs here; ``None`` outside of calls."""
        session_id: str | None = getattr(self.session_context, "session_id", None)
        return session_id

    def set_session_context(self, context: Any) -> None:
        """Begin a call: whatever runs in the same context from here on sees its session."""
        # Both names, for an adapter may have either as an attribute of its own.
        self._session_context = context
        self.session_context = context

    def get_tools(self) -> list[pb.ToolRegistration]:
        """The tools as Elixir gets to know them, worked out once per object."""
        if self._tools is None:
            self._tools = _registering().tool_registrations(self)
        return self._tools

    def register_with_session(self, session_id: str, stub: Any) -> list[str]:
        """Tell Elixir of the tools; blocks until it has answered.

        Args:
            session_id: A session that Elixir knows.
            stub: Has ``RegisterTools``, which may answer at once, later or when it is called.

        Returns:
            The names that Elixir knows now; none if it could not be told, which is logged.
        """
        request = self._registration(session_id, stub)
        if request.tools:
            with self._logged_failure():
                response = self._coerce_stub_response(stub.RegisterTools(request))
                return _registered_names(request, response)
        return []

    async def register_with_session_async(self, session_id: str, stub: Any) -> list[str]:
        """Tell Elixir of the tools, as ``register_with_session`` does, without blocking the loop.

        Args:
            session_id: A session that Elixir knows.
            stub: Has ``RegisterTools``, which may answer at once, later or when it is called.

        Returns:
            The names that Elixir knows now; none if it could not be told, which is logged.
        """
        request = self._registration(session_id, stub)
        if request.tools:
            with self._logged_failure():
                response = await self._await_stub_response(await called_stub(stub, request))
                return _registered_names(request, response)
        return []

    @contextmanager
    def _logged_failure(self) -> Iterator[None]:
        try:
            yield
        # A stub raises what its transport does. A session works without tools in Elixir's list.
        except Exception:
            log.exception("tools of %s were not registered", type(self).__name__)

    def _registration(self, session_id: str, stub: Any) -> pb.RegisterToolsRequest:
        request: pb.RegisterToolsRequest = _registering().registration_request(
            self, session_id, stub
        )
        return request

    def _coerce_stub_response(self, response: Any) -> Any:
        """What a stub answered: see ``plain_response``."""
        return plain_response(response)

    async def _await_stub_response(self, response: Any) -> Any:
        """What a stub answered: see ``awaited_response``."""
        return await awaited_response(response)


def _registering() -> ModuleType:
    # Here, because it brings protobuf: an adapter is imported before a worker is ready, and its
    # tools are registered afterwards.
    from snakepit_bridge.adapters import registration  # noqa: PLC0415

    return registration


def _registered_names(request: pb.RegisterToolsRequest, response: Any) -> list[str]:
    names: list[str] = _registering().registered_names(request, response)
    return names
