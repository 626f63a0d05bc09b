"""Tasks whose code runs at once up to its first wait."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import Any


def eager_task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a task of the running loop now instead of at the loop's next turn.

    Code that never waits has ended when this returns. Two turns of the loop, one to begin and one
    to tell the caller, cost more than everything else the bridge does for such a command.
    """
    loop = asyncio.get_running_loop()
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, eager_start=True)
    context = copy_context()
    begun = _Begun(work)
    task = loop.create_task(begun, context=context)
    # What asyncio documents for other implementations of tasks: while the first step runs, the
    # current task is the new one, so that timeouts and task groups in the code belong to it.
    current = asyncio.current_task()
    if current is not None:
        asyncio._leave_task(loop, current)  # noqa: SLF001
    asyncio._enter_task(loop, task)  # noqa: SLF001
    try:
        context.run(begun.begin)
    finally:
        asyncio._leave_task(loop, task)  # noqa: SLF001
        if current is not None:
            asyncio._enter_task(loop, current)  # noqa: SLF001
    return task


class _Begun(Coroutine[Any, Any, None]):
    """A coroutine whose first step was made outside of its task, which makes all others.

    To the task it looks as if it began now and waited at once for what the first step waits for.
    """

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._first: Any = None
        self._is_first = True
        self._end: BaseException | None = None

    def begin(self) -> None:
        """Make the first step; how it ends is told when the task asks."""
        try:
            self._first = self._work.send(None)
        except BaseException as end:  # noqa: BLE001  (handed on to the task, whatever it is)
            self._end = end

    def send(self, value: Any) -> Any:
        """The task's next step."""
        if self._end is not None:
            raise self._end
        if self._is_first:
            self._is_first = False
            return self._first
        return self._work.send(value)

    def throw(self, *error: Any) -> Any:
        """The task is cancelled; one whose work has ended already ends as that did."""
        if self._end is not None:
            raise self._end
        if self._is_first:
            self._is_first = False
            # A task cancels what it waits for, which then tells the code; this one does not wait
            # yet as far as it knows.
            if isinstance(self._first, asyncio.Future) and self._first.cancel():
                return self._first
        return self._work.throw(*error)

    def close(self) -> None:
        """The task is dropped."""
        self._work.close()

    def __await__(self) -> Generator[Any, Any, None]:
        text = "a begun coroutine belongs to its task and cannot be awaited"
        raise TypeError(text)
