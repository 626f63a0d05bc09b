"""Finds what is wrong with a message, where the fast decoder does not tell the place."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import IntEnum
from typing import NamedTuple, NoReturn

import msgspec

from snakepit_bridge.values.collisions import MOST_COLLISIONS
from snakepit_bridge.values.message_pack.codes import (
    DICT,
    MAX_ITEMS,
    MESSAGES,
    NESTING,
    OBJECT,
    TIMESTAMP,
)
from snakepit_bridge.values.message_pack.steps import key_step
from snakepit_bridge.values.paths import Step
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotReadError, too_deep

_HINT = "Send one complete MessagePack value."


class Kind(IntEnum):
    """What the first byte of an item announces."""

    SCALAR = 0
    TEXT = 1
    BINARY = 2
    ARRAY = 3
    MAP = 4
    EXTENSION = 5
    NEVER = 6


class _Head(NamedTuple):
    """The meaning of a first byte."""

    kind: Kind
    width: int
    """Bytes of the length that follow."""

    length: int
    """Where none follow: bytes of the body, or members."""


def _heads() -> list[_Head]:
    number = _Head(Kind.SCALAR, 0, 0)
    return [
        *[number] * 0x80,
        *(_Head(Kind.MAP, 0, length) for length in range(16)),
        *(_Head(Kind.ARRAY, 0, length) for length in range(16)),
        *(_Head(Kind.TEXT, 0, length) for length in range(32)),
        *(number, _Head(Kind.NEVER, 0, 0), number, number),
        *(_Head(Kind.BINARY, width, 0) for width in (1, 2, 4)),
        *(_Head(Kind.EXTENSION, width, 0) for width in (1, 2, 4)),
        *(_Head(Kind.SCALAR, 0, length) for length in (4, 8, 1, 2, 4, 8, 1, 2, 4, 8)),
        *(_Head(Kind.EXTENSION, 0, length) for length in (1, 2, 4, 8, 16)),
        *(_Head(Kind.TEXT, width, 0) for width in (1, 2, 4)),
        *(_Head(Kind.ARRAY, width, 0) for width in (2, 4)),
        *(_Head(Kind.MAP, width, 0) for width in (2, 4)),
        *[number] * 0x20,
    ]


_HEADS = _heads()

# Bytes from one item to the next; those of a container are items of their own. 0: not known yet.
_SIZES = [
    0 if head.width or head.kind is Kind.EXTENSION else 1 + head.length * (head.kind <= Kind.BINARY)
    for head in _HEADS
]


def scalar_sizes() -> list[int]:
    """By first byte: the bytes of the item, if that is one without a length; else 0."""
    return [
        1 + head.length if head.kind <= Kind.BINARY and not head.width else 0 for head in _HEADS
    ]


def head_at(data: bytes, at: int) -> tuple[Kind, int, int]:
    """The item at a place.

    Returns:
        Its kind. Its bytes: of a container and an extension only those before the content. The
        members of an array, the entries of a map, the bytes of an extension's payload.
    """
    kind, width, length = _HEADS[data[at]]
    length = int.from_bytes(data[at + 1 : at + 1 + width]) if width else length
    if kind <= Kind.BINARY:
        return kind, 1 + width + length, 0
    return kind, 1 + width + (kind is Kind.EXTENSION), length


def has_too_many_items(data: bytes) -> bool:
    """Whether a message holds more than ``MAX_ITEMS`` values, keys and members of all levels.

    Takes a tenth of a microsecond for each, and stops beyond the limit. Of bytes that are no
    message it says anything.
    """
    end, sizes = len(data), _SIZES
    if end <= MAX_ITEMS:
        return False
    at = items = 0
    while at < end and items <= MAX_ITEMS:
        items += 1
        at += sizes[data[at]] or _long_size(data, at)
    return items > MAX_ITEMS


def _long_size(data: bytes, at: int) -> int:
    kind, width, length = _HEADS[data[at]]
    length = int.from_bytes(data[at + 1 : at + 1 + width]) if width else length
    if kind is Kind.EXTENSION:
        code = _code(data[at + 1 + width : at + 2 + width])
        return 2 + width + (0 if code in MESSAGES else length)
    return 1 + width + (length if kind <= Kind.BINARY else 0)


def _code(byte: bytes) -> int:
    return int.from_bytes(byte, signed=True)


class _Steps(IntEnum):
    """How a path goes on inside of something."""

    NONE = 0
    INDEXES = 1
    KEYS = 2


class _Frame:
    """Something that is not read to its end."""

    __slots__ = (
        *("collisions", "count", "end", "hashes", "index", "is_message"),
        *("key", "key_at", "keys", "level", "steps"),
    )

    def __init__(self, steps: _Steps, count: int, end: int, level: int) -> None:
        self.steps = steps
        self.count = count
        """Items; of a map twice its entries."""
        self.end = end
        """Where the bytes of the message that it belongs to end."""
        self.level = level
        """Containers around its items."""
        self.is_message = False
        """Whether it has to end where its bytes end."""
        self.index = -1
        self.key: Step | None = None
        self.key_at = 0
        self.keys: dict[Hashable, None] = {}
        self.hashes: dict[int, None] = {}
        self.collisions = 0
        """Keys with the hash of another one."""

    def step(self) -> list[Step]:
        """The step to its present item."""
        if self.steps is _Steps.INDEXES:
            return [self.index]
        return [] if self.key is None else [self.key]


def scan(
    data: bytes, key_of: Callable[[bytes], Hashable], *, extension: int = 0, item: int = 0
) -> list[Step]:
    """Go through a message byte by byte; slow.

    Args:
        data: The message.
        key_of: Reads a key, or raises ``CannotReadError``.
        extension: Stop at this one of the extensions, counted from 1 in the order of their first
            bytes, without timestamps.
        item: Or at this one of all items, counted in the same way.

    Returns:
        The way there.

    Raises:
        CannotReadError: The message is cut off, has bytes behind its end or a text that is not
            UTF-8, is nested too deeply, has too many items, or equal keys; with the place.
    """
    return _Scan(data, key_of, extension, item).run()


class _Scan:
    """One walk, without recursion."""

    def __init__(
        self, data: bytes, key_of: Callable[[bytes], Hashable], extension: int, item: int
    ) -> None:
        self._data = data
        self._key_of = key_of
        self._stop_at = extension
        self._stop_at_item = item
        self._extensions = 0
        self._items = 0
        self._at = self._item_at = 0
        self._frames = [_Frame(_Steps.NONE, 1, len(data), 0)]
        self._frames[0].is_message = True
        # Whose payload comes next, as its array is not a level of its own.
        self._payload_of: int | None = None

    def run(self) -> list[Step]:
        frames = self._frames
        while frames:
            frame = frames[-1]
            if frame.index + 1 < frame.count:
                self._next_item(frame)
                if self._is_there():
                    return self._path()
                continue
            frames.pop()
            if frame.is_message and self._at != frame.end:
                self._refuse(f"has {frame.end - self._at} bytes behind its end", _HINT)
        return []

    def _is_there(self) -> bool:
        if self._stop_at_item:
            return self._items == self._stop_at_item
        return self._stop_at > 0 and self._extensions == self._stop_at

    def _next_item(self, frame: _Frame) -> None:
        self._item_at = self._at
        self._items += 1
        if self._items > MAX_ITEMS:
            self._refuse(*too_many_items())
        frame.index += 1
        if frame.steps is _Steps.KEYS:
            self._note_key(frame)
        payload_of, self._payload_of = self._payload_of, None
        kind, length = self._head(frame)
        if kind <= Kind.BINARY:
            self._body(frame, kind, length)
        elif kind is Kind.EXTENSION:
            self._extension(frame, length)
        elif kind is Kind.NEVER:
            self._refuse("has the byte 0xC1, which means nothing", _HINT)
        else:
            self._container(frame, kind, length, payload_of)

    def _note_key(self, frame: _Frame) -> None:
        if frame.index % 2 == 0:
            frame.key, frame.key_at = None, self._at
            return
        try:
            key = self._key_of(self._data[frame.key_at : self._at])
        except CannotReadError as error:
            self._refuse(f"has a key that {error.reason}", error.hint)
        frame.key = key_step(key)
        self._refuse_collisions(frame, hash(key))
        try:
            is_there_twice = key in frame.keys
        except (TypeError, ValueError):
            self._refuse("cannot be compared with the other keys", "Use text or numbers as keys.")
        if is_there_twice:
            self._refuse("is there twice", "Send each key once; 1, 1.0 and true are one key.")
        frame.keys[key] = None

    def _refuse_collisions(self, frame: _Frame, hash_of_key: int) -> None:
        frame.collisions += hash_of_key in frame.hashes
        frame.hashes[hash_of_key] = None
        if frame.collisions > MOST_COLLISIONS:
            self._refuse(
                f"is one of more than {MOST_COLLISIONS} keys that have the same hash as others",
                "Use text as keys, or send rows of a key and a value.",
            )

    def _head(self, frame: _Frame) -> tuple[Kind, int]:
        kind, width, length = _HEADS[self._take(frame, 1)[0]]
        return kind, int.from_bytes(self._take(frame, width)) if width else length

    def _body(self, frame: _Frame, kind: Kind, length: int) -> None:
        start = self._at
        self._skip(frame, length)
        if kind is Kind.TEXT:
            try:
                str(self._data[start : self._at], "utf-8")
            except UnicodeDecodeError as error:
                self._refuse(f"is not UTF-8 at byte {start + error.start}", "Send it as binary.")

    def _container(self, frame: _Frame, kind: Kind, length: int, payload_of: int | None) -> None:
        is_payload = payload_of in NESTING and kind is Kind.ARRAY
        level = frame.level + (0 if is_payload else 1)
        steps = _Steps.INDEXES
        if kind is Kind.MAP or payload_of == DICT:
            steps = _Steps.KEYS
        elif payload_of == OBJECT:
            steps = _Steps.NONE
        self._enter(steps, length * 2 if kind is Kind.MAP else length, frame.end, level)

    def _extension(self, frame: _Frame, length: int) -> None:
        code = _code(self._take(frame, 1))
        if code == TIMESTAMP:
            self._skip(frame, length)
            self._check_timestamp(self._data[self._item_at : self._at])
            return
        self._extensions += 1
        if code in MESSAGES:
            if self._at + length > frame.end:
                self._cut_off(frame)
            level = frame.level + (1 if code in NESTING else 0)
            self._enter(_Steps.NONE, 1, self._at + length, level)
            self._frames[-1].is_message = True
            self._payload_of = code
        else:
            self._skip(frame, length)

    def _check_timestamp(self, item: bytes) -> None:
        try:
            msgspec.msgpack.decode(item)
        except ValueError as error:
            self._refuse(f"is no timestamp: {error}", "Send seconds between the years 1 and 9999.")

    def _enter(self, steps: _Steps, count: int, end: int, level: int) -> None:
        if level > MAX_DEPTH:
            self._refuse(*too_deep())
        self._frames.append(_Frame(steps, count, end, level))

    def _take(self, frame: _Frame, length: int) -> bytes:
        start = self._at
        self._skip(frame, length)
        return self._data[start : self._at]

    def _skip(self, frame: _Frame, length: int) -> None:
        if self._at + length > frame.end:
            self._cut_off(frame)
        self._at += length

    def _cut_off(self, frame: _Frame) -> NoReturn:
        self._refuse(f"is cut off at byte {frame.end}", _HINT)

    def _path(self) -> list[Step]:
        return [step for frame in self._frames for step in frame.step()]

    def _refuse(self, reason: str, hint: str) -> NoReturn:
        raise CannotReadError(reason, hint, self._path())


def too_many_items() -> tuple[str, str]:
    """Reason and hint of a message with more items than are read."""
    return (
        f"holds more than {MAX_ITEMS} items",
        "Send numbers as one array, or send several smaller values.",
    )
