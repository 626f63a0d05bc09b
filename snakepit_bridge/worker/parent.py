"""The end of the process that started the worker, noticed."""

from __future__ import annotations

import asyncio
import os

POLL_S = 0.5
"""How often to look where the system does not tell; the promise is 5 s."""


async def parent_gone(parent: int) -> None:
    """Return once the process that started this one has ended.

    Args:
        parent: Its id, of a time when it lived.
    """
    try:
        ended = os.pidfd_open(parent)
    except (AttributeError, OSError):  # another system, or a parent in another namespace
        await _adopted(parent)
        return
    try:
        await readable(ended) if os.getppid() == parent else None
    finally:
        os.close(ended)


async def readable(fd: int) -> None:
    """Return once something can be read from a file descriptor, its end included."""
    loop = asyncio.get_running_loop()
    told = loop.create_future()
    loop.add_reader(fd, lambda: None if told.done() else told.set_result(None))
    try:
        await told
    finally:
        loop.remove_reader(fd)


async def _adopted(parent: int) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110  (nothing tells of it)
        await asyncio.sleep(POLL_S)
