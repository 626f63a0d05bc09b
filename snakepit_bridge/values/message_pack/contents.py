"""From the messages within extensions to values, every field checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, compress
from typing import Any

from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.binary.forms import value_of
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.collisions import MOST_COLLISIONS, has_collisions
from snakepit_bridge.values.message_pack import codes
from snakepit_bridge.values.message_pack.payloads import wrong_payload
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.tag_objects import HostFunction
from snakepit_bridge.values.value_types import Registered, ValueTypes

_ROWS = frozenset({list, tuple, set, frozenset})
_PLAIN = _ROWS | {dict}
_CONTAINERS = _PLAIN | {slice}
_values = dict.values


class Contents:
    """Makes values of what the extensions of one message hold.

    Args:
        types: Whose values arrive as themselves.
        blobs: Of what came beside the message.
    """

    def __init__(self, types: ValueTypes, blobs: BlobValues) -> None:
        self._types = types
        self._blobs = blobs
        # By their ids; the objects are kept, so that no other gets the same.
        self._plain_of: dict[int, tuple[Any, Any]] = {}

        self.containers: set[type] = set(_CONTAINERS)
        """Types of values that may hold others."""

    def value_of(self, code: int, content: Any) -> Any:
        """The value of an extension whose payload is a message.

        Args:
            code: One of ``MESSAGES``.
            content: What the message holds.

        Raises:
            CannotReadError: They do not go together.
        """
        try:
            if code == codes.OBJECT:
                return self._object(content)
            if code == codes.BLOB:
                return self._blob(content)
            return _VALUES[code](content)
        except (TypeError, ValueError) as error:
            raise wrong_payload(code, error) from error

    def containers_in(self, level: list[Any]) -> list[Any]:
        """The members of some values, as far as they are of the types in ``containers``."""
        kinds = self.containers
        dicts = [value for value in level if type(value) is dict]
        rows = [value for value in level if type(value) in _ROWS]
        if len(dicts) + len(rows) < len(level):
            rows += [self._row_of(value) for value in level if type(value) not in _PLAIN]
        members = [*chain.from_iterable(rows), *chain.from_iterable(map(_values, dicts))]
        # Keys hardly ever hold anything, so that they are not worth a list.
        if not kinds.isdisjoint(map(type, chain.from_iterable(dicts))):
            members += chain.from_iterable(dicts)
        # Scalars are the bulk of large data; this looks at them in C.
        if kinds.isdisjoint(map(type, members)):
            return []
        return [*compress(members, map(kinds.__contains__, map(type, members)))]

    def _row_of(self, value: Any) -> Sequence[Any]:
        if type(value) is slice:
            return (value.start, value.stop, value.step)
        found = self._plain_of.get(id(value))
        return () if found is None else found[1:]

    def _object(self, content: Any) -> Any:
        name, plain = _row(content, 2, 2)
        value = self._types.build(Registered(_text(name), plain))
        if type(plain) in self.containers:
            self._plain_of[id(value)] = (value, plain)
            self.containers.add(type(value))
        return value

    def _blob(self, content: Any) -> Any:
        place = _integer(content)
        if not 0 <= place < len(self._blobs):
            raise ValueError(f"it is at place {place}, but {len(self._blobs)} came with the value")
        return self._blobs.at(place)


def _set(content: Any) -> Any:
    return _of_all(set, _row(content))


def _frozenset(content: Any) -> Any:
    return _of_all(frozenset, _row(content))


def _of_all(kind: Callable[[Any], Any], members: list[Any]) -> Any:
    _refuse_collisions(members, "members")
    made = kind(members)
    if len(made) < len(members):
        raise ValueError("two of its members are equal; 1, 1.0 and true are one")
    return made


def _dict(content: Any) -> Any:
    row = _row(content)
    keys = row[::2]
    if len(row) % 2:
        raise ValueError("its last key has no value")
    _refuse_collisions(keys, "keys")
    pairs = dict(zip(keys, row[1::2], strict=True))
    if len(pairs) < len(keys):
        raise ValueError("two of its keys are equal; 1, 1.0 and true are one key")
    return pairs


def _refuse_collisions(members: list[Any], noun: str) -> None:
    if has_collisions(members):
        raise ValueError(
            f"more than {MOST_COLLISIONS} of its {noun} have the same hash, or were chosen"
        )


def _ref(content: Any) -> Any:
    name, type_name, session_id = map(_text, [*_row(content, 1, 3), "", ""][:3])
    if not name:
        raise ValueError("its id is empty")
    return Ref(name, type_name=type_name, session_id=session_id)


def _inline_blob(content: Any) -> Any:
    kind, dtype, shape, data = _row(content, 4, 4)
    if type(data) is not bytes:
        raise ValueError(f"binary data were expected, not {_kind_of(data)}")
    axes = tuple(map(_integer, _row(shape)))
    if any(axis < 0 for axis in axes):
        raise ValueError("its shape has a negative axis")
    return value_of(Blob(kind=_text(kind), dtype=_text(dtype), shape=axes, data=data))


def _function(content: Any) -> Any:
    parts = _row(content, 1, 3)
    callback_id = parts[1] if len(parts) > 1 else ""
    arity = parts[2] if len(parts) > 2 else None  # noqa: PLR2004
    if arity is not None and _integer(arity) < 0:
        raise ValueError("its arity is negative")
    if not _text(parts[0]):
        raise ValueError("its tool is empty")
    return HostFunction(tool=parts[0], callback_id=_text(callback_id), arity=arity)


def _row(content: Any, least: int = 0, most: int | None = None) -> list[Any]:
    if type(content) is not list:
        raise ValueError(f"an array was expected, not {_kind_of(content)}")
    if most is not None and not least <= len(content) <= most:
        count = str(least) if least == most else f"{least} to {most}"
        raise ValueError(f"its array has {len(content)} members where {count} belong")
    return content


def _text(content: Any) -> str:
    if type(content) is not str:
        raise ValueError(f"text was expected, not {_kind_of(content)}")
    return content


def _integer(content: Any) -> int:
    if type(content) is not int:
        raise ValueError(f"an integer was expected, not {_kind_of(content)}")
    return content


def _kind_of(content: Any) -> str:
    return f"a value of type {type(content).__name__!r}"


_VALUES: Mapping[int, Callable[[Any], Any]] = {
    codes.TUPLE: lambda content: tuple(_row(content)),
    codes.SET: _set,
    codes.FROZENSET: _frozenset,
    codes.DICT: _dict,
    codes.SLICE: lambda content: slice(*_row(content, 3, 3)),
    codes.REF: _ref,
    codes.INLINE_BLOB: _inline_blob,
    codes.FUNCTION: _function,
}
