from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from snakepit_bridge.adapters.heartbeat_config import HeartbeatConfig
from snakepit_bridge.adapters.heartbeat_loop import HeartbeatLoop
from tests.unit.adapters.stepped_time import SteppedTime


class Host:
    """Answers heartbeats, or takes its time to fail."""

    def __init__(self, time: SteppedTime) -> None:
        self.is_there = True
        self.fails_after_s = 0.0
        self.beats: list[float] = []
        self.losses = 0
        self._time = time

    async def beat(self) -> bool:
        self.beats.append(self._time.clock.monotonic())
        if not self.is_there:
            self._time.clock.advance(self.fails_after_s)
        return self.is_there

    def lose(self) -> None:
        self.losses += 1


@asynccontextmanager
async def running(loop: HeartbeatLoop) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(loop.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


def _loop(host: Host, time: SteppedTime, **options: Any) -> HeartbeatLoop:
    first_contact_s = options.pop("first_contact_s", 0.0)
    return HeartbeatLoop(
        host.beat,
        HeartbeatConfig(**options),
        on_lost=host.lose,
        first_contact_s=first_contact_s,
        clock=time.clock,
        pause=time.pause,
    )


async def test_beats_are_sent_at_an_interval_after_the_first_delay() -> None:
    time = SteppedTime()
    host = Host(time)

    async with running(_loop(host, time, initial_delay_ms=500, interval_ms=2000)):
        for _ in range(4):
            await time.step()

    assert host.beats == [0.5, 2.5, 4.5]


async def test_a_beat_that_takes_long_to_fail_does_not_delay_the_next() -> None:
    time = SteppedTime()
    host = Host(time)
    host.is_there, host.fails_after_s = False, 0.75

    async with running(_loop(host, time)):
        assert [await time.step() for _ in range(2)] == [1.25, 1.25]

    assert host.beats == [0.0, 2.0]


async def test_a_beat_that_takes_longer_than_the_interval_is_followed_at_once() -> None:
    time = SteppedTime()
    host = Host(time)
    host.is_there, host.fails_after_s = False, 10.0

    async with running(_loop(host, time)):
        assert await time.step() == 0.0


async def test_a_host_is_lost_after_so_many_misses_in_a_row() -> None:
    time = SteppedTime()
    host = Host(time)
    loop = _loop(host, time, max_missed_heartbeats=3)

    async with running(loop):
        await time.step()
        for is_there in (False, False, True, False, False):
            host.is_there = is_there
            await time.step()
        assert (loop.missed, host.losses) == (2, 0)
        await time.step()

    assert (loop.missed, host.losses, loop.is_lost) == (3, 1, True)


@pytest.mark.defect("D34")
async def test_a_loss_is_told_once_and_again_after_the_host_was_there() -> None:
    """It was told at every further miss."""
    time = SteppedTime()
    host = Host(time)
    loop = _loop(host, time, max_missed_heartbeats=1)

    async with running(loop):
        await time.step()
        host.is_there = False
        for _ in range(5):
            await time.step()
        assert host.losses == 1
        host.is_there = True
        await time.step()
        await time.step()
        assert not loop.is_lost
        host.is_there = False
        await time.step()
        await time.step()

    assert host.losses == 2


async def test_a_host_that_never_answered_has_time_to_come_up() -> None:
    time = SteppedTime()
    host = Host(time)
    host.is_there = False
    loop = _loop(host, time, max_missed_heartbeats=3, first_contact_s=60)

    async with running(loop):
        for _ in range(30):
            assert host.losses == 0
            await time.step()
        await time.step()

    assert host.beats[-1] == 60.0
    assert host.losses == 1


async def test_a_host_that_answered_once_has_no_more_time_than_others() -> None:
    time = SteppedTime()
    host = Host(time)

    async with running(_loop(host, time, max_missed_heartbeats=3, first_contact_s=60)):
        await time.step()
        host.is_there = False
        for _ in range(4):
            await time.step()

    assert host.losses == 1


async def test_a_stopped_loop_ends_with_its_beat() -> None:
    time = SteppedTime()
    host = Host(time)
    loop = _loop(host, time)

    async with asyncio.timeout(5):
        task = asyncio.create_task(loop.run())
        await time.step()
        loop.stop()
        await task

    assert len(host.beats) == 2


async def test_the_interval_may_vary() -> None:
    time = SteppedTime()

    async with running(_loop(Host(time), time, interval_ms=1000, jitter_ms=500)):
        pauses = [await time.step() for _ in range(20)]

    assert all(1.0 <= seconds <= 1.5 for seconds in pauses)
    assert len(set(pauses)) > 1


async def test_what_happened_is_known_in_seconds_of_the_clock() -> None:
    time = SteppedTime()
    host = Host(time)
    loop = _loop(host, time)
    assert (loop.last_beat, loop.last_answer) == (None, None)

    time.clock.advance(7)
    assert await loop.once()
    time.clock.advance(1)
    host.is_there = False
    assert not await loop.once()

    assert (loop.last_beat, loop.last_answer) == (8.0, 7.0)
