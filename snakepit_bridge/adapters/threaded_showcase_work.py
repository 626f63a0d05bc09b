"""The computations of the threaded showcase, which touch nothing but their arguments."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Sequence
from functools import cache

from snakepit_bridge.adapters.showcase.dice import dice
from snakepit_bridge.adapters.showcase.pause import is_abandoned

INPUT_SIZE = 100
OUTPUT_SIZE = 50

_TICK_MS = 0.001
"""Less than this nothing takes, however coarse the clock: durations get divided by."""


def computed(numbers: array[float], iterations: int) -> float:
    """Stir numbers ``iterations`` times, or until nobody waits for the result any more.

    Returns:
        A number that depends on all of them; 0 for none.
    """
    result = 0.0
    for _ in range(iterations):
        result = math.fsum(math.sin(number + result) for number in numbers)
        if is_abandoned():
            break
    return result


def multiplied(vector: Sequence[float]) -> list[float]:
    """Multiply a vector with the weights of the showcase's model.

    Args:
        vector: ``INPUT_SIZE`` numbers.

    Returns:
        ``OUTPUT_SIZE`` numbers.

    Raises:
        ValueError: The vector has another size.
    """
    if len(vector) != INPUT_SIZE:
        text = f"input_vector has {len(vector)} numbers instead of {INPUT_SIZE}."
        raise ValueError(text)
    return [
        math.fsum(weight * number for weight, number in zip(row, vector, strict=True))
        for row in _weights()
    ]


def stressed(duration_ms: float, complexity: int) -> tuple[int, float]:
    """Compute for a while, or until nobody waits for the result any more.

    Args:
        duration_ms: How long; it computes once even if that is 0.
        complexity: How many additions make one iteration.

    Returns:
        How many iterations there were, how many milliseconds they took, more than 0.
    """
    began = time.monotonic()
    iterations = 0
    while True:
        sum(range(complexity))
        iterations += 1
        passed_ms = max(1000 * (time.monotonic() - began), _TICK_MS)
        if passed_ms >= duration_ms or is_abandoned():
            return iterations, passed_ms


@cache
def _weights() -> tuple[tuple[float, ...], ...]:
    """``OUTPUT_SIZE`` rows, the same ones in every process."""
    chance = dice("weights")
    return tuple(
        tuple(chance.uniform(-1, 1) for _ in range(INPUT_SIZE)) for _ in range(OUTPUT_SIZE)
    )
