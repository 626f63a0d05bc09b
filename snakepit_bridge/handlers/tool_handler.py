"""The ``tool.*`` commands: functions of both sides, offered under one roof."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from snakepit_bridge.errors import HostToolError
from snakepit_bridge.handlers.binding import Binder, parameters_of
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.nearest import nearest
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.host import HostTool
from snakepit_bridge.session.tool_calls import ToolCalls, description_of, is_async, name_of

if TYPE_CHECKING:
    from inspect import Parameter

PYTHON, HOST = "python", "host"
"""The two values of ``side`` in ``tool.list``."""

F = TypeVar("F", bound=Callable[..., Any])


class _PythonTool(msgspec.Struct, frozen=True):
    function: Callable[..., Any]
    description: str
    binder: Binder
    schema: Mapping[str, Any]
    session_parameter: str
    """Where the function wants the session; empty where it wants none."""

    is_async: bool


class ToolHandler:
    """The ``tool.*`` commands: Python functions that were registered, and the tools of the host.

    Where both sides have a tool of one name, Python's is called.
    """

    def __init__(self) -> None:
        self._tools: dict[str, _PythonTool] = {}
        self._calls = ToolCalls()

    def register(self, function: F, name: str | None = None, description: str | None = None) -> F:
        """Offer a Python function, plain or ``async``, as a tool; may be used as a decorator.

        Args:
            function: Its annotations say what the arguments have to be. A parameter annotated
                ``Session`` gets the session of the call.
            name: The function's own by default.
            description: The first paragraph of its docstring by default.

        Returns:
            The function.

        Raises:
            TypeError: It is not a function, or has parameters that cannot be sent by name.
            ValueError: The name is taken.
        """
        tool_name = name or name_of(function)
        rival = self._tools.get(tool_name)
        if rival is not None:
            text = f"The tool {tool_name!r} is {_where(rival.function)} already, so not "
            raise ValueError(f"{text}{_where(function)}.")
        if description is None:
            description = description_of(function)
        self._tools[tool_name] = _python_tool(function, description)
        return function

    def take_over(self, other: ToolHandler) -> None:
        """Offer the functions of another handler, too.

        Raises:
            ValueError: The name of one is taken.
        """
        for name, tool in other._tools.items():
            self.register(tool.function, name, tool.description)

    def has(self, name: str) -> bool:
        """Whether Python has a tool of this name."""
        return name in self._tools

    def offered(self, session: Session) -> list[HostTool]:
        """The tools of both sides by name, Python's where both have one; may wait for the host.

        Raises:
            HostUnavailableError: The host cannot be reached.
        """
        host = {tool.name: tool for tool in _host_tools(session)}
        return list({**host, **{tool.name: tool for tool in self._python_tools()}}.values())

    @handles("tool.list")
    def list_tools(self, session: Session) -> list[dict[str, Any]]:
        """List the tools of both sides, with description and JSON schema of the arguments."""
        python = [_listed(tool, PYTHON) for tool in self._python_tools()]
        return python + [_listed(tool, HOST) for tool in _host_tools(session)]

    def _python_tools(self) -> list[HostTool]:
        return [
            HostTool(name=name, description=tool.description, schema=tool.schema)
            for name, tool in sorted(self._tools.items())
        ]

    # Plain, because most tools are: they run on the engine's threads, where they are counted and
    # may block. An async tool gets a loop of its own there, until it ends or the command does.

    @handles("tool.call")
    def call_tool(self, session: Session, *, name: str, args: dict[str, Any]) -> Any:
        """Call a tool, Python's own or the host's, and answer with its value.

        Raises:
            InvalidArgumentError: Names every argument that the Python function does not take.
            HostToolError: Neither side knows the tool, or the host's raised.
            HostUnavailableError: The host cannot be reached.
        """
        tool = self._tools.get(name)
        if tool is None:
            return self._call_host(session, name, args)
        bound = tool.binder.bind(name, args)
        if tool.session_parameter:
            bound[tool.session_parameter] = session
        return self._calls.call(partial(tool.function, **bound), is_async=tool.is_async)

    def _call_host(self, session: Session, name: str, args: Mapping[str, Any]) -> Any:
        try:
            return session.call_elixir_tool(name, args)
        except HostToolError as error:
            near = nearest(name, self._tools)
            if not near or any(tool.name == name for tool in _host_tools(session)):
                raise
            raise HostToolError(
                f"Neither Python nor the host has a tool {name!r}.",
                {"tool": name, "hint": f"Did you mean {near!r}?"},
            ) from error


def _python_tool(function: Callable[..., Any], description: str) -> _PythonTool:
    code = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isfunction(code):
        raise TypeError(f"A tool is a function or a method with annotations, not {function!r}.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"The tool {_where(function)} yields, but a tool answers once. "
            "Return a list, or make it a command of its own with @handles."
        )
    parameters = list(inspect.signature(function).parameters.values())
    unnamed = [each.name for each in parameters if each.kind in _WITHOUT_NAME]
    if unnamed:
        raise TypeError(
            f"The tool {_where(function)} takes {', '.join(unnamed)} by position, "
            "but arguments are sent by name."
        )
    wanting = [each.name for each in parameters if _wants_session(code.__globals__, each)]
    sent = [each for each in parameters if each.kind in _NAMED and each.name not in wanting[:1]]
    extra = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)
    binder = Binder(parameters_of(function, sent), takes_extra=extra)
    return _PythonTool(
        function=function,
        description=description,
        binder=binder,
        schema=binder.schema(),
        session_parameter="".join(wanting[:1]),
        is_async=is_async(function),
    )


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_WITHOUT_NAME = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)


def _wants_session(scope: Mapping[str, Any], parameter: Parameter) -> bool:
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return annotation is Session
    # Quotes in a module that postpones its annotations anyway are quoted once more.
    first, *rest = annotation.strip("'\"").split(".")
    found = scope.get(first)
    for attribute in rest:
        found = getattr(found, attribute, None)
    # A name that exists for type checkers alone, as Session often does, is taken at its word.
    return found is Session or (found is None and (rest or [first])[-1] == Session.__name__)


def _host_tools(session: Session) -> list[HostTool]:
    # A double that somebody's test puts in the place of the host may answer anything.
    listed: Any = session.bridge_client.list_tools(session_id=session.id)
    if not isinstance(listed, list):
        return []
    return [tool for tool in listed if isinstance(tool, HostTool)]


def _listed(tool: HostTool, side: str) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "schema": dict(tool.schema),
        "side": side,
    }


def _where(function: Callable[..., Any]) -> str:
    code = inspect.unwrap(function)
    return f"{getattr(code, '__qualname__', repr(code))} in {getattr(code, '__module__', '?')}"
