"""What the demonstration serves beside the built-in commands."""

from __future__ import annotations

from collections.abc import Iterator

from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session


class DemoHandler:
    """The ``demo.*`` commands: one that streams, one that calls back."""

    @handles("demo.count_down")
    def count_down(self, session: Session, *, start: int = 3) -> Iterator[int]:
        """Count down to 1, a number at a time."""
        del session
        yield from range(start, 0, -1)

    @handles("demo.announce")
    def announce(self, session: Session, *, text: str) -> str:
        """Have the host shout a text."""
        shouted = session.call_elixir_tool("shout", {"text": text})
        return f"The host says: {shouted}"


def shout(*, text: str) -> str:
    """Say it louder."""
    return f"{text.upper()}!"
