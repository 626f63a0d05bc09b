"""Shorter ways to the variables of a session context."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from snakepit_bridge.adapters.session_variables import SessionVariables


class VariableProxy:
    """One variable: ``proxy.value`` reads it, ``proxy.value = x`` changes it.

    Holds its context weakly, so that it keeps no request alive.

    Args:
        context: Where the variable is.
        name: Its name or id.
    """

    __slots__ = ("_context", "name")

    def __init__(self, context: SessionVariables, name: str) -> None:
        self._context = weakref.ref(context)
        self.name = name

    def __repr__(self) -> str:
        return f"VariableProxy({self.name!r})"

    @property
    def value(self) -> Any:
        """The value of the variable.

        Raises:
            VariableNotFoundError: There is none of this name.
            ReferenceError: The context has gone.
        """
        return self._of().get_variable(self.name)

    @value.setter
    def value(self, value: Any) -> None:
        self._of().update_variable(self.name, value)

    def _of(self) -> SessionVariables:
        context = self._context()
        if context is None:
            raise ReferenceError(
                f"The session context of variable {self.name!r} has gone; keep the context while "
                "its proxies are in use."
            )
        return context


class VariableNamespace:
    """Variables as attributes: ``ctx.v.temperature``; assigning creates what is not there.

    Args:
        context: Where the variables are.
    """

    __slots__ = ("_context",)

    def __init__(self, context: SessionVariables) -> None:
        object.__setattr__(self, "_context", context)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            # Python and its libraries ask for these themselves, to find out what an object can do.
            raise AttributeError(name)
        context: SessionVariables = object.__getattribute__(self, "_context")
        return context.get_variable(name)

    def __setattr__(self, name: str, value: Any) -> None:
        context: SessionVariables = object.__getattribute__(self, "_context")
        context.set_or_register(name, value)


class VariableBatch:
    """Changes that go to the host together, at the end of the block.

    Args:
        context: Where the variables are.
    """

    __slots__ = ("_context", "_updates")

    def __init__(self, context: SessionVariables) -> None:
        self._context = context
        self._updates: dict[str, Any] = {}

    def __setitem__(self, identifier: str, value: Any) -> None:
        self._updates[identifier] = value

    def __len__(self) -> int:
        return len(self._updates)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send the changes; after an error in the block there are none.

        Raises:
            RuntimeError: Some were refused; names each. The others are done.
        """
        if kind is not None or not self._updates:
            return
        results = self._context.update_variables(self._updates)
        refused = {name: text for name, text in results.items() if text is not True}
        if refused:
            listed = "; ".join(f"{name!r}: {text}" for name, text in refused.items())
            raise RuntimeError(f"Some variables were not updated: {listed}.")
