"""What tools of the showcase are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec


class ToolContext(Protocol):
    """What a tool of the showcase needs to know of the request; a ``SessionContext`` has it."""

    @property
    def session_id(self) -> str:
        """The session the request belongs to."""


class Tool:
    """A function under the name by which Elixir calls it.

    Args:
        func: Takes the context of the request, then the arguments by keyword.
    """

    __slots__ = ("func", "name")

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func
        self.name: str = func.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.func(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Tool({self.name!r})"


class StreamChunk(msgspec.Struct):
    """One item of a stream, with what a bare value cannot say.

    The last item of a stream that knows its end is marked ``is_final``; for one that does not, the
    worker adds an empty final chunk.
    """

    data: Any
    """Anything that JSON can express; a dict arrives in Elixir as a map."""

    is_final: bool = False

    metadata: Mapping[str, Any] | None = None
    """Arrives beside the data, keys and values as text."""
