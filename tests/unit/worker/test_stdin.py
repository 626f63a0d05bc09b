from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakepit_bridge.worker.stdin import has_ended, is_lifeline, stdin_closed


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe; a test may close the one to write to."""
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)


def test_pipes_and_sockets_have_somebody_at_the_other_end(pipe: tuple[int, int]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert is_lifeline(pipe[0])
        assert is_lifeline(ours.fileno())
    os.close(pipe[1])


@pytest.mark.defect("D29")
def test_a_file_or_no_input_at_all_tells_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "input").touch()
    with Path("/dev/null").open() as null, (tmp_path / "input").open() as file:
        assert not is_lifeline(null.fileno())
        assert not is_lifeline(file.fileno())
        closed = os.dup(null.fileno())
    os.close(closed)
    assert not is_lifeline(closed)


@pytest.mark.defect("D29")
async def test_the_end_is_noticed_after_whatever_was_said(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.write(writer, b"who would say anything?")

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(stdin_closed(reader))
        await asyncio.sleep(0)
        assert not waiting.done()
        os.close(writer)


def test_input_that_somebody_else_has_read_is_no_end(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(reader, False)

    assert not has_ended(reader)

    os.close(writer)
    assert has_ended(reader)


def test_what_cannot_be_read_has_ended(pipe: tuple[int, int]) -> None:
    assert has_ended(pipe[1])
    os.close(pipe[1])
