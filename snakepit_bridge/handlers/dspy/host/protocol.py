"""The protocol between DSPy and a tool of the host that is a language model."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from snakepit_bridge.errors import BridgeError, InvalidArgumentError, WrongCallError
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.host.answer import answer_from, checked_whole, response_from
from snakepit_bridge.handlers.dspy.host.errors import error_from
from snakepit_bridge.handlers.dspy.runs import current_run

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.runs import Run

FEATURES = ("tools", "reasoning", "response_format")
"""What the host may be able to do beyond text; DSPy writes its prompts accordingly."""

_PARAMS = frozenset({
    *("temperature", "max_tokens", "top_p", "top_k", "stop", "seed", "logprobs"),
    *("presence_penalty", "frequency_penalty"),
})  # fmt: skip


class HostProtocol:
    """A tool of the host that answers requests to a language model; what both engines know of it.

    It gets one object and answers with a value; nothing else is asked of it.

    ``{"op": "complete", "request": {...}}``
        Answered by the text, or by ``{"text", "thinking", "tool_calls", "finish_reason", "usage",
        "cost_usd", "model", "cache_hit"}``, of which ``text`` or ``tool_calls`` has to be there.
        The call of a tool is ``{"name", "args", "id"}``; ``finish_reason`` is ``"stop"``,
        ``"length"``, ``"tool_call"``, ``"content_filter"`` or ``"error"``; ``usage`` has
        ``input_tokens``, ``output_tokens``, ``total_tokens``, ``cache_read_tokens``,
        ``cache_write_tokens`` and ``reasoning_tokens``, as far as they are known.

    ``{"op": "start", "request": {...}}``
        Where answers come in pieces. Answered by ``{"stream": id}``, or at once as above.

    ``{"op": "next", "stream": id}``
        Answered, when there is something, by ``{"deltas": [...], "done": false}``: texts, or
        objects with ``text`` or ``thinking``. The last answer has ``"done": true`` and the members
        of a whole one; a ``text`` in it is all of the text.

    ``{"op": "cancel", "stream": id}``
        Nobody wants the rest. Sent once; the answer does not matter.

    Any of them may be answered by ``{"error": {"code", "message", "retry_after", "status"}}``; the
    codes are those of ``host_errors.KINDS``. ``request`` has ``model``, ``messages`` (``role``, and
    ``content``: a text, or a list of parts with a ``type``), ``options`` such as ``temperature``
    and ``max_tokens``, and where DSPy wants them ``tools``, ``tool_choice``, ``response_format``
    and ``reasoning``.

    Args:
        tool: Its name.
        streams: Whether it can answer in pieces.
        features: Which of ``FEATURES`` it has.
        door: The way to DSPy.

    Raises:
        InvalidArgumentError: A feature is unknown.
    """

    def __init__(
        self,
        tool: str,
        *,
        streams: bool = False,
        features: Collection[str] = (),
        door: DSPyDoor | None = None,
    ) -> None:
        unknown = sorted(set(features) - set(FEATURES))
        if unknown:
            raise InvalidArgumentError(
                f"Unknown features of the host's language model: {', '.join(unknown)}.",
                {"argument": "features", "hint": f"There are: {', '.join(FEATURES)}."},
            )
        self.tool = tool
        self.streams = streams
        self._features = frozenset(features)
        self._door = door or DSPyDoor()

    def __deepcopy__(self, memo: object) -> Self:
        # Optimizers copy programs with their models; there is nothing in here that changes.
        return self

    @property
    def supports_function_calling(self) -> bool:
        """Read by DSPy: whether tools may be given to the model, instead of told in the prompt."""
        return "tools" in self._features

    @property
    def supports_reasoning(self) -> bool:
        """Read by DSPy: whether the model can be told how much to think."""
        return "reasoning" in self._features

    @property
    def supports_response_schema(self) -> bool:
        """Read by DSPy: whether the answer can be given a JSON schema."""
        return "response_format" in self._features

    @property
    def supported_params(self) -> frozenset[str]:
        """Read by DSPy: the options that the model knows."""
        tools = {"tools", "tool_choice"} if self.supports_function_calling else set()
        return _PARAMS | tools | (self._features & {"response_format"})

    def dump_state(self) -> dict[str, Any]:
        """What makes another engine of the same kind."""
        return {
            "tool": self.tool,
            "streams": self.streams,
            "features": sorted(self._features),
        }

    @classmethod
    def load_state(cls, state: Mapping[str, Any]) -> Self:
        """The engine of a state from ``dump_state``; it asks the host of the command under way."""
        return cls(
            str(state["tool"]),
            streams=bool(state.get("streams", False)),
            features=state.get("features", ()),
        )

    def here(self) -> tuple[Run, Any]:
        """The command under way, and ``dspy.lm15``."""
        dspy = self._door.open()
        run = current_run(dspy)
        if run is None:
            raise WrongCallError(
                f"The language model is the host's tool {self.tool!r}, and no command is under "
                "way.",
                {"hint": "Call the program with one of the 'dspy.*' commands."},
            )
        return run, dspy.lm15

    def response(self, value: Any, request: Any, types: Any) -> Any:
        """The ``dspy.lm15.Response`` that the tool's value stands for.

        Raises:
            MalformedAnswerError: It stands for none.
            lm15.LM15Error: The host has told of a failure.
        """
        answer = answer_from(value)
        if answer.error is not None:
            raise error_from(answer.error, types)
        return response_from(checked_whole(answer), request, types)

    async def cancel(self, run: Run, stream: str | int, limit_s: float) -> None:
        """Tell the host, as well as that can be done."""
        with suppress(BridgeError, TimeoutError):
            async with asyncio.timeout(limit_s):
                args = {"op": "cancel", "stream": stream}
                await run.session.acall_elixir_tool(self.tool, args)
