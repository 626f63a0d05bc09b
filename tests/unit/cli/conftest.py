"""A folder of one's own, with handlers in it, and a command line to try."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from snakepit_bridge.cli.program import run

HANDLERS = """
    from snakepit_bridge import Session, handles

    class Greeter:
        @handles("greet.say")
        def say(self, session: Session, *, name: str, times: int = 1) -> str:
            '''Greet somebody.'''
            return " ".join([f"hello {name}"] * times)

        @handles("greet.where")
        async def where(self, session: Session) -> dict[str, str]:
            return {"session": session.id}

        @handles("greet.fail")
        def fail(self, session: Session) -> None:
            raise ValueError("no such greeting")

        @handles("greet.count")
        def count(self, session: Session, *, to: int):
            '''Count from 1.'''
            for number in range(1, to + 1):
                if number > 2:
                    raise ValueError("too far")
                yield number

        @handles("greet.thing")
        def thing(self, session: Session):
            return object()

        @handles("greet.open")
        def open(self, session: Session, args):
            return args
"""

MODULE = "handlers_of_the_command_line"


class Outcome(NamedTuple):
    """How a command line ended."""

    code: int
    out: str
    err: str


CommandLine = Callable[..., Outcome]


@pytest.fixture
def command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[CommandLine]:
    """Runs ``snakepit-bridge`` in this process, in a folder that has ``Greeter`` in it."""
    (tmp_path / f"{MODULE}.py").write_text(textwrap.dedent(HANDLERS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def started(*words: str) -> Outcome:
        code = run(words)
        return Outcome(code, *capsys.readouterr())

    yield started
    sys.modules.pop(MODULE, None)
