"""DSPy's callbacks, through which a command hears what DSPy is doing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache, partialmethod
from typing import TYPE_CHECKING, Any

from snakepit_bridge.handlers.dspy.spans.spans import Spans
from snakepit_bridge.handlers.dspy.spans.step_events import StepEvents
from snakepit_bridge.handlers.dspy.spans.steps import Kind, Listener, Step, Steps

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.runs import LMCall, Run
    from snakepit_bridge.handlers.dspy.spans.instruments import Instruments


def callbacks_for(
    dspy: Any,
    run: Run,
    *,
    instruments: Instruments,
    hidden: Collection[str] = (),
    lm_call: Callable[[], LMCall | None] | None = None,
) -> list[Any]:
    """What a command puts into ``dspy.context(callbacks=...)``.

    To be made where the command's own span is current, once for each command or job.

    Args:
        dspy: The module.
        run: Who follows, if anybody does.
        instruments: Where spans and metrics go.
        hidden: Secrets that appear in no span and no event.
        lm_call: Gives what is known of the request to a language model that the calling context has
            under way.

    Returns:
        The callbacks of the process, and one of our own if anybody listens to it.
    """
    kind = _callback_class(dspy)
    # Those of the command around this one have told of it already.
    others = [each for each in dspy.settings.get("callbacks", []) if not isinstance(each, kind)]
    listeners: list[Listener] = []
    if instruments.listens:
        listeners.append(Spans(instruments, hidden=hidden, lm_call=lm_call))
    if run.wants_events:
        listeners.append(StepEvents(run.tell, hidden=hidden))
    return [*others, kind(Steps(listeners))] if listeners else others


@cache
def _callback_class(dspy: Any) -> Any:
    active = dspy.utils.callback.ACTIVE_CALL_ID

    class StepCallback(dspy.utils.callback.BaseCallback):  # type: ignore[misc]  # dspy has no types
        """Hands what DSPy tells on to ``Steps``."""

        def __init__(self, steps: Steps) -> None:
            self._steps = steps

        def __deepcopy__(self, memo: object) -> StepCallback:
            # DSPy copies settings; what is told goes to one place.
            return self

        def _begin(self, kind: Kind, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
            # The id of the new step is not active yet, so the active one is that of its parent.
            self._steps.begin(Step(kind, call_id, instance, inputs), parent_id=active.get())

        def _end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
            self._steps.end(call_id, outputs, exception)

        def on_tool_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
            self._begin(_kind_of_tool(instance), call_id, instance, inputs)

        on_module_start = partialmethod(_begin, Kind.MODULE)
        on_lm_start = partialmethod(_begin, Kind.LM)
        on_evaluate_start = partialmethod(_begin, Kind.EVALUATE)
        on_compile_start = partialmethod(_begin, Kind.COMPILE)
        on_adapter_format_start = on_adapter_parse_start = partialmethod(_begin, Kind.INSIDE)
        on_interpreter_execute_start = on_interpreter_tool_call_start = on_adapter_parse_start
        on_interpreter_startup_start = on_interpreter_shutdown_start = on_adapter_parse_start

        on_module_end = on_lm_end = on_tool_end = on_evaluate_end = on_compile_end = _end
        on_adapter_format_end = on_adapter_parse_end = _end
        on_interpreter_execute_end = on_interpreter_tool_call_end = _end
        on_interpreter_startup_end = on_interpreter_shutdown_end = _end

    return StepCallback


_OWN_TOOLS = frozenset({"finish", "submit"})
"""With which DSPy's agents have the model say that it is done."""


def _kind_of_tool(tool: Any) -> Kind:
    made_by = getattr(getattr(tool, "func", None), "__module__", None) or ""
    is_own = getattr(tool, "name", "") in _OWN_TOOLS and made_by.startswith("dspy.predict.")
    return Kind.INSIDE if is_own else Kind.TOOL
