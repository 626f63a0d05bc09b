"""The encoding ``tagged``."""

from __future__ import annotations

import json
from typing import Any

from fuzz.choices import Choices, TagForge
from fuzz.encodings import TYPES, check_reading
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.tagged.tagged import Tagged

_ENCODING = Tagged(Fallback(), TYPES)

_MADE = b"\x01"

_TAGS: tuple[Any, ...] = (
    *("tuple", "set", "frozenset", "dict", "slice", "ellipsis", "bytes", "complex", "decimal"),
    *("special_float", "infinity", "neg_infinity", "nan", "uuid", "datetime", "date", "time"),
    *("timedelta", "atom", "ref", "stream_ref", "callback", "tool", "blob", "object", "new", 1, []),
)

_FIELDS = (
    *(
        "elements",
        "value",
        "pairs",
        "start",
        "stop",
        "step",
        "data",
        "real",
        "imag",
        "zone",
        "fold",
    ),
    *(
        "days",
        "seconds",
        "microseconds",
        "id",
        "ref_id",
        "session_id",
        "python_module",
        "type_name",
    ),
    *("callback_id", "arity", "pid", "name", "kind", "dtype", "shape", "index", "class"),
    *("__schema__", "__type_name__", "__snakebridge_ref__"),
)

_LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, -1, 4, 86_400, 2**31, 2**62, 2**63, 2**64, 10**40, -(10**40)),
    *(0.0, -0.0, 1.5, 1e308, 5e-324, float("nan"), float("inf"), [], {}, [[1, 2]], [[[], 1]]),
    *(
        "",
        "a",
        "1",
        "-1.50E+7",
        "1E+1000000",
        "1E+999999999999999999",
        "sNaN",
        "NaN123",
        "Infinity",
    ),
    *("infinity", "neg_infinity", "nan", "\u0663", "1_0", "aGk=", "aGk", "\u20ac", "\0"),
    *("00000000-0000-0000-0000-000000000005", "{00000000000000000000000000000005}", "urn:uuid:"),
    *("2026-01-31", "0001-01-01", "9999-12-31", "20260131", "2026-W05-6", "12:30", "T1", "24:00"),
    *("2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+02:00", "0001-01-01T00:00:00+23:59"),
    *("9999-12-31T23:59:59.999999-23:59", "2026-01-01T00:00:00+00:00:00.000001"),
    *("2026-03-29T02:30:00", "Europe/Berlin", "UTC", "America/New_York", "../x", "Europe", "Nope"),
    *("__init__/x", "bytes", "tensor", "arrow", "int8", "float32", "bfloat16", "bool"),
    *("datetime64[ns]", "datetime64[25s]", "timedelta64", "AAAA", "AQ==", "Color", "Point", "Pair"),
    *("Item", "red", {"x": 1}, {"x": 1, "y": [1]}, {"left": 1, "right": 2}, {"name": "n"}, [1, 2]),
    *("snakebridge.callback", "\U0001f600", "\x7f", "m.C", "m"),
)


def check(data: bytes) -> None:
    """Read a JSON text with tags.

    Args:
        data: The text; or the byte 1, then choices of what the text says.
    """
    if data.startswith(_MADE):
        made = TagForge(Choices(data[1:]), _TAGS, _FIELDS, _LEAVES).value()
        data = json.dumps(made).encode()
    check_reading(_ENCODING, data, lambda _: True)
