"""MessagePack as values: the fast decoder, with what it lets pass checked."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import msgspec

from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.collisions import has_collisions
from snakepit_bridge.values.message_pack import codes
from snakepit_bridge.values.message_pack.contents import Contents
from snakepit_bridge.values.message_pack.large_maps import keys_of_large_maps
from snakepit_bridge.values.message_pack.payloads import value_from_bytes
from snakepit_bridge.values.message_pack.scan import has_too_many_items, scan, too_many_items
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotReadError, too_deep
from snakepit_bridge.values.value_types import ValueTypes

_decode = msgspec.msgpack.decode
_encode = msgspec.msgpack.Encoder().encode

# First bytes of arrays, maps and extensions; the same bytes also occur within numbers and texts.
_CONTAINER_HEADS = {*range(0x80, 0xA0), *range(0xC7, 0xCA), *range(0xD4, 0xD9), *range(0xDC, 0xE0)}
_NO_CONTAINER_HEADS = bytes(set(range(256)) - _CONTAINER_HEADS)
_NUMBER_HEADS = {*range(0x80), *range(0xCA, 0xD4), *range(0xE0, 0x100)}
_MAP_HEAD = re.compile(rb"[\x80-\x8f\xde\xdf]")

_PAYLOAD_SHARE = 16
"""How many times the bytes of a message may lie within nested extensions, on average, before it
is gone through in one pass: each level looks at its bytes again."""


class MessagePackReader:
    """Reads messages.

    Args:
        types: Whose values arrive as themselves.
    """

    def __init__(self, types: ValueTypes) -> None:
        self._types = types

    def read(self, data: bytes, blobs: BlobValues) -> Any:
        """Read one value.

        Args:
            data: The message.
            blobs: Of what came beside it.

        Raises:
            CannotReadError: The bytes are no message, or one that holds what no value can; with
                the place.
        """
        if has_too_many_items(data):
            raise CannotReadError(*too_many_items())
        self._refuse_chosen_keys(data, blobs)
        reading = _Reading(data, Contents(self._types, blobs))
        try:
            value = reading.value()
        except CannotReadError as error:
            steps = scan(data, self._key_of(blobs), extension=reading.refused)
            raise CannotReadError(error.reason, error.hint, steps) from error
        # Besides what is no message: keys that do not compare, such as a number of numpy and a row.
        except (msgspec.DecodeError, TypeError, ValueError) as error:
            scan(data, self._key_of(blobs))
            raise CannotReadError(
                f"is no MessagePack: {error}", "Send one complete MessagePack value."
            ) from error
        except RecursionError as error:
            scan(data, self._key_of(blobs))
            raise CannotReadError(*too_deep()) from error
        if reading.is_doubtful or reading.is_too_deep(value):
            scan(data, self._key_of(blobs))
        return value

    def _refuse_chosen_keys(self, data: bytes, blobs: BlobValues) -> None:
        read_key = self._key_of(blobs)
        for number, items in keys_of_large_maps(data):
            keys = []
            for item in items:
                try:
                    keys.append(_decode(item) if item[0] in _NUMBER_HEADS else read_key(item))
                # The decoder finds it, too, and then its place is told.
                except (CannotReadError, TypeError, ValueError):
                    break
            if has_collisions(keys):
                raise CannotReadError(
                    "has keys that have the same hash or were chosen for their hashes",
                    "Use text as keys, or send rows of a key and a value.",
                    scan(data, read_key, item=number),
                )

    def _key_of(self, blobs: BlobValues) -> Any:
        def read_key(item: bytes) -> Hashable:
            # Arrays are tuples where they are keys, so it is read as one.
            message = b"\x81" + item + b"\xc0"
            reading = _Reading(message, Contents(self._types, blobs))
            try:
                (key,) = reading.value()
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise CannotReadError(
                    "is no value by which an entry can be found", "Use text or numbers as keys."
                ) from error
            except RecursionError as error:
                raise CannotReadError(*too_deep()) from error
            return key  # type: ignore[no-any-return]  # it was one just now

        return read_key


class _Reading:
    """The reading of one message."""

    def __init__(self, data: bytes, contents: Contents) -> None:
        self._data = data
        self._contents = contents
        self._extensions = 0
        self._payload_bytes = 0

        self.refused = 0
        """Which extension could not be read, counted from 1."""

        self.is_doubtful = False
        """Whether keys may be equal; then they have to be compared one by one."""

    def value(self) -> Any:
        value = _decode(self._data, ext_hook=self._extension)
        self._compare_keys(value, self._data, is_whole=self._extensions == 0)
        return value

    def is_too_deep(self, value: object) -> bool:
        # What is nested deeply has at least as many first bytes of containers.
        if len(self._data.translate(None, _NO_CONTAINER_HEADS)) <= MAX_DEPTH:
            return False
        contents = self._contents
        level = [value] if type(value) in contents.containers else []
        for _ in range(MAX_DEPTH):
            if not level:
                return False
            level = contents.containers_in(level)
        return bool(level)

    def _extension(self, code: int, payload: memoryview) -> Any:
        self._extensions = number = self._extensions + 1
        try:
            if code not in codes.MESSAGES:
                return value_from_bytes(code, bytes(payload))
            content = _decode(payload, ext_hook=self._extension)
            self._payload_bytes += len(payload)
            self._compare_keys(content, payload, is_whole=self._extensions == number)
            return self._contents.value_of(code, content)
        except CannotReadError:
            self.refused = self.refused or number
            raise

    def _compare_keys(self, value: Any, message: bytes | memoryview, *, is_whole: bool) -> None:
        """Note whether two keys of a map may have been equal: the decoder takes the last one."""
        if self.is_doubtful or _MAP_HEAD.search(message) is None:
            return
        if self._payload_bytes > _PAYLOAD_SHARE * len(self._data):
            self.is_doubtful = True
            return
        # Written again it is the same, or it was not in the shortest form; or entries are missing.
        try:
            again = _encode(value if is_whole else _decode(message))
        except (msgspec.DecodeError, ValueError):  # an extension as a key
            self.is_doubtful = True
        else:
            self.is_doubtful = again != message
