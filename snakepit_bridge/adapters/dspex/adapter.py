"""The tools of DSPex of July 2025, for its Elixir code to go on with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from snakepit_bridge.adapters.base import BaseAdapter, tools_of
from snakepit_bridge.adapters.dspex.bench import Bench, workbench_of
from snakepit_bridge.adapters.dspex.calls import CallTools
from snakepit_bridge.adapters.dspex.dispatch import Dispatch
from snakepit_bridge.adapters.dspex.elixir import ElixirTools
from snakepit_bridge.adapters.dspex.enhanced import EnhancedTools
from snakepit_bridge.adapters.dspex.lm import LMTools
from snakepit_bridge.adapters.dspex.objects import ObjectTools
from snakepit_bridge.adapters.dspex.programs import ProgramTools
from snakepit_bridge.adapters.dspex.results import scrubbed
from snakepit_bridge.adapters.dspex.schema import SchemaTools
from snakepit_bridge.adapters.dspex.signatures import SignatureTools
from snakepit_bridge.handlers.dspy.secrets import REFERENCE

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.workbench import Workbench

_KEY = "api_key"
_SESSION = "session_id"


class DSPexAdapter(BaseAdapter):
    """Programs, signatures and objects of DSPy by name, in the session of the call.

    One object serves all sessions and threads. A call may wait for a language model, and runs on a
    thread of its own.

    Args:
        workbench: What DSPy's commands share; by the operator's settings by default.
    """

    __thread_safe__: ClassVar[bool] = True
    adapter_lifetime: ClassVar[Literal["request", "session", "process"]] = "process"
    _is_plumbing: ClassVar[bool] = True

    def __init__(self, workbench: Workbench | None = None) -> None:
        self._bench = bench = Bench(workbench or workbench_of())
        signatures, elixir = SignatureTools(bench), ElixirTools()
        self._dispatch = Dispatch(
            (
                ObjectTools(bench),
                LMTools(bench),
                signatures,
                ProgramTools(bench, signatures, elixir),
                elixir,
                EnhancedTools(bench, signatures),
                CallTools(bench, elixir),
                SchemaTools(bench),
            )
        )

    def execute_tool(self, tool_name: str, arguments: Mapping[str, Any], context: Any) -> Any:
        """Answer a call that came over the wire.

        Args:
            tool_name: One of DSPex's tools.
            arguments: Its arguments by name; ``session_id`` is the session that the caller means,
                the one of the context by default.
            context: The session context of the call.

        Returns:
            An object; where something went wrong, ``{"success": False, "error", "hint"}``. No
            secret is in it.

        Raises:
            ValueError: There is no such tool.
            BridgeError: The call was cancelled, or is late, or names no possible session.
        """
        if tool_name not in self._dispatch.names and tool_name in tools_of(type(self)):
            return self.call_tool(tool_name, **arguments)  # one that a subclass adds
        named = arguments.get(_SESSION)
        if isinstance(named, str):
            # The caller's own session, which Snakepit puts beside what the caller has sent.
            arguments = {name: each for name, each in arguments.items() if name != _SESSION}
        session = self._bench.session(context, named if isinstance(named, str) else "")
        answer = self._dispatch.answer(session, tool_name, arguments)
        return scrubbed(answer, (*self._bench.hidden(session), *_keys_in(arguments)))

    def on_session_end(self, session_id: str) -> None:
        """Forget a session that has ended."""
        self._bench.end(session_id)

    def cleanup(self) -> None:
        """Forget all sessions."""
        self._bench.close()


DSPyGRPCHandler = DSPexAdapter
"""The name it had in DSPex."""


def _keys_in(arguments: Mapping[str, Any]) -> list[str]:
    """Keys of language models among the arguments, or in objects there."""
    places = [arguments, *(each for each in arguments.values() if isinstance(each, Mapping))]
    keys = [each.get(_KEY) for each in places]
    return [key for key in keys if isinstance(key, str) and not key.startswith(REFERENCE)]
