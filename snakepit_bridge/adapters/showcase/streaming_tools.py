"""Tools that answer bit by bit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from snakepit_bridge.adapters.showcase.dice import dice
from snakepit_bridge.adapters.showcase.pause import Wait
from snakepit_bridge.adapters.showcase.tool import StreamChunk, Tool, ToolContext

_FIBONACCI_PAUSE_S = 0.05
_DATASET_PAUSE_S = 0.1
_SAMPLE_SIZE = 10


class StreamingTools:
    """Streams of chunks; the last one of a stream that ends is marked as such.

    Args:
        wait: Lets time pass between two chunks.
    """

    def __init__(self, wait: Wait) -> None:
        self._wait = wait

    def tools(self) -> tuple[Tool, ...]:
        """The tools of this group."""
        return (
            Tool(self.stream_data),
            Tool(self.stream_progress),
            Tool(self.stream_fibonacci),
            Tool(self.generate_dataset),
            Tool(self.infinite_stream),
        )

    def stream_data(
        self, _context: ToolContext, /, count: int = 5, delay: float = 1.0
    ) -> Iterator[StreamChunk]:
        """Send ``count`` messages, ``delay`` seconds apart."""
        for index in self._spaced(count, delay):
            message = f"Message {index} of {count}"
            data = {"index": index, "total": count, "message": message}
            yield StreamChunk(data, is_final=index == count)

    def stream_progress(
        self, _context: ToolContext, /, steps: int = 10, delay_ms: float = 500
    ) -> Iterator[StreamChunk]:
        """Tell how far a made-up piece of work is, in percent, ``delay_ms`` apart."""
        began = time.monotonic()
        for step in self._spaced(steps, delay_ms / 1000):
            data = {
                "step": step,
                "total": steps,
                "progress": round(100 * step / steps, 1),
                "message": f"Step {step} of {steps} is done",
                "elapsed_ms": round(1000 * (time.monotonic() - began), 3),
            }
            yield StreamChunk(data, is_final=step == steps)

    def stream_fibonacci(self, _context: ToolContext, /, count: int = 20) -> Iterator[StreamChunk]:
        """Send the first ``count`` Fibonacci numbers: 0, 1, 1, 2, ..."""
        value, following = 0, 1
        for index in self._spaced(count, _FIBONACCI_PAUSE_S):
            yield StreamChunk({"index": index, "value": value}, is_final=index == count)
            value, following = following, value + following

    def generate_dataset(
        self, _context: ToolContext, /, rows: int = 1000, chunk_size: int = 100
    ) -> Iterator[StreamChunk]:
        """Make up rows, ``chunk_size`` at a time, and send ten numbers of each chunk.

        Raises:
            ValueError: ``chunk_size`` is below 1.
        """
        if chunk_size < 1:
            text = f"chunk_size={chunk_size!r} must be at least 1."
            raise ValueError(text)
        chunks = -(-rows // chunk_size)
        for number in self._spaced(chunks, _DATASET_PAUSE_S):
            total_rows = min(rows, number * chunk_size)
            chance = dice(number)
            data = {
                "rows_in_chunk": total_rows - (number - 1) * chunk_size,
                "total_rows": total_rows,
                "data_sample": [chance.gauss(0, 1) for _ in range(_SAMPLE_SIZE)],
            }
            yield StreamChunk(data, is_final=number == chunks)

    def infinite_stream(
        self, _context: ToolContext, /, delay_ms: float = 500
    ) -> Iterator[StreamChunk]:
        """Send messages ``delay_ms`` apart until nobody listens any more."""
        number = 0
        while True:
            number += 1
            message = f"Message {number} of endlessly many"
            yield StreamChunk({"message": message, "timestamp": _now()})
            self._wait(delay_ms / 1000)

    def _spaced(self, count: int, delay_s: float) -> Iterator[int]:
        """Count from 1 to ``count``, with a pause between each two."""
        for number in range(1, count + 1):
            if number > 1:
                self._wait(delay_s)
            yield number


def _now() -> str:
    return datetime.now(UTC).isoformat()
