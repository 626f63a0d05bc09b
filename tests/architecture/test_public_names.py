"""The public names are a decision, not an accident."""

from __future__ import annotations

import importlib

import pytest

import snakepit_bridge
import snakepit_bridge.testing

PUBLIC = {
    "__version__",
    # commands and handlers
    "Command",
    "CommandHandler",
    "Handler",
    "HandlerRegistry",
    "handles",
    "inline_engine",
    "DSPyHandler",
    "InstrumentedHandler",
    "ToolHandler",
    # sessions
    "InstanceManager",
    "Session",
    "SessionManager",
    # values
    "Blob",
    "Ref",
    "value_type",
    # the wire
    "BridgeClient",
    "SnakepitBridgeServer",
    # telemetry
    "Telemetry",
    # what Snakepit's users import from here
    "HeartbeatClient",
    "HeartbeatConfig",
    "SessionContext",
    "TypeValidator",
    "VariableNotFoundError",
    "VariableProxy",
    "VariableType",
    "ZeroCopyRef",
    "configure_logging",
    "get_logger",
    # errors
    "BridgeError",
    "CommandNotFoundError",
    "DSPyError",
    "ErrorCode",
    "SessionError",
}

PUBLIC_FOR_TESTS = {"EmbeddedHost", "FakeClock", "in_process_bridge", "offline_lm"}


def test_the_public_names_of_the_package_are_the_decided_ones() -> None:
    assert set(snakepit_bridge.__all__) == PUBLIC


def test_the_public_names_for_tests_are_the_decided_ones() -> None:
    assert set(snakepit_bridge.testing.__all__) == PUBLIC_FOR_TESTS


@pytest.mark.parametrize("module", ["snakepit_bridge", "snakepit_bridge.testing"])
def test_every_public_name_resolves(module: str) -> None:
    public = importlib.import_module(module)

    assert [name for name in public.__all__ if getattr(public, name, None) is None] == []
    assert set(public.__all__) <= set(dir(public))
