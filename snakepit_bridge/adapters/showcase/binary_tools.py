"""Tools that show what large numeric values cost."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import takewhile
from typing import Any

import msgspec

from snakepit_bridge.adapters.showcase.dice import dice
from snakepit_bridge.adapters.showcase.pause import is_abandoned
from snakepit_bridge.adapters.showcase.tool import Tool, ToolContext

BINARY_THRESHOLD_BYTES = 10_240
"""Above it Snakepit's Elixir side calls a value binary."""

_FLOAT_BYTES = 8
_MOST_ELEMENTS = 10_000_000
_MOST_DIMENSIONS = 1_000_000
_MOST_SIZES = 1_000


def encoding_of(size_bytes: int) -> str:
    """How a block of numbers of this size is said to travel: ``"binary"`` or ``"json"``."""
    return "binary" if size_bytes > BINARY_THRESHOLD_BYTES else "json"


class BinaryTools:
    """Tensors, embeddings, a comparison of encodings, a digest of bytes."""

    def tools(self) -> tuple[Tool, ...]:
        """The tools of this group."""
        return (
            Tool(self.create_tensor),
            Tool(self.create_embedding),
            Tool(self.benchmark_encoding),
        )

    def create_tensor(
        self,
        _context: ToolContext,
        /,
        name: str,
        shape: Sequence[int],
        size_bytes: int | None = None,
    ) -> dict[str, Any]:
        """Make a tensor of zeros, measure it, let go of it.

        Args:
            name: Comes back with the answer.
            shape: Its dimensions, at most 10 million elements in all.
            size_bytes: What to report as its size; by default 8 bytes per element.

        Raises:
            ValueError: A dimension is negative, or there are too many elements.
        """
        if any(dimension < 0 for dimension in shape):
            text = f"No dimension of a shape is negative: {shape!r}."
            raise ValueError(text)
        elements = _bounded("elements", math.prod(shape), _MOST_ELEMENTS)
        tensor = array("d", bytes(_FLOAT_BYTES * elements))
        size = size_bytes if size_bytes is not None else len(tensor) * tensor.itemsize
        return {
            "name": name,
            "shape": list(shape),
            "size_bytes": size,
            "encoding": encoding_of(size),
            "elements": len(tensor),
        }

    def create_embedding(
        self, _context: ToolContext, /, text: str, dimensions: int
    ) -> dict[str, Any]:
        """Make up an embedding of length 1, always the same for the same text; measure it.

        Raises:
            ValueError: ``dimensions`` is below 1 or above a million.
        """
        if dimensions < 1:
            message = f"An embedding has at least one dimension, not {dimensions!r}."
            raise ValueError(message)
        embedding = _direction(text, _bounded("dimensions", dimensions, _MOST_DIMENSIONS))
        size = _FLOAT_BYTES * dimensions
        return {
            "text": text,
            "dimensions": dimensions,
            "encoding": encoding_of(size),
            "size_bytes": size,
            "norm": math.hypot(*embedding),
        }

    def benchmark_encoding(
        self, _context: ToolContext, /, start_kb: int = 1, end_kb: int = 100, step_kb: int = 10
    ) -> dict[str, Any]:
        """Write blocks of numbers of growing size as JSON text, then as bytes.

        Returns:
            ``results``, one per size from ``start_kb`` up to ``end_kb``, in KiB: ``size_kb``,
            ``elements``, ``encoding`` (what it would travel as), ``json_ms``, ``json_bytes``,
            ``binary_ms``, ``binary_bytes``.

        Raises:
            ValueError: ``step_kb`` is not above 0, ``start_kb`` is negative, there would be more
                than 1,000 sizes, or ``end_kb`` is above what 10 million elements take.
        """
        if step_kb < 1 or start_kb < 0:
            text = f"start_kb={start_kb!r}, step_kb={step_kb!r}: at least 0, at least 1."
            raise ValueError(text)
        sizes_kb = range(start_kb, end_kb + 1, step_kb)
        if len(sizes_kb) > _MOST_SIZES:
            text = f"{len(sizes_kb)} sizes are more than {_MOST_SIZES}: take larger steps."
            raise ValueError(text)
        _bounded("elements", end_kb * 1024 // _FLOAT_BYTES, _MOST_ELEMENTS)
        wanted = takewhile(lambda _size_kb: not is_abandoned(), sizes_kb)
        return {"results": [_compared(size_kb) for size_kb in wanted]}


def process_binary(data: bytes | str, operation: str = "checksum") -> dict[str, Any]:
    """Look at bytes.

    Args:
        data: The bytes; text is taken as UTF-8.
        operation: ``"checksum"`` (SHA-256, hexadecimal), ``"size"`` or ``"reverse"`` (the bytes
            from the last to the first, hexadecimal).

    Returns:
        ``operation``, ``input_size`` in bytes, ``result``, ``success``.

    Raises:
        ValueError: There is no such operation.
    """
    if operation not in _OPERATIONS:
        text = f"There is no operation {operation!r}: it is one of {', '.join(_OPERATIONS)}."
        raise ValueError(text)
    block = data.encode() if isinstance(data, str) else data
    return {
        "operation": operation,
        "input_size": len(block),
        "result": _OPERATIONS[operation](block),
        "success": True,
    }


_OPERATIONS: dict[str, Callable[[bytes], Any]] = {
    "checksum": lambda block: sha256(block).hexdigest(),
    "size": len,
    "reverse": lambda block: block[::-1].hex(),
}


def _bounded(what: str, number: int, most: int) -> int:
    if number > most:
        text = f"{number} {what} are more than the {most} this showcase makes."
        raise ValueError(text)
    return number


def _direction(text: str, dimensions: int) -> list[float]:
    """A vector of length 1."""
    chance = dice(text)
    vector = [chance.uniform(-1, 1) for _ in range(dimensions)]
    # Without a fallback, a vector that happens to be all zeros would be divided by 0.
    length = math.hypot(*vector) or 1.0
    return [component / length for component in vector]


def _compared(size_kb: int) -> dict[str, Any]:
    elements = size_kb * 1024 // _FLOAT_BYTES
    chance = dice(size_kb)
    block = array("d", (chance.random() for _ in range(elements)))
    text, json_ms = _timed(lambda: msgspec.json.encode(block.tolist()))
    raw, binary_ms = _timed(block.tobytes)
    return {
        "size_kb": size_kb,
        "elements": elements,
        "encoding": encoding_of(len(raw)),
        "json_ms": json_ms,
        "json_bytes": len(text),
        "binary_ms": binary_ms,
        "binary_bytes": len(raw),
    }


def _timed(encode: Callable[[], bytes]) -> tuple[bytes, float]:
    began = time.perf_counter()
    encoded = encode()
    return encoded, round(1000 * (time.perf_counter() - began), 4)
