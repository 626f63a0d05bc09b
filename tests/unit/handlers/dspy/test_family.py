from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import WrongCallError
from snakepit_bridge.handlers.dspy.family import COMMANDS, DSPyRules, open_dspy
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.handlers.tool_handler import ToolHandler
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager


def opened(**rules: Any) -> Any:
    return open_dspy(SessionManager(EmbeddedHost()), DSPyRules(**rules), ToolHandler())


async def test_the_announced_commands_are_those_of_the_code() -> None:
    async with opened() as load:
        registry = HandlerRegistry()
        registry.register_later(COMMANDS, load)

        assert {entry.command for entry in registry} == set(COMMANDS)
        assert registry.find("dspy.stream").streams


async def test_dspy_is_imported_first_where_that_is_wanted() -> None:
    async with opened(import_when="ready") as load:
        handler = load()[0]

        assert handler._bench.door.is_open  # noqa: SLF001  (nobody else could tell)


async def test_nothing_is_loaded_once_the_bridge_is_closed() -> None:
    async with opened() as load:
        pass

    with pytest.raises(WrongCallError, match="closing"):
        load()
