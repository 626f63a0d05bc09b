from __future__ import annotations

import asyncio
import os

import pytest

from snakepit_bridge.worker import parent
from snakepit_bridge.worker.parent import parent_gone

NOBODY = 2**22 + 1
"""Beyond the largest process id of Linux."""


@pytest.mark.parametrize("another", [os.getpid(), NOBODY], ids=["this process", "nobody"])
async def test_a_parent_that_is_not_ours_any_more_has_gone(another: int) -> None:
    async with asyncio.timeout(5):
        await parent_gone(another)


async def test_a_parent_that_lives_is_waited_for() -> None:
    waiting = asyncio.create_task(parent_gone(os.getppid()))
    await asyncio.sleep(0)

    assert not waiting.done()
    waiting.cancel()


async def test_where_the_system_does_not_tell_one_looks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parents = iter([NOBODY, NOBODY, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    monkeypatch.setattr(parent, "POLL_S", 0.0)

    async with asyncio.timeout(5):
        await parent_gone(NOBODY)

    assert list(parents) == []
