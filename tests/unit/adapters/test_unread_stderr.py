from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from snakepit_bridge.adapters.unread_stderr import close_stderr, open_stderr, write_or_drop

STDERR = 2

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="this system cannot open a pipe once more"
)


@contextmanager
def piped() -> Iterator[int]:
    """Standard error is a pipe, whose other end this is; no fixture, for pytest takes that back."""
    reader, writer = os.pipe()
    before = os.dup(STDERR)
    os.dup2(writer, STDERR)
    os.close(writer)
    try:
        yield reader
    finally:
        os.dup2(before, STDERR)
        os.close(before)
        os.close(reader)


def _fill() -> None:
    opened = open_stderr()
    try:
        while True:
            os.write(opened, b"x" * 4096)
    except BlockingIOError:
        close_stderr(opened)


def test_what_is_written_can_be_read() -> None:
    with piped() as reader:
        write_or_drop("hé \ud800\n")

        assert os.read(reader, 100).decode() == "hé \\ud800\n"


@needs_proc
def test_a_full_pipe_keeps_nobody_waiting() -> None:
    with piped() as reader:
        _fill()

        write_or_drop("lost\n")

        assert b"lost" not in os.read(reader, 2**20)


def test_others_who_write_to_the_pipe_wait_as_before() -> None:
    with piped():
        close_stderr(open_stderr())

        assert os.get_blocking(STDERR)


def test_standard_error_that_is_no_pipe_is_taken_as_it_is() -> None:
    before, null = os.dup(STDERR), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, STDERR)
        assert open_stderr() == STDERR
        close_stderr(STDERR)
        os.fstat(STDERR)
        os.close(STDERR)
        assert open_stderr() == STDERR
        write_or_drop("to nobody\n")
    finally:
        os.dup2(before, STDERR)
        os.close(before)
        os.close(null)
