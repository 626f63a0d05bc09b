"""The floats that JSON has no number for."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, nan
from types import MappingProxyType

SPECIAL_FLOATS: Mapping[str, float] = MappingProxyType(
    {"NaN": nan, "Infinity": inf, "-Infinity": -inf}
)
"""Each by the text that stands for it, in every encoding made of JSON."""
