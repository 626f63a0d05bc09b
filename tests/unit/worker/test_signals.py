from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from snakepit_bridge.worker.exit_codes import ExitCode
from snakepit_bridge.worker.signals import (
    SIGNALS,
    ignore_signals,
    signal_pipe,
    watched_signals,
)

Wish = tuple[ExitCode, str]


@contextmanager
def wishes() -> Iterator[tuple[int, list[Wish]]]:
    """The pipe, and what was asked for by handlers."""
    heard: list[Wish] = []
    with signal_pipe(lambda code, why: heard.append((code, why))) as reader:
        yield reader, heard


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_for_the_end(number: signal.Signals) -> None:
    with wishes() as (_, heard):
        os.kill(os.getpid(), number)

        assert heard == [(ExitCode.DONE, f"{number.name} received")]


async def test_the_loop_reads_of_a_signal_from_the_pipe() -> None:
    heard: asyncio.Queue[Wish] = asyncio.Queue()
    with ExitStack() as stack:
        reader, _ = stack.enter_context(wishes())
        stack.enter_context(watched_signals(reader, lambda *wish: heard.put_nowait(wish)))
        os.kill(os.getpid(), signal.SIGTERM)

        async with asyncio.timeout(5):
            assert await heard.get() == (ExitCode.DONE, "SIGTERM received")


async def test_signals_that_others_handle_are_theirs() -> None:
    heard: asyncio.Queue[Wish] = asyncio.Queue()
    with ExitStack() as stack:
        reader, by_handler = stack.enter_context(wishes())
        before = signal.signal(signal.SIGUSR1, lambda *_: None)
        stack.callback(signal.signal, signal.SIGUSR1, before)
        stack.enter_context(watched_signals(reader, lambda *wish: heard.put_nowait(wish)))
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGINT)

        async with asyncio.timeout(5):
            assert await heard.get() == (ExitCode.DONE, "SIGINT received")
    assert len(by_handler) == 1


def test_handlers_and_pipe_are_given_back() -> None:
    handlers = [signal.getsignal(number) for number in SIGNALS]
    pipe = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(pipe)

    with wishes():
        pass

    assert [signal.getsignal(number) for number in SIGNALS] == handlers
    assert signal.set_wakeup_fd(pipe) == pipe


def test_what_somebody_has_taken_over_stays_theirs() -> None:
    def theirs(*_: object) -> None:
        raise NotImplementedError

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.getsignal(signal.SIGTERM)
    with ExitStack() as stack:
        stack.callback(os.close, writer)
        stack.callback(os.close, reader)
        stack.callback(signal.signal, signal.SIGTERM, before)
        with wishes():
            signal.signal(signal.SIGTERM, theirs)
            signal.set_wakeup_fd(writer)

        assert signal.getsignal(signal.SIGTERM) is theirs
        assert signal.set_wakeup_fd(-1) == writer


def test_signals_can_be_ignored_for_the_last_moments() -> None:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        ignore_signals()
        for number in SIGNALS:
            os.kill(os.getpid(), number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
