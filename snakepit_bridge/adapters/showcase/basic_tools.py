"""Tools that show how a call looks."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, NoReturn

from snakepit_bridge import telemetry
from snakepit_bridge.adapters.showcase.pause import Wait
from snakepit_bridge.adapters.showcase.serialization_samples import serialization_samples
from snakepit_bridge.adapters.showcase.tool import Tool, ToolContext

ADAPTER_NAME = "ShowcaseAdapter"

ADAPTER_VERSION = "2.0.0"
"""Of the set of tools, which is the one of Snakepit's own Python side of this version."""

_CAPABILITIES = ("tools", "sessions", "streaming", "binary")
_HANDLERS = ("basic", "session", "binary", "streaming", "concurrent", "ml")
_ERRORS: dict[str, type[Exception]] = {"value": ValueError, "runtime": RuntimeError}


class BasicTools:
    """Answers, failures, telemetry, values that JSON does not know.

    Args:
        wait: Lets the made-up work of ``telemetry_demo`` take its time.
    """

    def __init__(self, wait: Wait) -> None:
        self._wait = wait

    def tools(self) -> tuple[Tool, ...]:
        """The tools of this group."""
        return (
            Tool(self.ping),
            Tool(self.echo),
            Tool(self.add),
            Tool(self.error_demo),
            Tool(self.adapter_info),
            Tool(self.telemetry_demo),
            Tool(self.serialization_demo),
        )

    def ping(self, _context: ToolContext, /, message: str = "pong") -> dict[str, Any]:
        """Show that somebody is there."""
        return {"message": message, "timestamp": datetime.now(UTC).isoformat()}

    def echo(self, _context: ToolContext, /, **arguments: Any) -> dict[str, Any]:
        """Give back whatever came."""
        return {"echoed": arguments}

    def add(self, _context: ToolContext, /, a: float, b: float) -> float:
        """Add two numbers; two integers make one."""
        return a + b

    def error_demo(self, _context: ToolContext, /, error_type: str = "generic") -> NoReturn:
        """Fail, so that Elixir can show what it makes of it.

        Raises:
            ValueError: ``error_type`` is ``"value"``.
            RuntimeError: It is ``"runtime"``.
            Exception: It is anything else: a failure of no known kind.
        """
        text = f"This is the {error_type} error that was asked for."
        raise _ERRORS.get(error_type, Exception)(text)

    def adapter_info(self, _context: ToolContext, /) -> dict[str, Any]:
        """Name the adapter, what it can do, its groups of tools."""
        return {
            "adapter_name": ADAPTER_NAME,
            "version": ADAPTER_VERSION,
            "capabilities": list(_CAPABILITIES),
            "handlers": list(_HANDLERS),
        }

    def telemetry_demo(
        self, _context: ToolContext, /, operation: str = "compute", delay_ms: float = 100
    ) -> dict[str, Any]:
        """Send Elixir an event of one's own, then those of a span around the work.

        Args:
            operation: Stands in the metadata of each event.
            delay_ms: What the work takes.
        """
        about = {"tool": "telemetry_demo", "operation": operation}
        telemetry.emit("tool.execution.start", {"system_time": time.time_ns()}, about)
        with telemetry.span("tool.execution", about):
            self._wait(delay_ms / 1000)
            telemetry.emit("tool.result_size", {"bytes": 42}, about)
        return {
            "operation": operation,
            "delay_ms": delay_ms,
            "telemetry_enabled": telemetry.is_enabled(),
            "correlation_id": telemetry.get_correlation_id(),
            "message": f"The events of {operation!r} are on their way.",
        }

    def serialization_demo(
        self, _context: ToolContext, /, demo_type: str = "all"
    ) -> dict[str, Any]:
        """Return objects that JSON does not know, to see what arrives in their place.

        Raises:
            ValueError: There is no such ``demo_type``.
        """
        return serialization_samples(demo_type)
