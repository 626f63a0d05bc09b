"""Rewards for modules that try more than once, given by functions of the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snakepit_bridge.errors import HostToolError, InvalidArgumentError, WrongCallError
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.runs import current_run
from snakepit_bridge.handlers.dspy.spans.brief import brief

HOW_TO_GIVE_ONE = (
    "Name a tool, which gets 'inputs' and 'prediction' and answers a number, "
    "or an allowed function by its dotted name."
)


class Rewards:
    """Makes reward functions of what callers can send. Safe to use from any thread.

    Args:
        door: The way to DSPy.
        find_function: The function of a dotted name; raises where it is not allowed.
        tool_names: The tools that agents of a session may be given; may wait for the host.
    """

    def __init__(
        self,
        door: DSPyDoor,
        find_function: Callable[[str], Any],
        tool_names: Callable[[Any], list[str]],
    ) -> None:
        self._door = door
        self._find_function = find_function
        self._tool_names = tool_names

    def made(self, given: Any, session: Any) -> Any:
        """A function of the inputs and the prediction.

        Args:
            given: The name of a tool, ``{"tool": name}``, or the dotted name of a function.
            session: Whose tools there are.

        Raises:
            InvalidArgumentError: It is none of these, or nobody has the tool.
            NotAllowedError: The function may not be reached.
        """
        tool = given.get("tool") if isinstance(given, Mapping) and len(given) == 1 else given
        if not isinstance(tool, str) or not tool:
            raise _wrong(f"{given!r:.60} names neither a tool nor a function")
        known = self._tool_names(session)
        if tool in known:
            return _reward_of_tool(self._door, tool)
        if "." in tool and isinstance(given, str):
            return self._find_function(tool)
        # A host that lists nothing is trusted to have what it is asked for.
        if known:
            raise _wrong(f"nobody has a tool {tool!r}")
        return _reward_of_tool(self._door, tool)


def _reward_of_tool(door: DSPyDoor, tool: str) -> Callable[[Any, Any], float]:
    # A plain function, because DSPy shows its source to the model.
    def reward(inputs: Any, prediction: Any) -> float:
        """Judge how good the prediction is for these inputs; more is better."""
        run = current_run(door.open())
        if run is None:
            raise WrongCallError("A reward is asked for, and no command is under way.")
        value = run.call_tool(tool, {"inputs": brief(inputs), "prediction": brief(prediction)})
        if isinstance(value, Mapping):
            value = value.get("score")
        if not isinstance(value, (bool, int, float)):
            text = f"The tool {tool!r} answered a reward that is no number: {value!r:.60}."
            raise run.halt(HostToolError(text, {"tool": tool, "hint": HOW_TO_GIVE_ONE}))
        return float(value)

    return reward


def _wrong(why: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"Wrong 'reward_fn': {why}.", {"argument": "reward_fn", "hint": HOW_TO_GIVE_ONE}
    )
