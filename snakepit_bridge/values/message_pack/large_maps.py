"""Finds the keys of large maps in a message before anybody builds a dict of them."""

from __future__ import annotations

from collections.abc import Iterator

from snakepit_bridge.values.collisions import UNCHECKED
from snakepit_bridge.values.message_pack.codes import DICT, MESSAGES
from snakepit_bridge.values.message_pack.scan import Kind, head_at, scalar_sizes

# How maps of many entries begin, and the arrays of a dict of many: the bytes of their count, the
# items of each. The same bytes occur in numbers and texts, where what follows is seldom a count
# that is large, and that the rest of the message has room for.
_HEADS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}

_RANDOM = frozenset({Kind.TEXT, Kind.BINARY})
"""Kinds of keys whose hashes nobody can choose."""


_CONTAINERS = frozenset({Kind.ARRAY, Kind.MAP})

_SCALAR_SIZES = scalar_sizes()


class _Open:
    """Something with items to come."""

    __slots__ = ("key_at", "keys", "left")

    def __init__(self, left: int, keys: list[bytes] | None) -> None:
        self.left = left
        self.keys = keys
        self.key_at = -1


def keys_of_large_maps(data: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """The items that are keys, other than text and binary, of every map that is large.

    With each comes the number of the map among all items, counted from 1.

    Takes less than a microsecond for each item, and next to nothing where there is no such map.
    A message that is cut off or damaged is looked at as far as it goes.
    """
    if not any(_may_begin(head, data) for head in _HEADS):
        return
    walk = _Walk(data)
    while walk.around and walk.at < len(data):
        walk.step()
    yield from walk.found


def _may_begin(head: int, data: bytes) -> bool:
    """Whether something large may begin with this byte; every item takes at least one."""
    count_bytes, items = _HEADS[head]
    at = data.find(head)
    while at >= 0:
        first = at + 1 + count_bytes
        count = items * int.from_bytes(data[at + 1 : first])
        if 2 * UNCHECKED < count <= len(data) - first:
            return True
        at = data.find(head, at + 1)
    return False


class _Walk:
    """One walk, without recursion."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._is_dict = False

        self.at = 0
        self.items = 0
        self.around = [_Open(1, None)]
        self.found: list[tuple[int, list[bytes]]] = []

    def step(self) -> None:
        data, top = self._data, self.around[-1]
        if top.keys is None:
            self.at, left = _after_scalars(data, self.at, top.left)
            self.items += top.left - left
            top.left = left
        if not top.left or self.at >= len(data):
            self.around.pop()
            return
        if top.keys is not None:
            _note(top, data, self.at)
        top.left -= 1
        self.items += 1
        kind, size, count = head_at(data, self.at)
        self.at += size
        if kind is Kind.EXTENSION:
            self._extension(count)
            return
        if kind in _CONTAINERS:
            self.around.append(self._opened(kind, count))
        self._is_dict = False

    def _opened(self, kind: Kind, count: int) -> _Open:
        items = 2 * count if kind is Kind.MAP else count
        if items <= 2 * UNCHECKED or not (kind is Kind.MAP or self._is_dict):
            return _Open(items, None)
        keys: list[bytes] = []
        self.found.append((self.items, keys))
        return _Open(items, keys)

    def _extension(self, length: int) -> None:
        code = int.from_bytes(self._data[self.at - 1 : self.at], signed=True)
        self._is_dict = code == DICT
        if code in MESSAGES:
            self.around.append(_Open(1, None))
        else:
            self.at += length


def _after_scalars(data: bytes, at: int, left: int) -> tuple[int, int]:
    """Where the next item is that needs a closer look, and how many are left then."""
    sizes, end = _SCALAR_SIZES, len(data)
    while left and at < end and (size := sizes[data[at]]):
        at += size
        left -= 1
    return at, left


def _note(top: _Open, data: bytes, at: int) -> None:
    if top.left % 2 == 0:
        top.key_at = at
    elif head_at(data, top.key_at)[0] not in _RANDOM:
        assert top.keys is not None
        top.keys.append(data[top.key_at : at])
