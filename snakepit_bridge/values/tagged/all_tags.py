"""From the members of an object with a tag to the value it stands for, tag by tag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, nan
from typing import Any

from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.tagged.blob_tags import read_blob
from snakepit_bridge.values.tagged.container_tags import (
    read_dict,
    read_frozenset,
    read_set,
    read_slice,
    read_tuple,
)
from snakepit_bridge.values.tagged.plain_tags import (
    read_atom,
    read_bytes,
    read_complex,
    read_decimal,
    read_ellipsis,
    read_special_float,
    read_uuid,
)
from snakepit_bridge.values.tagged.ref_tags import read_callback, read_ref, read_tool
from snakepit_bridge.values.tagged.tags import (
    SCHEMA,
    SCHEMA_KEY,
    TYPE_KEY,
    Members,
    TagError,
    field,
    shown,
    text_field,
)
from snakepit_bridge.values.tagged.time_tags import (
    read_date,
    read_datetime,
    read_time,
    read_timedelta,
)
from snakepit_bridge.values.value_types import Registered, ValueTypes

_READERS_AND_EXAMPLES: Mapping[str, tuple[Callable[[Members], Any], str]] = {
    "tuple": (read_tuple, '"elements": [1, 2]'),
    "set": (read_set, '"elements": [1, 2]'),
    "frozenset": (read_frozenset, '"elements": [1, 2]'),
    "dict": (read_dict, '"pairs": [[1, "one"], [2, "two"]]'),
    "slice": (read_slice, '"start": 0, "stop": 9, "step": null'),
    "ellipsis": (read_ellipsis, ""),
    "bytes": (read_bytes, '"data": "aGk="'),
    "complex": (read_complex, '"real": 1.5, "imag": -2.0'),
    "decimal": (read_decimal, '"value": "1.50"'),
    "special_float": (read_special_float, '"value": "infinity", "neg_infinity" or "nan"'),
    "infinity": (lambda _: inf, ""),
    "neg_infinity": (lambda _: -inf, ""),
    "nan": (lambda _: nan, ""),
    "uuid": (read_uuid, '"value": "12345678-1234-5678-1234-567812345678"'),
    "datetime": (read_datetime, '"value": "2026-01-31T12:30:00+01:00"'),
    "date": (read_date, '"value": "2026-01-31"'),
    "time": (read_time, '"value": "12:30:00"'),
    "timedelta": (read_timedelta, '"days": 1, "seconds": 0, "microseconds": 0'),
    "atom": (read_atom, '"value": "ok"'),
    "ref": (read_ref, '"id": "4f2c..."'),
    "stream_ref": (read_ref, '"id": "4f2c..."'),
    "callback": (read_callback, '"ref_id": "cb_1", "arity": 1'),
    "tool": (read_tool, '"name": "weather"'),
}
"""By tag: what reads it, and an example of its fields. The two that need more are below."""

_MORE_EXAMPLES = {
    "blob": '"index": 0',
    "object": '"class": "shop.Order", "value": {"number": 1}',
}

_READERS = {name: read for name, (read, _) in _READERS_AND_EXAMPLES.items()}

_EXAMPLES = _MORE_EXAMPLES | {name: example for name, (_, example) in _READERS_AND_EXAMPLES.items()}


class TagReader:
    """Reads one tag at a time; what is inside it has been read before.

    Args:
        types: What may be made of an ``object``.
    """

    def __init__(self, types: ValueTypes) -> None:
        self._types = types

    def read(self, members: Members, blobs: BlobValues) -> Any:
        """Read a tag.

        Args:
            members: Of the object that has it.
            blobs: Of what came beside the text.

        Returns:
            What the tag stands for; ``members``, where nobody knows such a tag.

        Raises:
            CannotReadError: The members do not fit the tag.
        """
        # Without a tag it is reserved for the other reason: refs are older than tags.
        name = members.get(TYPE_KEY, "ref" if "ref_id" in members else "")
        if type(name) is not str or name not in _EXAMPLES:
            return members
        _refuse_other_schema(name, members)
        try:
            return self._value(name, members, blobs)
        except TagError as error:
            raise CannotReadError(f'is a "{name}" tag {error}', _hint(name)) from error

    def _value(self, name: str, members: Members, blobs: BlobValues) -> Any:
        if name == "blob":
            return read_blob(members, blobs)
        if name == "object":
            registered = Registered(text_field(members, "class"), field(members, "value"))
            return self._types.build(registered)
        return _READERS[name](members)


def _refuse_other_schema(name: str, members: Members) -> None:
    schema = members.get(SCHEMA_KEY, SCHEMA)
    if type(schema) is not int or schema != SCHEMA:
        raise CannotReadError(
            f'is a "{name}" tag of schema {shown(schema)}; only schema {SCHEMA} is read here',
            "Update this side, or send the schema it knows.",
        )


def _hint(name: str) -> str:
    fields = "".join(f", {each}" for each in [_EXAMPLES[name]] if each)
    return (
        f'Send e.g. {{"{TYPE_KEY}": "{name}"{fields}}}; a dict of your own that has the key '
        f'"{TYPE_KEY}" travels as the pairs of a "dict" tag.'
    )
