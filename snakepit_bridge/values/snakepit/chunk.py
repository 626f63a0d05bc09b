"""The items of a stream as Snakepit's ``BridgeService`` sends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.boundary import unwritable_result
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.json.blobs import BYTES_LIKE
from snakepit_bridge.values.refusals import CannotWriteError, has_lone_surrogate, lone_surrogate
from snakepit_bridge.values.snakepit.binary import no_room_in
from snakepit_bridge.values.snakepit.snakepit_json import SnakepitJson

_NEVER_CHUNKS: frozenset[type] = frozenset(
    {dict, list, tuple, str, int, float, bool, bytes, type(None)}
)


class SnakepitChunks(SnakepitJson):
    """The same encoding for what a command yields: one chunk for each item.

    A chunk holds JSON text, or bytes as they are. An item that is a chunk object says itself what
    its data are, whether it is the last one, and what else is to be known about it.

    Args:
        fallback: Decides what stands for objects JSON does not know.
        upstream: Whether text goes without quotes, and ``None`` as no data at all, as Snakepit's
            own Python side has it.
    """

    def encode(self, value: object, beside: Beside = NOTHING) -> Encoded:
        """Write an item.

        Returns:
            The data of the chunk, with ``is_final`` and ``metadata`` if the item is a chunk object.
        """
        item = item_of(value)
        try:
            data = self._data(item.data, no_room_in(beside))
        except CannotWriteError as error:
            raise unwritable_result(error, self.name) from error
        return Encoded(data, is_final=item.is_final, metadata=item.metadata)

    def _data(self, value: Any, beside: Beside) -> bytes:
        if isinstance(value, BYTES_LIKE):
            return bytes(value)
        if self._upstream:
            if value is None:
                return b""
            if isinstance(value, str):
                return _utf8(value)
        return self._write(value, beside)


class Item(NamedTuple):
    """What a command yielded, with what that says about itself."""

    data: Any
    is_final: bool = False
    metadata: Mapping[str, str] = {}


def item_of(yielded: Any) -> Item:
    """Take a chunk object apart; anything else is the data itself."""
    if type(yielded) in _NEVER_CHUNKS or not is_chunk(yielded):
        return Item(yielded)
    metadata = getattr(yielded, "metadata", None)
    return Item(
        yielded.data,
        is_final=bool(getattr(yielded, "is_final", False)),
        metadata=_texts(metadata) if isinstance(metadata, Mapping) else {},
    )


def is_chunk(item: object) -> bool:
    """Whether an item is a chunk object: it has ``data``, and ``is_final`` or ``metadata``.

    Having means that the object or its class defines the attribute. Members of a dict do not
    count, nor what an object makes up when asked for it, as mocks and proxies do. An array has
    ``data`` alone, so it is none.
    """
    if isinstance(item, dict | type):
        return False
    return _has(item, "data") and (_has(item, "is_final") or _has(item, "metadata"))


def _has(item: object, name: str) -> bool:
    return hasattr(type(item), name) or name in getattr(item, "__dict__", ())


def _texts(metadata: Mapping[Any, Any]) -> dict[str, str]:
    # What is said about an item must not keep the item from arriving.
    return {_sendable(str(name)): _sendable(str(each)) for name, each in metadata.items()}


def _sendable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _utf8(text: str) -> bytes:
    if has_lone_surrogate(text):
        raise CannotWriteError(*lone_surrogate())
    return text.encode()
