"""The element types that tensors have on the wire."""

from __future__ import annotations

import re
from types import MappingProxyType

_SIZES = MappingProxyType(
    {
        "bool": 1,
        **{f"{kind}{8 * size}": size for kind in ("int", "uint") for size in (1, 2, 4, 8)},
        **{f"float{8 * size}": size for size in (2, 4, 8)},
        **{f"complex{8 * size}": size for size in (8, 16)},
    }
)

_SMALL_SIZES = MappingProxyType({
    "bfloat16": 2,
    **{
        f"float8_{variant}": 1
        for variant in (
            "e3m4", "e4m3", "e4m3b11fnuz", "e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu",
        )
    },
})  # fmt: skip

_TIMES = re.compile(
    r"(datetime|timedelta)64(\[([1-9][0-9]{0,8})?(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
)
"""As numpy writes them: a unit, or several of it; without one they are all "not a time"."""


NAMES = (*_SIZES, *_SMALL_SIZES, "datetime64[us]", "timedelta64[us]")
"""All of them; of the times one unit for all."""


def size_of(name: str) -> int | None:
    """Bytes of one element, or ``None``: no tensor has such elements."""
    if _TIMES.fullmatch(name):
        return 8
    return _SIZES.get(name) or _SMALL_SIZES.get(name)


def is_small_float(name: str) -> bool:
    """Whether it is one of those that numpy has from ``ml_dtypes`` only."""
    return name in _SMALL_SIZES
