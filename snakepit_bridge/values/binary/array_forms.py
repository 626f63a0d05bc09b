"""Translates between arrays and blobs."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from snakepit_bridge.nearest import did_you_mean
from snakepit_bridge.values.binary.element_types import NAMES, is_small_float, size_of
from snakepit_bridge.values.binary.tensors import numpy_if_installed
from snakepit_bridge.values.blob import TENSOR, Blob
from snakepit_bridge.values.refusals import CannotReadError

if TYPE_CHECKING:
    from types import ModuleType

    import numpy.typing as npt

MAX_AXES = 64
"""As numpy has it."""

_MOST_SHOWN = 40
"""Characters of a type that nobody knows."""

_ABBREVIATED = {
    f"{kind[0]}{size}": f"{kind}{8 * size}"
    for kind, sizes in (
        ("int", (1, 2, 4, 8)),
        ("uint", (1, 2, 4, 8)),
        ("float", (2, 4, 8)),
        ("complex", (8, 16)),
    )
    for size in sizes
}
"""How numpy abbreviates them, without the order of the bytes."""

OWNERS = ("numpy", "ml_dtypes")
"""Packages whose classes of arrays and numbers add nothing to these."""


def is_of_numpy(kind: type) -> bool:
    """Whether values of this class are arrays or numbers of numpy; this imports nothing."""
    # Another thread may be in the middle of importing it.
    numpy = sys.modules.get("numpy")
    return issubclass(kind, (getattr(numpy, "ndarray", ()), getattr(numpy, "generic", ())))


def blob_of_array(value: Any) -> Blob | None:
    """The tensor of an array or number of numpy.

    Args:
        value: One that ``is_of_numpy``.

    Returns:
        A tensor whose data are a view of the array where that lies in memory row by row, else a
        copy. ``None`` where a tensor would lose something: of texts, objects and records, of a
        masked array the mask, of a class of somebody else what that adds, e.g. units.
    """
    package, _, module = str(type(value).__module__).partition(".")
    if package not in OWNERS or module.partition(".")[0] == "ma":
        return None
    dtype = value.dtype
    if size_of(dtype.name) is None:
        return None
    array = sys.modules["numpy"].asarray(value)
    # It copies where it has to only, and then once for order and byte order together.
    array = array.astype(dtype.newbyteorder("<"), order="C", copy=False)
    return Blob(kind=TENSOR, dtype=dtype.name, shape=array.shape, data=_bytes_of(array))


def blob_of_array_like(value: Any) -> Blob | None:
    """The tensor of an array of another library.

    Args:
        value: An object whose class has ``__dlpack__`` or ``__array_interface__``.

    Returns:
        What ``blob_of_array`` makes of the numpy array that shares its memory, or holds a copy of
        it where the memory is another device's; ``None`` where there is no such array.

    Raises:
        Exception: Whatever that library raises.
    """
    numpy = numpy_if_installed()
    if numpy is None:
        return None
    torch = sys.modules.get("torch")
    if issubclass(type(value), getattr(torch, "Tensor", ())):
        return _blob_of_torch(torch, value)
    try:
        array = numpy.from_dlpack(value)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError):
        # Not on this device, or elements that the protocol has no name for.
        array = numpy.asarray(value)
    return blob_of_array(array)


def array_of_blob(blob: Blob) -> Any:
    """The array that a tensor stands for.

    Returns:
        A numpy array that cannot be written to: it is a view of the blob's data, and keeps them in
        memory. Data that do not lie as their elements have to are copied. Of the shape ``()`` it
        is a number of numpy. The blob itself where nothing here knows such elements: numpy, or of
        the small floats ``ml_dtypes``, is not installed.

    Raises:
        CannotReadError: The data do not fit the shape, or are not such elements; or nobody knows
            the type of the elements.
    """
    size = size_of(blob.dtype)
    if size is None:
        raise _unknown(blob.dtype)
    _check_shape(blob, size)
    numpy = numpy_if_installed()
    if numpy is None or (is_small_float(blob.dtype) and not _knows_small_floats(blob.dtype)):
        return blob
    return _array(numpy, blob)


def _array(numpy: ModuleType, blob: Blob) -> Any:
    native = numpy.dtype(blob.dtype)
    # Nobody can make it writable again: others may share the memory.
    data = memoryview(blob.data).toreadonly()
    try:
        array = numpy.frombuffer(data, native.newbyteorder("<")).reshape(blob.shape)
    except (ValueError, OverflowError) as error:
        raise _too_large(blob) from error
    array = numpy.require(array.astype(native, copy=False), requirements="A")
    if blob.dtype == "bool" and array.size and array.view("uint8").max() > 1:
        raise CannotReadError(
            "has bytes other than 0 and 1, but its elements are booleans",
            "Send them as uint8.",
        )
    array.flags.writeable = False
    return array if blob.shape else array[()]


def _check_shape(blob: Blob, size: int) -> None:
    if len(blob.shape) > MAX_AXES:
        raise CannotReadError(
            f"has {len(blob.shape)} axes, and {MAX_AXES} is the most", "Merge some of them."
        )
    if any(length < 0 for length in blob.shape):
        raise CannotReadError("has an axis of negative length", "Send the shape of the data.")
    needed = math.prod(blob.shape) * size
    if blob.nbytes != needed:
        if max(blob.shape, default=0) > sys.maxsize or needed > sys.maxsize:
            raise _too_large(blob)
        raise CannotReadError(
            f"has {blob.nbytes} bytes, but {blob.dtype} of shape {blob.shape} needs {needed}",
            "Send the elements row by row with nothing between them, and their shape.",
        )


def _unknown(dtype: str) -> CannotReadError:
    shown = dtype[:_MOST_SHOWN]
    known = f"Send one of {', '.join(NAMES)}."
    name = _ABBREVIATED.get(shown.lstrip("<>=|"), shown)
    meant = f"Did you mean {name!r}?" if name in NAMES else did_you_mean(name, NAMES, otherwise="")
    return CannotReadError(
        f"has elements of the unknown type {shown!r}", f"{meant} {known}".lstrip()
    )


def _too_large(blob: Blob) -> CannotReadError:
    longest = max(blob.shape)
    shown = str(longest) if longest <= sys.maxsize else "too many"
    return CannotReadError(
        f"has a shape that is too large, with {shown} elements along one of {len(blob.shape)} axes",
        "Send the shape of the data.",
    )


def _knows_small_floats(name: str) -> bool:
    try:
        import ml_dtypes  # noqa: PLC0415  (an optional library)
    except ImportError:
        return False
    # Importing it tells numpy the names; older ones have fewer.
    return hasattr(ml_dtypes, name)


def _blob_of_torch(torch: Any, tensor: Any) -> Blob | None:
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    name = str(tensor.dtype).removeprefix("torch.")
    if not is_small_float(name):
        return blob_of_array(tensor.numpy())
    # Numpy knows no such elements, so their bits travel as numbers.
    bits = tensor.contiguous().view(torch.uint8 if size_of(name) == 1 else torch.int16).numpy()
    return Blob(kind=TENSOR, dtype=name, shape=bits.shape, data=_bytes_of(bits))


def _bytes_of(array: npt.NDArray[Any]) -> memoryview:
    return array.reshape(-1).view("uint8").data.toreadonly()
