"""Signals that ask a worker to stop, seen whatever its main thread is busy with."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from snakepit_bridge.worker.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Stop = Callable[[ExitCode, str], None]

SIGNALS = (signal.SIGTERM, signal.SIGINT)

_SOME_BYTES = 64


@contextmanager
def signal_pipe(stop: Stop) -> Iterator[int]:
    """Take the signals while the block runs; on the main thread.

    Python calls handlers on the main thread only, which may be inside native code for long. But the
    number of a signal is written to a pipe at once, and every thread can read that.

    Args:
        stop: Asked to end the process, with code and reason, as often as a signal comes.

    Yields:
        The end of the pipe to read; give it to ``watched_signals``.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)

    def on_signal(number: int, frame: FrameType | None) -> None:
        # In case that somebody has taken the place of the pipe, as asyncio does on this thread.
        del frame
        _stop_by(number, stop)

    handlers = {number: signal.signal(number, on_signal) for number in SIGNALS}
    pipe_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=lambda: _forget(writer, on_signal, handlers))
    try:
        yield reader
    finally:
        _forget(writer, on_signal, handlers, pipe_before)
        os.close(reader)
        os.close(writer)


def ignore_signals() -> None:
    """Hear none of the signals any more; on the main thread."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def watched_signals(reader: int, stop: Stop) -> Iterator[None]:
    """Read the pipe on the running loop while the block runs."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        with suppress(BlockingIOError):
            for number in os.read(reader, _SOME_BYTES):
                # Others that have a handler of their own are told here, too.
                if number in SIGNALS:
                    _stop_by(number, stop)

    loop.add_reader(reader, read)
    try:
        yield
    finally:
        loop.remove_reader(reader)


def _stop_by(number: int, stop: Stop) -> None:
    stop(ExitCode.DONE, f"{signal.Signals(number).name} received")


def _forget(
    writer: int, on_signal: object, handlers: dict[signal.Signals, Any], pipe_before: int = -1
) -> None:
    """Take back what is still ours; in a child that was forked, too, or its end would be ours."""
    now = signal.set_wakeup_fd(pipe_before)
    if now != writer:
        signal.set_wakeup_fd(now)
    for number, handler in handlers.items():
        if signal.getsignal(number) is on_signal:
            signal.signal(number, handler)
