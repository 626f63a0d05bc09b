"""Results in the shapes that Snakepit's own Python side gives them."""

from __future__ import annotations

from typing import Any

from snakepit_bridge.values.refusals import CannotWriteError
from snakepit_bridge.values.snakepit.zero_copy import ZeroCopyRef


def upstream_shape(value: Any) -> Any:
    """What stands at the top level of a result for programs that rely on the old shapes.

    An integer becomes a float; whatever is no number, text, boolean, list, dict or handle becomes
    its ``str``. What is nested is left as it is.

    Raises:
        CannotWriteError: An integer is beyond the range of floats.
    """
    if isinstance(value, bool | dict | list | ZeroCopyRef):
        return value
    if isinstance(value, int | float):
        return _float(value)
    return str(value)


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise CannotWriteError(
            "is an integer beyond the range of 64-bit floats",
            "Return it as text, or do without the old shapes of results.",
        ) from error
