"""Translates between objects with a binary form and blobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from snakepit_bridge.values.binary import buffers
from snakepit_bridge.values.binary.array_forms import (
    array_of_blob,
    blob_of_array,
    blob_of_array_like,
    is_of_numpy,
)
from snakepit_bridge.values.binary.table_forms import (
    blob_of_arrow_stream,
    blob_of_pandas,
    blob_of_polars,
    blob_of_pyarrow,
    table_of_blob,
)
from snakepit_bridge.values.blob import ARROW, BYTES, TENSOR, Blob
from snakepit_bridge.values.refusals import CannotReadError, RefusedError

bytes_blob = buffers.bytes_blob

_Form = Callable[[Any], Blob | None]

_LIBRARIES: dict[str, _Form] = {
    "pandas": blob_of_pandas,
    "polars": blob_of_polars,
    "pyarrow": blob_of_pyarrow,
}

_PROTOCOLS: tuple[tuple[str, _Form], ...] = (
    ("__dlpack__", blob_of_array_like),
    ("__array_interface__", blob_of_array_like),
    ("__arrow_c_stream__", blob_of_arrow_stream),
)
"""In the order in which they are asked for. ``__array__`` is not one of them: it loads what lies
in a file, computes what is only planned, and leaves out what labels the numbers."""

_MOST_TOLD = 200
"""Characters of what a library says of damaged data."""


def blob_of(value: object) -> Blob | None:
    """The binary form of a value.

    This takes two microseconds for values that have none, and imports no library that the value is
    not made with; only pandas and readers of Arrow need pyarrow.

    Args:
        value: Anything but exact bytes, bytearrays and numbers, which have forms of their own.

    Returns:
        A tensor for arrays and numbers of numpy, for arrays of other libraries and for buffers of
        numbers; an Arrow stream for tables. ``None``: the value has no binary form, or none that
        keeps all of it, or its library failed to tell.

        The data may be a view of the value's own memory: whatever is written into the value before
        the blob is, may or may not arrive.
    """
    kind = type(value)
    if is_of_numpy(kind):
        return blob_of_array(value)
    form = _form_of(kind)
    if form is None:
        return buffers.blob_of_buffer(value)
    # Foreign code, asked for a favour: the value can still be kept and named.
    with suppress(Exception):
        return form(value)
    return None


def value_of(blob: Blob) -> Any:
    """What a blob stands for.

    Args:
        blob: One with data, not with a handle.

    Returns:
        Of bytes ``bytes``; of a tensor a numpy array that cannot be written to and shares the
        blob's memory, of the shape ``()`` a number of numpy; of a table what its dtype says, else
        a ``pyarrow.Table``. The blob itself where the library it takes is not installed.

    Raises:
        CannotReadError: The data are not what the blob says of them.
    """
    if blob.kind == BYTES:
        return bytes(blob.data)
    if blob.kind == TENSOR:
        return array_of_blob(blob)
    if blob.kind != ARROW:
        raise CannotReadError(
            f"is a blob of the unknown kind {blob.kind[:_MOST_TOLD]!r}",
            "Send 'bytes', 'tensor' or 'arrow'.",
        )
    try:
        return table_of_blob(blob)
    except RefusedError:
        raise
    except Exception as error:
        # Damaged data fail in whatever way the library finds first.
        told = " ".join(str(error).split())[:_MOST_TOLD]
        raise CannotReadError(
            f"cannot be read as {blob.dtype[:_MOST_TOLD] or 'a table'}: {told}",
            "Send an Arrow IPC stream, as pyarrow.ipc.new_stream and Explorer write it.",
        ) from error


def _form_of(kind: type) -> _Form | None:
    form: _Form | None = None
    for base in kind.__mro__:
        module = base.__module__
        if module == "builtins":
            continue
        library = _LIBRARIES.get(str(module).partition(".")[0])
        if library is not None:
            return library
        # Only what the class has: a mock or a proxy answers to every name.
        form = form or _protocol_of(vars(base))
    return form


def _protocol_of(members: Mapping[str, object]) -> _Form | None:
    for name, form in _PROTOCOLS:
        if name in members:
            return form
    return None
