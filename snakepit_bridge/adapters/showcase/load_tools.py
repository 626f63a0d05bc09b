"""Tools that keep a pool of workers busy."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from snakepit_bridge.adapters.showcase.pause import Wait, is_abandoned
from snakepit_bridge.adapters.showcase.process_figures import CpuMeter, memory_mb
from snakepit_bridge.adapters.showcase.tool import Tool, ToolContext

_ADDED_AT_ONCE = 1_000
"""Additions between two looks at the clock: some 20 microseconds."""

_MOST_TASKS = 32


class LoadTools:
    """Work that computes, work that waits, work that is hardly any.

    Args:
        wait: Lets time pass where a task waits.
    """

    def __init__(self, wait: Wait) -> None:
        self._wait = wait
        self._cpu = CpuMeter()

    def tools(self) -> tuple[Tool, ...]:
        """The tools of this group."""
        return (
            Tool(self.cpu_bound_task),
            Tool(self.sleep_task),
            Tool(self.lightweight_task),
            Tool(self.get_pool_stats),
        )

    def cpu_bound_task(
        self, _context: ToolContext, /, task_id: Any, duration_ms: float
    ) -> dict[str, Any]:
        """Compute for ``duration_ms``, or until nobody waits for the result any more."""
        began = time.monotonic()
        result = 0
        while True:
            result += sum(range(_ADDED_AT_ONCE))
            passed_ms = 1000 * (time.monotonic() - began)
            if passed_ms >= duration_ms or is_abandoned():
                break
        return {"task_id": task_id, "result": result, "actual_duration_ms": round(passed_ms, 3)}

    def sleep_task(
        self, _context: ToolContext, /, duration_ms: float, task_number: int
    ) -> dict[str, Any]:
        """Wait for ``duration_ms``, as code does that waits for a database."""
        self._wait(duration_ms / 1000)
        return {"task_number": task_number, "slept_ms": duration_ms}

    def lightweight_task(self, _context: ToolContext, /, iteration: int) -> dict[str, Any]:
        """Square a number: what is measured is the call."""
        return {"iteration": iteration, "result": iteration * iteration}

    def get_pool_stats(self, _context: ToolContext, /) -> dict[str, Any]:
        """What the worker takes of the machine: MiB, percent of a processor since last asked."""
        return {
            "worker_pid": os.getpid(),
            "memory_mb": memory_mb(),
            "cpu_percent": self._cpu.percent(),
        }

    def concurrent_demo(self, task_count: int = 5, delay_ms: float = 100) -> dict[str, Any]:
        """Run tasks side by side on threads of this worker.

        Args:
            task_count: How many, 1 to 32.
            delay_ms: What each of them waits for.

        Returns:
            ``task_count``, ``results`` (``task`` from 0, ``result``, ``thread``), ``elapsed_ms``,
            ``success``.

        Raises:
            ValueError: ``task_count`` is below 1 or above 32.
        """
        if not 1 <= task_count <= _MOST_TASKS:
            text = f"task_count={task_count!r} must be between 1 and {_MOST_TASKS}."
            raise ValueError(text)
        began = time.monotonic()
        with ThreadPoolExecutor(task_count, "concurrent_demo") as threads:
            # Threads inherit no context; without it nobody could call the tasks off.
            futures = [
                threads.submit(copy_context().run, self._task, number, delay_ms / 1000)
                for number in range(task_count)
            ]
            results = [future.result() for future in futures]
        return {
            "task_count": task_count,
            "results": results,
            "elapsed_ms": round(1000 * (time.monotonic() - began), 3),
            "success": True,
        }

    def _task(self, number: int, delay_s: float) -> dict[str, Any]:
        self._wait(delay_s)
        name = threading.current_thread().name
        return {"task": number, "result": number * number, "thread": name}
