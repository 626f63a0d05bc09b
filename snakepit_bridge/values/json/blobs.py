"""Binary data beside a JSON text, which refers to them by their places."""

from __future__ import annotations

from typing import Any

from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.binary.forms import blob_of, bytes_blob
from snakepit_bridge.values.blob import TENSOR, Blob
from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.tagged.tags import shown

BYTES_LIKE = (bytes, bytearray, memoryview)

_TYPE, _SCHEMA, _INDEX = "__type__", "__schema__", "index"
_BLOB = "blob"
_MAY_HAVE = frozenset({_TYPE, _SCHEMA, _INDEX})


def binary_form(value: object) -> Blob | None:
    """What may travel beside a value instead of it: the data of bytes, arrays and tables.

    A number of numpy has none: it travels as other numbers do.
    """
    if isinstance(value, bytes | bytearray):
        return bytes_blob(value)
    blob = blob_of(value)
    if blob is None:
        return bytes_blob(value) if isinstance(value, memoryview) else None
    return None if blob.kind == TENSOR and not blob.shape else blob


def reference_to(index: int) -> dict[str, Any]:
    """What stands in the text for the blob at this place."""
    return {_TYPE: _BLOB, _SCHEMA: 1, _INDEX: index}


def with_blobs(value: Any, blobs: BlobValues) -> Any:
    """Put what the blobs stand for where a decoded value refers to them; changes the value.

    Raises:
        CannotReadError: There is no such blob, or it is not what it says.
    """
    if type(value) is dict:
        if value.get(_TYPE) == _BLOB and _INDEX in value and value.keys() <= _MAY_HAVE:
            return _value_at(value[_INDEX], blobs)
        steps: Any = value
    elif type(value) is list:
        steps = range(len(value))
    else:
        return value
    for step in steps:
        if type(value[step]) in _CONTAINERS:
            try:
                value[step] = with_blobs(value[step], blobs)
            except CannotReadError as error:
                error.inside(step)
                raise
    return value


_CONTAINERS = frozenset({dict, list})


def _value_at(index: Any, blobs: BlobValues) -> Any:
    if type(index) is not int or not 0 <= index < len(blobs):
        raise CannotReadError(
            f"refers to blob {shown(index)} of {len(blobs)}",
            "Count the blobs of the message from 0.",
        )
    return blobs.at(index)
