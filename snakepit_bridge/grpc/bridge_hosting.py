"""The part of ``snakepit.bridge.BridgeService`` that a host serves: its variables, its tools."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

from snakepit_bridge.errors import BridgeError, InvalidArgumentError
from snakepit_bridge.grpc import bridge_tools as tools
from snakepit_bridge.grpc import bridge_variables as variables
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceServicer
from snakepit_bridge.grpc.bridge_refusals import refuse
from snakepit_bridge.grpc.bridge_watch import INLINE_BYTES, updates_of

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    from snakepit_bridge.session.embedded_host import EmbeddedHost
    from snakepit_bridge.session.manager import SessionManager
    from snakepit_bridge.session.variables import VariableStore

    Context = ServicerContext[Any, Any]

log = logging.getLogger(__name__)

_Response = TypeVar("_Response")
_Work: TypeAlias = Callable[["VariableStore", Any], _Response]
_ToolWork: TypeAlias = Callable[["EmbeddedHost", Any], Awaitable[_Response]]


class HostingRpcs(BridgeServiceServicer):
    """What a bridge that is its own host serves beside its commands; to be mixed into a service.

    Creating a variable, watching and calling a tool open the session they name; everything else
    wants it open. What a call does counts as a command of its session, so a session that is watched
    does not end for want of commands.

    Args:
        host: Has the variables and the tools.
        sessions: Those of the bridge.
    """

    def __init__(self, host: EmbeddedHost, sessions: SessionManager) -> None:
        self._hosting = _Hosting(host, sessions)

    def end_watches(self) -> None:
        """Let every watch end, because the server stops and would wait for them."""
        self._hosting.host.variables.end_watches()

    # --- variables ------------------------------------------------------------------------------

    async def RegisterVariable(  # noqa: N802  (the name on the wire)
        self, request: pb.RegisterVariableRequest, context: Context
    ) -> pb.RegisterVariableResponse:
        """Create a variable."""
        return await self._hosting.answer(variables.register, request, context, opens=True)

    async def GetVariable(  # noqa: N802
        self, request: pb.GetVariableRequest, context: Context
    ) -> pb.GetVariableResponse:
        """A variable with all that is known of it."""
        return await self._hosting.answer(variables.get, request, context)

    async def SetVariable(  # noqa: N802
        self, request: pb.SetVariableRequest, context: Context
    ) -> pb.SetVariableResponse:
        """Change a variable."""
        return await self._hosting.answer(variables.set_one, request, context)

    async def GetVariables(  # noqa: N802
        self, request: pb.BatchGetVariablesRequest, context: Context
    ) -> pb.BatchGetVariablesResponse:
        """Several variables, with the names of those that do not exist."""
        return await self._hosting.answer(variables.get_all, request, context)

    async def SetVariables(  # noqa: N802
        self, request: pb.BatchSetVariablesRequest, context: Context
    ) -> pb.BatchSetVariablesResponse:
        """Change several variables; the answer tells of each that could not be changed."""
        return await self._hosting.answer(variables.set_all, request, context)

    async def ListVariables(  # noqa: N802
        self, request: pb.ListVariablesRequest, context: Context
    ) -> pb.ListVariablesResponse:
        """The variables of a session."""
        return await self._hosting.answer(variables.list_all, request, context)

    async def DeleteVariable(  # noqa: N802
        self, request: pb.DeleteVariableRequest, context: Context
    ) -> pb.DeleteVariableResponse:
        """Forget a variable."""
        return await self._hosting.answer(variables.delete, request, context)

    async def WatchVariables(  # noqa: N802
        self, request: pb.WatchVariablesRequest, context: Context
    ) -> AsyncGenerator[pb.VariableUpdate, None]:
        """What happens to variables, until the session ends or the caller has enough."""
        async with aclosing(self._hosting.watch(request, context)) as updates:
            async for update in updates:
                yield update

    # --- what variables were, and who follows ---------------------------------------------------

    async def GetVariableHistory(  # noqa: N802
        self, request: pb.GetVariableHistoryRequest, context: Context
    ) -> pb.GetVariableHistoryResponse:
        """The versions of a variable, the current one first."""
        return await self._hosting.answer(variables.history, request, context)

    async def RollbackVariable(  # noqa: N802
        self, request: pb.RollbackVariableRequest, context: Context
    ) -> pb.RollbackVariableResponse:
        """Make a variable what it was, as a new version."""
        return await self._hosting.answer(variables.roll_back, request, context)

    async def AddDependency(  # noqa: N802
        self, request: pb.AddDependencyRequest, context: Context
    ) -> pb.AddDependencyResponse:
        """Let one variable follow another."""
        return await self._hosting.answer(variables.add_dependency, request, context)

    async def StartOptimization(  # noqa: N802
        self, request: pb.StartOptimizationRequest, context: Context
    ) -> pb.StartOptimizationResponse:
        """Claim a variable for one optimiser."""
        return await self._hosting.answer(variables.start_optimization, request, context)

    async def StopOptimization(  # noqa: N802
        self, request: pb.StopOptimizationRequest, context: Context
    ) -> pb.StopOptimizationResponse:
        """Let go of a variable."""
        return await self._hosting.answer(variables.stop_optimization, request, context)

    # --- tools ----------------------------------------------------------------------------------

    async def GetExposedElixirTools(  # noqa: N802
        self, request: pb.GetExposedElixirToolsRequest, context: Context
    ) -> pb.GetExposedElixirToolsResponse:
        """The tools of the host that a session may call."""
        del context
        return tools.exposed_tools(self._hosting.host, request.session_id)

    async def ExecuteElixirTool(  # noqa: N802
        self, request: pb.ExecuteElixirToolRequest, context: Context
    ) -> pb.ExecuteElixirToolResponse:
        """Run a tool of the host; the answer tells of a failure itself."""
        return await self._hosting.call(tools.execute, request, context)

    async def RegisterTools(  # noqa: N802
        self, request: pb.RegisterToolsRequest, context: Context
    ) -> pb.RegisterToolsResponse:
        """Take note of the tools of a worker."""
        return await self._hosting.call(tools.register, request, context)


class _Hosting:
    """What all these calls have in common."""

    def __init__(self, host: EmbeddedHost, sessions: SessionManager) -> None:
        self.host = host
        self._sessions = sessions

    async def answer(
        self, work: _Work[_Response], request: Any, context: Context, *, opens: bool = False
    ) -> _Response:
        """Have some work done with the variables of the session."""

        async def done() -> _Response:
            if self._is_quick(request):
                return work(self.host.variables, request)
            return await asyncio.to_thread(work, self.host.variables, request)

        return await self._within(done, request.session_id, context, opens=opens)

    async def call(self, work: _ToolWork[_Response], request: Any, context: Context) -> _Response:
        """Have some work done with the tools of the host."""
        done = partial(work, self.host, request)
        return await self._within(done, request.session_id, context, opens=True)

    async def watch(
        self, request: pb.WatchVariablesRequest, context: Context
    ) -> AsyncGenerator[pb.VariableUpdate, None]:
        """Tell of the changes of variables."""
        try:
            async with aclosing(self._updates(request, context)) as updates:
                async for update in updates:
                    yield update
        except Exception as error:  # noqa: BLE001  (the last boundary: gRPC would tell what it says)
            await _refuse(context, error)

    async def _updates(
        self, request: pb.WatchVariablesRequest, context: Context
    ) -> AsyncGenerator[pb.VariableUpdate, None]:
        session_id, names = request.session_id, request.variable_identifiers
        with (
            self._present(session_id, opens=True),
            self.host.variables.watching(session_id, names) as watch,
        ):
            # Who waits for the headers knows from when on no change is missed.
            await context.send_initial_metadata(())
            told = updates_of(watch, with_initial=request.include_initial_values)
            async with aclosing(told) as updates:
                async for update in updates:
                    yield update

    async def _within(
        self,
        done: Callable[[], Awaitable[_Response]],
        session_id: str,
        context: Context,
        *,
        opens: bool,
    ) -> _Response:
        try:
            with self._present(session_id, opens=opens):
                return await done()
        except Exception as error:  # noqa: BLE001  (the last boundary: gRPC would tell what it says)
            await _refuse(context, error)

    @contextmanager
    def _present(self, session_id: str, *, opens: bool) -> Iterator[None]:
        if not session_id:
            hint = "Send a session_id; any text of your choice."
            raise InvalidArgumentError("The request names no session.", {"hint": hint})
        if not opens:
            self._sessions.find(session_id)
        session = self._sessions.enter(session_id)
        try:
            yield
        finally:
            self._sessions.leave(session)

    def _is_quick(self, request: Any) -> bool:
        """Whether a call may be answered on the loop, whatever it asks of the session."""
        if request.ByteSize() > INLINE_BYTES or variables.has_pattern(request):
            return False
        return self.host.variables.is_quick(request.session_id, INLINE_BYTES)


async def _refuse(context: Context, error: Exception) -> NoReturn:
    if not isinstance(error, BridgeError):
        ours = BridgeError(
            f"The bridge itself failed: {type(error).__name__}.",
            {"hint": "This is a bug of the bridge; its log has the traceback under the error id."},
        )
        log.error("a call to the host failed, error id %s", ours.error_id, exc_info=error)
        error = ours
    await refuse(context, error)
