"""The door to numpy, which is an optional library and imported when a tensor comes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from snakepit_bridge.values.special_floats import SPECIAL_FLOATS

if TYPE_CHECKING:
    from types import ModuleType

    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[Any]


def is_array(value: object) -> TypeGuard[Array]:
    """Whether a value is a numpy array; this imports nothing, for it would have been imported."""
    # Another thread may be in the middle of importing it.
    kind = getattr(sys.modules.get("numpy"), "ndarray", ())
    return isinstance(value, kind)


def array_from(data: Any, shape: Any) -> Any:
    """The numpy array that a tensor's description stands for.

    Args:
        data: Numbers in lists, nested or flat; among them the texts of ``SPECIAL_FLOATS`` count
            as numbers. Other texts stay what they are, and so does what stands beside them.
        shape: Elements along each axis.

    Returns:
        The array; where numpy is not installed, the description.

    Raises:
        ValueError: The data do not fill the shape.
        TypeError: The shape is none.
    """
    numpy = numpy_if_installed()
    if numpy is None:
        return {"shape": shape, "data": data}
    array = numpy.array(data)
    if array.dtype.kind == "U":
        array = _array_with_texts(numpy, data)
    return array.reshape(shape)


def array_of_bytes(data: bytes, dtype: str, shape: list[int]) -> Any:
    """The numpy array whose little-endian row-major bytes these are, or ``None`` without numpy."""
    numpy = numpy_if_installed()
    if numpy is None:
        return None
    little = numpy.dtype(dtype).newbyteorder("<")
    # A copy: an array on top of the bytes could not be written to.
    return numpy.frombuffer(data, little).astype(numpy.dtype(dtype)).reshape(shape)


def bytes_of_array(array: Array) -> bytes:
    """The elements of an array, little-endian and row by row."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def numpy_if_installed() -> ModuleType | None:
    """The library, imported now if it was not yet; ``None`` where there is none."""
    try:
        import numpy  # noqa: PLC0415  (an optional library)
    except ImportError:
        return None
    return numpy


def _array_with_texts(numpy: ModuleType, data: Any) -> Array:
    numbers: Array = numpy.array(_with_special_floats(data))
    if numbers.dtype.kind == "f":
        return numbers
    # Of numbers beside a text numpy would make texts, of NaN the text "nan".
    objects: Array = numpy.array(data, dtype=object)
    return numpy.array(data) if set(map(type, objects.flat)) == {str} else objects


def _with_special_floats(data: Any) -> Any:
    if isinstance(data, list):
        return [_with_special_floats(member) for member in data]
    return SPECIAL_FLOATS.get(data, data) if isinstance(data, str) else data
