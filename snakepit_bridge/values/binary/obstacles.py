"""Says what hinders an array or table from being written."""

from __future__ import annotations

import sys
from typing import Any

from snakepit_bridge.values.binary.array_forms import OWNERS, is_of_numpy
from snakepit_bridge.values.binary.arrow_streams import pyarrow_if_installed
from snakepit_bridge.values.binary.pandas_forms import obstacle_of_pandas

_OF_KIND = {
    "U": ("text", "Send .tolist()."),
    "T": ("text", "Send .tolist()."),
    "S": ("bytes", "Send .tolist()."),
    "O": ("Python objects", "Send .tolist(), or give it one type, e.g. .astype('float64')."),
    "V": ("records", "Send each field as an array of its own, or .tolist()."),
    "f": ("long floats", "Send .astype('float64')."),
    "c": ("long complex numbers", "Send .astype('complex128')."),
}
"""By numpy's letter for a kind of elements: what they are, and the next step."""


_PLAIN = {"f": "float(value)", "c": "complex(value)"}


def obstacle_of(value: object) -> tuple[str, str] | None:
    """What hinders a value from having a binary form.

    Args:
        value: One that has none.

    Returns:
        What it is or has, as the end of a sentence that begins with the place, and what to do
        about it; ``None`` for what is neither of numpy nor of pandas, or not known to have one.
    """
    kind = type(value)
    if is_of_numpy(kind):
        return _obstacle_of_numpy(value)
    if str(kind.__module__).partition(".")[0] != "pandas" or "pandas" not in sys.modules:
        return None
    found = obstacle_of_pandas(value)
    if found is not None and hasattr(value, "dtypes") and pyarrow_if_installed() is None:
        return f"is a {kind.__name__}, and pyarrow is not installed", "Install pyarrow."
    return found


def _obstacle_of_numpy(value: Any) -> tuple[str, str]:
    kind, numpy = type(value), sys.modules["numpy"]
    if value is numpy.ma.masked:
        return "is numpy.ma.masked", "Send None."
    if issubclass(kind, numpy.ma.MaskedArray):
        return "is an array with a mask", "Send .filled(...), or .data and .mask."
    if str(kind.__module__).partition(".")[0] not in OWNERS:
        return (
            f"is of type {kind.__name__!r}, a class of its own made from one of numpy",
            "Send numpy.asarray(value), and beside it what the class adds.",
        )
    dtype = value.dtype
    if not issubclass(kind, numpy.ndarray):
        plain = _PLAIN.get(dtype.kind, "value.item()")
        return f"is a number of numpy of dtype {dtype.name!r}", f"Send {plain}."
    elements, hint = _OF_KIND.get(dtype.kind, ("elements of a rare type", "Send .tolist()."))
    return f"is an array of {elements} (dtype {dtype.str!r})", hint
