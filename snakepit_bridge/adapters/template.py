"""An adapter to start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snakepit_bridge.adapters.base import BaseAdapter
from snakepit_bridge.adapters.tools import tools_of
from snakepit_bridge.version import __version__


class TemplateAdapter(BaseAdapter):
    """Copy it, then give it tools: methods marked with ``@tool()``.

    Delete ``execute_tool`` as soon as there is a tool: the one of ``BaseAdapter`` finds it.
    """

    async def initialize(self) -> None:
        """Get ready for a call; runs before it."""

    async def cleanup(self) -> None:
        """Let go of what a call needed; runs after it, however it ended."""

    def get_info(self) -> dict[str, Any]:
        """What the adapter is: its name, the version of this package, the names of its tools."""
        return {
            "name": type(self).__name__,
            "version": __version__,
            "tools": list(tools_of(type(self))),
        }

    def execute_tool(self, tool_name: str, arguments: Mapping[str, Any], context: Any) -> Any:
        """Answer a call by yourself instead of with marked methods.

        Raises:
            NotImplementedError: Always, until you write it.
        """
        text = (
            f"{type(self).__name__} has no tool {tool_name!r}: mark a method with @tool() and "
            "delete execute_tool, or write execute_tool"
        )
        raise NotImplementedError(text)
