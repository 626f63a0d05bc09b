"""The tools of the showcase by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snakepit_bridge.adapters.showcase.basic_tools import BasicTools
from snakepit_bridge.adapters.showcase.binary_tools import BinaryTools
from snakepit_bridge.adapters.showcase.load_tools import LoadTools
from snakepit_bridge.adapters.showcase.ml_tools import MlTools
from snakepit_bridge.adapters.showcase.pause import Wait, pause
from snakepit_bridge.adapters.showcase.session_tools import SessionTools
from snakepit_bridge.adapters.showcase.streaming_tools import StreamingTools


class Toolbox:
    """One of each group of tools, with what they remember of their sessions.

    It is made once for all requests and used by several threads at once.

    Args:
        wait: How its tools let time pass.
    """

    def __init__(self, wait: Wait = pause) -> None:
        self.basic = BasicTools(wait)
        self.session = SessionTools()
        self.binary = BinaryTools()
        self.streaming = StreamingTools(wait)
        self.load = LoadTools(wait)
        self.ml = MlTools(wait)
        self.functions: Mapping[str, Callable[..., Any]] = {
            tool.name: tool.func
            for group in (
                self.basic,
                self.session,
                self.binary,
                self.streaming,
                self.load,
                self.ml,
            )
            for tool in group.tools()
        }
        """What a call by that name runs: with the context, then the arguments by keyword."""

    def forget(self, session_id: str) -> None:
        """Drop what is remembered of a session that has ended."""
        self.session.forget(session_id)
        self.ml.forget(session_id)
