"""Integers of any size for the JSON encoder, which has a limit."""

from __future__ import annotations

import msgspec

from snakepit_bridge.values.big_integers import digits_of

_MAX_BITS = 2_000
"""Integers the encoder surely writes: CPython's limit on conversions cannot be set below 640
digits, which are 2,126 bits."""


def integer_form(_: object, number: int) -> int | msgspec.Raw:
    """The integer, or its digits where they are many; for the tables of writers.

    Args:
        _: The pass that meets it; of no interest.
        number: The integer.
    """
    if number.bit_length() <= _MAX_BITS:
        return number
    return msgspec.Raw(digits_of(number).encode())
