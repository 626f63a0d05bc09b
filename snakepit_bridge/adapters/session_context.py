"""What an adapter knows of the call it serves: the session, the metadata, the way to Elixir."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Self

from snakepit_bridge.adapters.elixir_tools import (
    ElixirTool,
    no_such_tool,
    says_unknown,
    tool_from,
    value_of,
)
from snakepit_bridge.adapters.host_stub import HostStub
from snakepit_bridge.adapters.session_variables import SessionVariables, VariableNotFoundError
from snakepit_bridge.adapters.stub_questions import (
    Question,
    Questions,
    StubFailedError,
    ask,
    result_of,
    result_of_async,
)
from snakepit_bridge.adapters.variable_types import TypeValidator, VariableType
from snakepit_bridge.adapters.variable_views import VariableProxy
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_values import parameters_from

if TYPE_CHECKING:
    from types import TracebackType

__all__ = [
    "SessionContext",
    "TypeValidator",
    "VariableNotFoundError",
    "VariableProxy",
    "VariableType",
]

log = logging.getLogger(__name__)


class SessionContext(SessionVariables):
    """The session a call belongs to, and the way to Elixir from there.

    Making one asks Elixir nothing. The methods block the thread they are called on; ``async`` code
    has twins of those that it is likely to need, with an ``a`` in front.

    Args:
        stub: Calls of Elixir: a ``HostStub``, or any stub of Snakepit's service.
        session_id: The session.
        request_metadata: What the caller said beside the arguments; copied.
        strict_mode: Whether assigning to a variable that does not exist is an error; otherwise it
            creates the variable.
    """

    # A call makes one of these, and most need no more; an adapter may add what it likes.
    __slots__ = ("__dict__", "__weakref__", "_elixir_tools", "request_metadata")

    def __init__(
        self,
        stub: Any,
        session_id: str,
        request_metadata: Mapping[str, str] | None = None,
        strict_mode: bool = False,  # noqa: FBT001, FBT002  (Snakepit's signature)
    ) -> None:
        self.stub = stub
        self.session_id = session_id
        self.request_metadata = dict(request_metadata) if request_metadata else {}
        self.strict_mode = strict_mode
        self._elixir_tools: dict[str, ElixirTool] | None = None
        self._variable_cache = None

    def __repr__(self) -> str:
        return f"SessionContext(session_id={self.session_id!r})"

    # --- the tools of Elixir --------------------------------------------------------------------

    @property
    def elixir_tools(self) -> dict[str, ElixirTool]:
        """The tools that Elixir offers to this session, by name; asked for once.

        Empty when Elixir cannot be asked, which is logged; the next look asks again.
        """
        if self._elixir_tools is None:
            try:
                return result_of(self.stub, self._listing())
            except StubFailedError as error:
                self._log_failed_listing(error)
                return {}
        return self._elixir_tools

    async def aelixir_tools(self) -> dict[str, ElixirTool]:
        """As ``elixir_tools``, for ``async`` code."""
        if self._elixir_tools is None:
            try:
                return await result_of_async(self.stub, self._listing())
            except StubFailedError as error:
                self._log_failed_listing(error)
                return {}
        return self._elixir_tools

    def call_elixir_tool(self, tool_name: str, **arguments: Any) -> Any:
        """Have Elixir run one of its tools.

        Args:
            tool_name: Its name.
            arguments: Whatever has a JSON form.

        Returns:
            What the tool returned; binary data as ``ElixirBytes``, which are ``bytes`` with
            ``metadata``.

        Raises:
            ValueError: Elixir offers no such tool; names the nearest, and all that it does offer.
            RuntimeError: An argument has no JSON form, the tool failed, or Elixir was not reached
                in time; the cause says more.
        """
        return result_of(self.stub, self._calling(tool_name, arguments))

    async def acall_elixir_tool(self, tool_name: str, **arguments: Any) -> Any:
        """As ``call_elixir_tool``, for ``async`` code; cancelling it ends the call."""
        return await result_of_async(self.stub, self._calling(tool_name, arguments))

    def call_tool(self, tool_name: str, **arguments: Any) -> Any:
        """As ``call_elixir_tool``, under its name of Snakepit 0.4."""
        return self.call_elixir_tool(tool_name, **arguments)

    def register_tool(self, *_: Any, **__: Any) -> None:
        """Nothing: the worker registers the tools of adapters by itself."""

    # --- its end --------------------------------------------------------------------------------

    def cleanup(self, force: bool = False) -> None:  # noqa: FBT001, FBT002  (Snakepit's signature)
        """End the session in Elixir, as far as it can be; failures are logged.

        The worker's own session, to which the calls of ``Snakepit.execute`` belong, goes on: Elixir
        would end the worker with it.

        Args:
            force: Told to Elixir, which makes nothing of it.
        """
        self._variable_cache = None
        request = pb.CleanupSessionRequest(session_id=self.session_id, force=force)
        try:
            ask(self.stub, Question("CleanupSession", request))
        except StubFailedError as error:
            log.warning("session %s was not ended in Elixir: %s", self.session_id, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cleanup()

    # --- what is asked --------------------------------------------------------------------------

    def _listing(self) -> Questions[dict[str, ElixirTool]]:
        request = pb.GetExposedElixirToolsRequest(session_id=self.session_id)
        answer = yield Question("GetExposedElixirTools", request)
        tools = {spec.name: tool_from(spec, self.call_elixir_tool) for spec in answer.tools}
        self._elixir_tools = tools
        if isinstance(self.stub, HostStub):
            self.stub.remembered_tools.keep(self.session_id, frozenset(tools))
        return tools

    def _calling(self, tool_name: str, arguments: Mapping[str, Any]) -> Questions[Any]:
        try:
            if not self._is_offered(tool_name):
                yield from self._refuse_unknown(tool_name)
            request = pb.ExecuteElixirToolRequest(
                session_id=self.session_id,
                tool_name=tool_name,
                parameters=parameters_from(arguments),
            )
            answer = yield Question("ExecuteElixirTool", request)
            if not answer.success:
                if says_unknown(answer, tool_name):
                    yield from self._refuse_unknown(tool_name)
                raise RuntimeError(_failed(tool_name, answer.error_message or "without a reason"))
            return value_of(answer, tool_name)
        except StubFailedError as error:
            raise RuntimeError(_failed(tool_name, error)) from error.__cause__
        except BridgeError as error:
            raise RuntimeError(_failed(tool_name, error)) from error

    def _is_offered(self, tool_name: str) -> bool:
        """Whether Elixir has offered this tool already: one look a session is enough."""
        names: Collection[str] | None = self._elixir_tools
        if names is None and isinstance(self.stub, HostStub):
            names = self.stub.remembered_tools.use(self.session_id)
        return names is not None and tool_name in names

    def _refuse_unknown(self, tool_name: str) -> Questions[None]:
        tools = yield from self._listing()
        if tool_name not in tools:
            raise no_such_tool(tool_name, self.session_id, tools)

    def _log_failed_listing(self, error: StubFailedError) -> None:
        log.warning("the tools of Elixir were not listed for %s: %s", self.session_id, error)


def _failed(tool_name: str, reason: object) -> str:
    return f"Elixir tool {tool_name!r} failed: {reason}"
