"""The adapter that shows what one object can do for many threads."""

from __future__ import annotations

import threading
import time
from array import array
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, ClassVar, Literal

from snakepit_bridge.adapters.base import tool
from snakepit_bridge.adapters.recent import Recent
from snakepit_bridge.adapters.showcase.pause import Wait, is_abandoned, pause
from snakepit_bridge.adapters.threaded import ThreadSafeAdapter, thread_safe_method
from snakepit_bridge.adapters.threaded_showcase_work import computed, multiplied, stressed

_MOST_CACHED = 256
_MOST_REMEMBERED = 1_000
_MODEL = "showcase-linear"


class ThreadedShowcaseAdapter(ThreadSafeAdapter):
    """One object for all requests of the process: its cache and its history outlive them.

    What several threads change stands under the adapter's lock; what takes time, does not.

    Args:
        wait: How its tools let time pass.
    """

    __thread_safe__ = True

    adapter_lifetime: ClassVar[Literal["request", "session", "process"]] = "process"

    def __init__(self, wait: Wait = pause) -> None:
        super().__init__()
        self._wait = wait
        self._results: Recent[float] = Recent(_MOST_CACHED)
        self._history: deque[dict[str, Any]] = deque(maxlen=_MOST_REMEMBERED)
        self._batches = 0

    @tool(description="Show that somebody is there")
    @thread_safe_method
    def ping(self, message: str = "pong") -> dict[str, Any]:
        """Tells the thread, too."""
        self._remember("ping")
        return {"message": message, "timestamp": _now(), "thread": _thread()}

    @tool(description="Stir numbers, or take the result of the last time from the cache")
    @thread_safe_method
    def compute_intensive(self, data: Sequence[float], iterations: int = 1000) -> dict[str, Any]:
        """Two requests for the same at the same time both compute it."""
        began = time.monotonic()
        numbers = array("d", data)
        # A digest, for the cache is not to hold the inputs of everybody.
        key = f"{sha256(numbers.tobytes()).hexdigest()} {iterations}"
        known = self._results.use(key)
        result = computed(numbers, iterations) if known is None else known
        # What was broken off is not the result.
        if not is_abandoned():
            self._results.keep(key, result)
        self._remember("compute_intensive")
        return {
            "result": result,
            "iterations": iterations,
            "input_size": len(numbers),
            "execution_time_ms": _ms_since(began),
            "thread": _thread(),
            "cached": known is not None,
        }

    @tool(description="Multiply a vector of 100 numbers with the weights of a model")
    @thread_safe_method
    def matrix_multiply(self, input_vector: Sequence[float]) -> dict[str, Any]:
        """The weights are the same ones in every process and for every request."""
        began = time.monotonic()
        output = multiplied(input_vector)
        self._remember("matrix_multiply")
        return {
            "output": output,
            "input_size": len(input_vector),
            "output_size": len(output),
            "execution_time_ms": _ms_since(began),
            "thread": _thread(),
            "model": _MODEL,
        }

    @tool(description="Process items one after the other")
    @thread_safe_method
    def batch_process(self, items: Sequence[Any], delay_ms: float = 10) -> dict[str, Any]:
        """Each item takes ``delay_ms``; once nobody waits any more, the rest is left."""
        began = time.monotonic()
        results: list[dict[str, Any]] = []
        for index, item in enumerate(items):
            if is_abandoned():
                break
            self._wait(delay_ms / 1000)
            results.append({"index": index, "item": item, "processed": True})
        with self.acquire_lock():
            self._batches += 1
            number = self._batches
        self._remember("batch_process")
        return {
            "batch_id": f"batch_{number}",
            "items_processed": len(results),
            "results": results,
            "execution_time_ms": _ms_since(began),
            "thread": _thread(),
        }

    @tool(description="Tell how many requests and threads there were, what is cached")
    @thread_safe_method
    def get_adapter_stats(self) -> dict[str, Any]:
        """Adds to ``get_stats`` what this adapter keeps."""
        self._remember("get_adapter_stats")
        with self.acquire_lock():
            kept = {"cache_size": len(self._results), "history_size": len(self._history)}
        return {**self.get_stats(), **kept}

    @tool(description="Compute for a while, to see how much gets done")
    @thread_safe_method
    def stress_test(self, duration_ms: float = 100, complexity: int = 1000) -> dict[str, Any]:
        """``complexity`` additions make one iteration."""
        iterations, passed_ms = stressed(duration_ms, complexity)
        self._remember("stress_test")
        return {
            "iterations": iterations,
            "target_duration_ms": duration_ms,
            "actual_duration_ms": round(passed_ms, 3),
            "complexity": complexity,
            "thread": _thread(),
            "ops_per_second": round(1000 * iterations / passed_ms, 1),
        }

    @tool(description="Forget what was computed, forget the calls")
    @thread_safe_method
    def clear_caches(self) -> dict[str, Any]:
        """Tells how many results and calls there were."""
        with self.acquire_lock():
            cleared = {"results_cleared": len(self._results), "calls_cleared": len(self._history)}
            self._results = Recent(_MOST_CACHED)
            self._history.clear()
        return {**cleared, "success": True, "thread": _thread()}

    @tool(description="The last calls, the latest one last")
    @thread_safe_method
    def get_history(self, limit: int = 10) -> dict[str, Any]:
        """At most ``limit`` of the thousand that are remembered."""
        with self.acquire_lock():
            calls = list(self._history)
        return {"history": calls[-limit:] if limit > 0 else [], "total": len(calls)}

    def _remember(self, tool_name: str) -> None:
        call = {"tool": tool_name, "timestamp": _now(), "thread": _thread()}
        with self.acquire_lock():
            self._history.append(call)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _thread() -> str:
    return threading.current_thread().name


def _ms_since(began: float) -> float:
    """Milliseconds since a reading of ``time.monotonic()``."""
    return round(1000 * (time.monotonic() - began), 3)
