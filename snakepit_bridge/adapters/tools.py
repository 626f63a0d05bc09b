"""Methods that are tools: how they are marked, found, called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from snakepit_bridge.nearest import did_you_mean

_MARK = "_tool_metadata"

# What the worker calls by itself. Callers of tools have no business with it, and neither has an
# adapter that passes a caller's word on to call_tool.
_HOOKS = frozenset(
    {"cleanup", "execute_tool", "initialize", "on_session_end", "set_session_context"}
)

# An error shows this many names; an adapter with hundreds of tools must not fill a log with them.
_SHOWN = 20

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class ToolMetadata:
    """What the author of a tool says about it."""

    description: str = ""
    """For people; a tool without one is described by its docstring."""

    supports_streaming: bool = False
    """Whether it may answer with many items."""

    parameters: list[Any] = field(default_factory=list)
    """Kept for authors who make metadata by hand; parameters are read from the signature."""

    required_variables: list[str] = field(default_factory=list)
    """Names of session variables that the caller should set first."""


def tool(
    description: str = "",
    supports_streaming: bool = False,  # noqa: FBT001, FBT002  (Snakepit's own signature)
    required_variables: Sequence[str] | None = None,
) -> Callable[[F], F]:
    """Mark a method as a tool; the method stays as it is.

    Args:
        description: For people; the docstring by default.
        supports_streaming: Whether it may answer with many items.
        required_variables: Names of session variables that the caller should set first.

    Raises:
        TypeError: It stands above the method without parentheses.
    """
    if not isinstance(description, str):
        text = "write @tool() or @tool(description=...), not @tool alone"
        raise TypeError(text)
    metadata = ToolMetadata(
        description=description,
        supports_streaming=supports_streaming,
        required_variables=list(required_variables or ()),
    )

    def mark(function: F) -> F:
        setattr(function, _MARK, metadata)
        return function

    return mark


def tools_of(cls: type) -> Mapping[str, ToolMetadata]:
    """The tools of an adapter by name, alphabetically; runs none of its code.

    A method that overrides a tool is one only if it carries the mark itself.
    """
    members = members_of(cls)
    found = ((name, _metadata_of(members[name])) for name in sorted(members))
    return {name: metadata for name, metadata in found if metadata is not None}


def members_of(cls: type) -> Mapping[str, Any]:
    """What the classes of an adapter define, as it stands there: descriptors stay unbound."""
    return {name: member for owner in reversed(cls.__mro__) for name, member in vars(owner).items()}


def overrides_execute_tool(cls: type) -> bool:
    """Whether an adapter answers calls with an ``execute_tool`` of its own."""
    own = members_of(cls).get("execute_tool")
    return own is not None and own is not vars(ToolCaller)["execute_tool"]


class ToolCaller:
    """Calls the tools of the object it is a part of."""

    _is_plumbing: ClassVar[bool] = True
    """Read from a class's own dictionary: true where none of its methods is meant for callers."""

    def execute_tool(
        self,
        tool_name: str,
        arguments: Mapping[str, Any],
        context: Any,  # noqa: ARG002  (for those who override it; tools read session_context)
    ) -> Any:
        """Answer a call that came over the wire; reaches methods marked with ``@tool`` alone.

        Args:
            tool_name: The name of the method.
            arguments: Its arguments by name.
            context: The session context of the call.

        Returns:
            What the method returns: a value, an awaitable or a generator.

        Raises:
            AttributeError: There is no such tool; says which there are.
        """
        if _metadata_of(_member(type(self), tool_name)) is None:
            unmarked = _is_reachable(type(self), tool_name)
            raise _no_such_tool(tool_name, type(self), "Mark it with @tool()." if unmarked else "")
        return getattr(self, tool_name)(**arguments)

    def call_tool(self, tool_name: str, /, **arguments: Any) -> Any:
        """Call a tool, or another public method that the adapter's author wrote.

        Args:
            tool_name: The name of the method.
            arguments: Its arguments by name.

        Returns:
            What the method returns: a value, an awaitable or a generator.

        Raises:
            AttributeError: There is no such method; says which tools there are.
        """
        if not _is_reachable(type(self), tool_name):
            raise _no_such_tool(tool_name, type(self))
        return getattr(self, tool_name)(**arguments)


def _member(cls: type, name: str) -> Any:
    owner = _owner(cls, name)
    return None if owner is None else vars(owner)[name]


def _owner(cls: type, name: str) -> type | None:
    return next((owner for owner in cls.__mro__ if name in vars(owner)), None)


def _metadata_of(member: Any) -> ToolMetadata | None:
    # The mark may stand above @classmethod, which is not callable as it stands, or below it.
    function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
    if not callable(function):  # a property is not called for its value
        return None
    metadata = getattr(member, _MARK, getattr(function, _MARK, None))
    return metadata if isinstance(metadata, ToolMetadata) else None


def _is_reachable(cls: type, name: str) -> bool:
    owner = _owner(cls, name)
    if owner is None:
        return False
    member = vars(owner)[name]
    if _metadata_of(member) is not None:
        return True
    if name.startswith("_") or name in _HOOKS or _is_plumbing(owner):
        return False
    return isinstance(member, classmethod) or (callable(member) and not isinstance(member, type))


def _is_plumbing(owner: type) -> bool:
    return owner is object or bool(vars(owner).get("_is_plumbing", False))


def _no_such_tool(name: str, cls: type, hint: str = "") -> AttributeError:
    names = list(tools_of(cls))
    hint = hint or did_you_mean(name, names, otherwise="")
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    listed = f"Its tools: {shown}." if names else "It has no tools."
    text = " ".join(filter(None, [f"Tool {name!r} not found in {cls.__name__}.", hint, listed]))
    return AttributeError(text)
