from __future__ import annotations

import asyncio
import faulthandler
from typing import Any

import pytest

from snakepit_bridge.worker.gil_watchdog import gil_watchdog


@pytest.fixture
def armed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[float]:
    """The times for which the watchdog was armed; it ends nothing."""
    times: asyncio.Queue[float] = asyncio.Queue()

    def arm(timeout_s: float, *, exit: bool, file: int) -> None:  # noqa: A002  (its name there)
        assert exit
        assert file >= 2
        times.put_nowait(timeout_s)

    monkeypatch.setattr(faulthandler, "dump_traceback_later", arm)
    return times


async def test_the_watchdog_is_calmed_for_as_long_as_the_loop_turns(
    armed: asyncio.Queue[float],
) -> None:
    async with asyncio.timeout(5), gil_watchdog(0.008):
        assert [await armed.get() for _ in range(3)] == [0.008] * 3


async def test_a_watchdog_that_nobody_calms_any_more_stays_armed(
    armed: asyncio.Queue[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def disarm() -> None:
        raise NotImplementedError

    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", disarm)

    async with asyncio.timeout(5), gil_watchdog(60.0):
        await armed.get()


async def test_a_watchdog_for_which_there_was_no_thread_is_armed_a_little_later(
    armed: asyncio.Queue[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    arm = faulthandler.dump_traceback_later
    refused = asyncio.Event()

    def refuse_once(*args: Any, **options: Any) -> None:
        if refused.is_set():
            arm(*args, **options)
            return
        refused.set()
        text = "unable to start watchdog thread"
        raise RuntimeError(text)

    monkeypatch.setattr(faulthandler, "dump_traceback_later", refuse_once)

    async with asyncio.timeout(5), gil_watchdog(0.008):
        await armed.get()

    assert refused.is_set()
