"""Functions of the host as Python sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any

from snakepit_bridge.session.context import Session, current_execution
from snakepit_bridge.values.tag_objects import HostFunction


class HostCall:
    """Calls a tool of the host when it is called, from any thread, until the command's deadline.

    Keyword arguments are sent by name, positional ones as a list under ``"args"``. Where one tool
    stands for many functions it gets ``callback_id`` and the list ``args``, and no names.

    Args:
        session: Of the command that was given the function.
        function: Which one.
        resolved: Puts live objects in the place of refs in what the host answers.
    """

    def __init__(
        self, session: Session, function: HostFunction, resolved: Callable[[Any], Any]
    ) -> None:
        self._session = session
        self._function = function
        self._resolved = resolved
        # Threads that user code starts know nothing of the command.
        self._context = copy_context()
        self.__name__ = self.__qualname__ = function.callback_id or function.tool
        self.__doc__ = f"Calls {self.__name__!r} of the host."

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it.

        Raises:
            TypeError: There are too few or too many arguments, or names where none are taken.
            HostToolError: The host failed.
            HostUnavailableError: The host cannot be reached in time.
        """
        sent = self._arguments(args, kwargs)
        if current_execution.get() is None:
            return self._context.copy().run(self._ask, sent)
        return self._ask(sent)

    def __repr__(self) -> str:
        return f"<function {self.__name__!r} of the host>"

    def _ask(self, sent: Mapping[str, Any]) -> Any:
        return self._resolved(self._session.call_elixir_tool(self._function.tool, sent))

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        wanted, given = self._function.arity, len(args) + len(kwargs)
        if wanted is not None and given != wanted:
            text = f"{self.__name__}() of the host takes {wanted} arguments, but {given} were given"
            raise TypeError(text)
        if self._function.callback_id:
            if kwargs:
                text = f"{self.__name__}() of the host takes no arguments by name"
                raise TypeError(text)
            return {"callback_id": self._function.callback_id, "args": list(args)}
        if args and "args" in kwargs:
            text = f"{self.__name__}() of the host gets its positional arguments as 'args'"
            raise TypeError(text)
        return {**kwargs, "args": list(args)} if args else kwargs
