"""Arguments of classes about to be created, as callers can send them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.arguments import Arguments
from snakepit_bridge.handlers.dspy.call_shape import shape_of
from snakepit_bridge.handlers.dspy.signature_text import SignatureText
from snakepit_bridge.handlers.dspy.signatures.arguments import resolved_signatures, takes_signature
from snakepit_bridge.handlers.dspy.signatures.signature_data import SignatureMaker
from snakepit_bridge.handlers.dspy.tools.making import Tools
from snakepit_bridge.handlers.dspy.tools.rewards import Rewards

if TYPE_CHECKING:
    from snakepit_bridge.handlers.allow_list import AllowList
    from snakepit_bridge.handlers.dspy.door import DSPyDoor
    from snakepit_bridge.handlers.tool_handler import ToolHandler
    from snakepit_bridge.session.context import Session

TOOLS = "tools"
"""The parameter of agents."""

REWARD = "reward_fn"
"""The parameter of modules that try more than once."""

Args = Mapping[str, Any] | list[Any] | None


class Creation:
    """Makes what a class takes out of what callers can send. Safe to use from any thread.

    Args:
        door: The way to DSPy.
        allow: What may be reached by name.
        tools: Python's own tools, and the way to the host's.
    """

    def __init__(self, door: DSPyDoor, allow: AllowList, tools: ToolHandler) -> None:
        self.signatures = SignatureMaker(door, SignatureText(allow.find).check, allow.find)
        self.tools = Tools(door, allow.find, tools.offered)
        self.rewards = Rewards(
            door, allow.find, lambda session: [tool.name for tool in tools.offered(session)]
        )

    def arguments(
        self,
        kind: type,
        args: Args,
        session: Session,
        resolved: Callable[[Args], Arguments],
    ) -> Arguments:
        """The arguments of a class; from a thread, because the host may be asked for its tools.

        Args:
            kind: The class.
            args: As the command had them.
            session: Whose host has the tools.
            resolved: Puts live objects in the place of refs.

        Raises:
            InvalidArgumentError: Names everything that is wrong with a signature, or with a tool.
            NotAllowedError: A type, or a tool, is not allowed.
            HostUnavailableError: The host cannot be asked which tools it has.
        """
        if takes_signature(kind):
            made = resolved_signatures(args, self.signatures)
            args = list(made) if isinstance(made, list) else made  # type: ignore[assignment]
        return self._with_functions(kind, resolved(args), session)

    def _with_functions(self, kind: type, arguments: Arguments, session: Session) -> Arguments:
        """With tools and rewards in the place of what describes them."""
        shape = shape_of(kind)
        if shape is None:
            return arguments
        makers = {TOOLS: self._tools_made, REWARD: self.rewards.made}
        keywords, positional = dict(arguments.keywords), list(arguments.positional)
        for place, name in enumerate(shape.parameters):
            make = makers.get(name)
            if make is None:
                continue
            if name in keywords:
                keywords[name] = make(keywords[name], session)
            elif place < len(positional):
                positional[place] = make(positional[place], session)
        return Arguments(tuple(positional), keywords)

    def _tools_made(self, given: Any, session: Session) -> list[Any]:
        if not isinstance(given, list):
            raise InvalidArgumentError(
                f"Wrong 'tools': a list is wanted, not {given!r:.60}.",
                {"argument": "tools", "hint": "E.g. ['search', {'tool': 'price'}]."},
            )
        return self.tools.made(given, session)
