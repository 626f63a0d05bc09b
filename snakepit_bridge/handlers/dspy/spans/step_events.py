"""What DSPy does, as events for whoever follows a command."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from snakepit_bridge.handlers.dspy.spans.brief import brief, brief_error, brief_name
from snakepit_bridge.handlers.dspy.spans.steps import Kind, Step


class StepEvents:
    """Tells the follower of one command of its steps. Safe from any thread.

    Args:
        tell: Takes an event; neither raises nor blocks.
        hidden: Secrets that appear in no event.
    """

    def __init__(
        self, tell: Callable[[dict[str, Any]], None], *, hidden: Collection[str] = ()
    ) -> None:
        self._tell = tell
        self._hidden = tuple(hidden)

    def began(self, step: Step) -> None:
        """Tell what is being done, in words and as data."""
        name = brief_name(step.name, self._hidden)
        if step.kind in _SAID:
            message = _SAID[step.kind].format(name=name, count=_examples(step))
            self._tell({"event": "status", "message": message})
        if step.kind is Kind.LM:
            self._tell({"event": "lm", "model": name, "phase": "start"})
        if step.kind is Kind.TOOL:
            args = brief(step.inputs.get("kwargs") or {}, self._hidden)
            self._tell({"event": "tool_call", "tool": name, "args": args, "id": step.call_id})

    def ended(self, step: Step, outputs: Any, exception: BaseException | None) -> None:
        """Tell what came of it."""
        name = brief_name(step.name, self._hidden)
        if step.kind is Kind.LM:
            duration_ms = round(step.elapsed_s * 1000, 3)
            self._tell({"event": "lm", "model": name, "phase": "end", "duration_ms": duration_ms})
        if step.kind is Kind.TOOL:
            outcome = (
                {"result": brief(outputs, self._hidden)}
                if exception is None
                else {"error": brief_error(exception, self._hidden)}
            )
            self._tell({"event": "tool_result", "tool": name, "id": step.call_id, **outcome})


_SAID = {
    Kind.LM: "Asking {name}",
    Kind.TOOL: "Calling the tool {name}",
    Kind.EVALUATE: "Evaluating{count}",
    Kind.COMPILE: "Optimizing with {name}",
}


def _examples(step: Step) -> str:
    examples = step.inputs.get("devset") or getattr(step.instance, "devset", None)
    return f" {len(examples)} examples" if isinstance(examples, (list, tuple)) else ""
