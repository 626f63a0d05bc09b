from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import (
    InvalidArgumentError,
    SessionError,
    VariableError,
    VersionConflictError,
)
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.handlers.variable_handler import VariableHandler
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.testing import EmbeddedHost


class Bridge:
    """The ``variable.*`` commands over an embedded host."""

    def __init__(self) -> None:
        registry = HandlerRegistry()
        registry.register(VariableHandler())
        self._handler = CommandHandler(registry, SessionManager(EmbeddedHost()))

    def __call__(self, command: str, session_id: str = "s", **args: Any) -> Any:
        return self._handler.execute(session_id, command, args)


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


def test_a_value_is_set_and_got(bridge: Bridge) -> None:
    assert bridge("variable.set", name="x", value={"a": [1, None]}) == {"version": 1}
    assert bridge("variable.set", name="x", value=2) == {"version": 2}

    assert bridge("variable.get", name="x") == 2


def test_an_unknown_variable_is_answered_with_the_nearest(bridge: Bridge) -> None:
    bridge("variable.set", name="temperature", value=1)

    with pytest.raises(VariableError, match="Did you mean 'temperature'"):
        bridge("variable.get", name="temprature")


def test_type_and_constraints_are_checked(bridge: Bridge) -> None:
    bridge("variable.set", name="x", value=1, type="float", constraints={"max": 2})

    with pytest.raises(InvalidArgumentError, match=r"'x' cannot be 3\.0: it must be at most 2"):
        bridge("variable.set", name="x", value=3)
    assert repr(bridge("variable.get", name="x")) == "1.0"


def test_nobody_else_s_change_is_overwritten(bridge: Bridge) -> None:
    bridge("variable.set", name="x", value=1, expected_version=0)

    with pytest.raises(VersionConflictError, match="is at version 1"):
        bridge("variable.set", name="x", value=2, expected_version=0)


def test_wrong_arguments_are_named(bridge: Bridge) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        bridge("variable.set", nmae="x", type=1, expected_version="1")

    assert set(caught.value.details["arguments"]) == {
        "nmae",
        "name",
        "value",
        "type",
        "expected_version",
    }


def test_variables_are_listed_by_pattern(bridge: Bridge) -> None:
    for name in ("model_b", "model_a", "other"):
        bridge("variable.set", name=name, value=1)

    assert bridge("variable.list", pattern="model_*") == [
        {"name": "model_a", "type": "integer", "version": 1},
        {"name": "model_b", "type": "integer", "version": 1},
    ]
    assert len(bridge("variable.list")) == 3
    assert bridge("variable.list", "other session") == []


def test_a_deleted_variable_is_gone(bridge: Bridge) -> None:
    bridge("variable.set", name="x", value=1)

    assert bridge("variable.delete", name="x") is True
    assert bridge("variable.delete", name="x") is False


def test_a_variable_is_not_set_where_it_would_be_lost(bridge: Bridge) -> None:
    with pytest.raises(SessionError, match="'x' would end with it") as caught:
        bridge("variable.set", "", name="x", value=1)

    assert "session_id" in caught.value.hint
    assert bridge("variable.list", "") == []
