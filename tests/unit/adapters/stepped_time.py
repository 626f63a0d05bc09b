"""Time that passes pause by pause, when a test says so."""

from __future__ import annotations

import asyncio

from snakepit_bridge.testing import FakeClock


class SteppedTime:
    """Gives ``pause`` to the code under test, and lets its pauses pass one after the other."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._pauses: asyncio.Queue[tuple[float, asyncio.Future[None]]] = asyncio.Queue()

    async def pause(self, seconds: float) -> None:
        passed = asyncio.get_running_loop().create_future()
        self._pauses.put_nowait((seconds, passed))
        await passed

    async def step(self) -> float:
        """Wait until something pauses, let the pause pass, say how long it was."""
        async with asyncio.timeout(5):
            seconds, passed = await self._pauses.get()
        self.clock.advance(seconds)
        if not passed.done():
            passed.set_result(None)
        return seconds
