"""What the tools under test are given with a call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from snakepit_bridge.clock import SystemClock
from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.session.context import current_execution


class Request(NamedTuple):
    """The context of one call; ``call_elixir_tool`` answers with what it was called with."""

    session_id: str = "a"

    def call_elixir_tool(self, tool_name: str, **arguments: Any) -> Any:
        return [tool_name, arguments]


def no_wait(_seconds: float) -> None:
    """Let no time pass."""


def new_command() -> Execution:
    """A command as the engine has it under way."""
    job = Job(session_id="a", command="showcase", args={}, trace_context={})
    return Execution(job, lambda _: None, clock=SystemClock(), on_end=lambda: None)


@contextmanager
def abandoned_command() -> Iterator[None]:
    """What runs in the block belongs to a command that nobody waits for any more."""
    command = new_command()
    command.cancel()
    token = current_execution.set(command)
    try:
        yield
    finally:
        current_execution.reset(token)
