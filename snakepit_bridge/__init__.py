"""Run Python for a program in another runtime: the public names, each loaded when first used."""

from __future__ import annotations

from snakepit_bridge.lazy_names import lazy_names
from snakepit_bridge.version import __version__

# Type checkers take the name at its word; importing it would cost every process 7 ms.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from snakepit_bridge.adapters.heartbeat import HeartbeatClient, HeartbeatConfig
    from snakepit_bridge.adapters.logging_config import configure_logging, get_logger
    from snakepit_bridge.adapters.session_context import (
        SessionContext,
        TypeValidator,
        VariableNotFoundError,
        VariableProxy,
        VariableType,
    )
    from snakepit_bridge.engine import inline_engine
    from snakepit_bridge.errors import (
        BridgeError,
        CommandNotFoundError,
        DSPyError,
        ErrorCode,
        SessionError,
    )
    from snakepit_bridge.grpc.client import BridgeClient
    from snakepit_bridge.grpc.server import SnakepitBridgeServer
    from snakepit_bridge.handlers.command import Command
    from snakepit_bridge.handlers.command_handler import CommandHandler
    from snakepit_bridge.handlers.dspy_handler import DSPyHandler
    from snakepit_bridge.handlers.registry import Handler, HandlerRegistry, handles
    from snakepit_bridge.handlers.tool_handler import ToolHandler
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.session.instances import InstanceManager
    from snakepit_bridge.session.manager import SessionManager
    from snakepit_bridge.telemetry.instrumentation import InstrumentedHandler, Telemetry
    from snakepit_bridge.values.blob import Blob
    from snakepit_bridge.values.refs import Ref
    from snakepit_bridge.values.snakepit.zero_copy import ZeroCopyRef
    from snakepit_bridge.values.value_types import value_type

__author__ = "The snakepit-bridge developers"

__all__ = [
    "Blob",
    "BridgeClient",
    "BridgeError",
    "Command",
    "CommandHandler",
    "CommandNotFoundError",
    "DSPyError",
    "DSPyHandler",
    "ErrorCode",
    "Handler",
    "HandlerRegistry",
    "HeartbeatClient",
    "HeartbeatConfig",
    "InstanceManager",
    "InstrumentedHandler",
    "Ref",
    "Session",
    "SessionContext",
    "SessionError",
    "SessionManager",
    "SnakepitBridgeServer",
    "Telemetry",
    "ToolHandler",
    "TypeValidator",
    "VariableNotFoundError",
    "VariableProxy",
    "VariableType",
    "ZeroCopyRef",
    "__version__",
    "configure_logging",
    "get_logger",
    "handles",
    "inline_engine",
    "value_type",
]

_HOMES = {
    "Blob": "values.blob",
    "BridgeClient": "grpc.client",
    "BridgeError": "errors",
    "Command": "handlers.command",
    "CommandHandler": "handlers.command_handler",
    "CommandNotFoundError": "errors",
    "DSPyError": "errors",
    "DSPyHandler": "handlers.dspy_handler",
    "ErrorCode": "errors",
    "Handler": "handlers.registry",
    "HandlerRegistry": "handlers.registry",
    "HeartbeatClient": "adapters.heartbeat",
    "HeartbeatConfig": "adapters.heartbeat",
    "InstanceManager": "session.instances",
    "InstrumentedHandler": "telemetry.instrumentation",
    "Ref": "values.refs",
    "Session": "session.context",
    "SessionContext": "adapters.session_context",
    "SessionError": "errors",
    "SessionManager": "session.manager",
    "SnakepitBridgeServer": "grpc.server",
    "Telemetry": "telemetry.instrumentation",
    "ToolHandler": "handlers.tool_handler",
    "TypeValidator": "adapters.session_context",
    "VariableNotFoundError": "adapters.session_context",
    "VariableProxy": "adapters.session_context",
    "VariableType": "adapters.session_context",
    "ZeroCopyRef": "values.snakepit.zero_copy",
    "configure_logging": "adapters.logging_config",
    "get_logger": "adapters.logging_config",
    "handles": "handlers.registry",
    "inline_engine": "engine.inline",
    "value_type": "values.value_types",
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)
