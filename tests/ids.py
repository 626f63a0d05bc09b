"""Names for the cases of a test."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def shown(value: object) -> str:
    """The value's ``repr`` without addresses: every process must collect the same names."""
    return _ADDRESS.sub("", repr(value))
