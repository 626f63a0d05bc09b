"""Values in the form that their named type has on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

from snakepit_bridge.values.binary.tensors import is_array


def normalised(value: Any, type_name: str) -> Any:
    """Bring a value into the form of its type; of a type nobody knows it is what it is.

    Args:
        value: A numpy array where the type is ``embedding`` or ``tensor``, or plain data.
        type_name: ``float``, ``integer``, ``string``, ``choice``, ``module``, ``boolean``,
            ``embedding``, ``tensor``, or any other.

    Raises:
        ValueError: The value is not of this type.
    """
    normalise = _NORMALISE.get(type_name)
    if normalise is None:
        return value
    try:
        return normalise(value)
    except (TypeError, OverflowError) as error:
        message = f"{_shown(value)} is no {type_name}: {error}"
        raise ValueError(message) from error


def _float(value: Any) -> float:
    if not isinstance(value, Real):
        raise _refusal(value, "float")
    return float(value)


def _integer(value: Any) -> int:
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _refusal(value, "integer")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _refusal(value, "boolean")


def _embedding(value: Any) -> list[Any]:
    if is_array(value):
        elements: list[Any] = value.tolist()
        return elements
    if isinstance(value, list):
        return [float(element) for element in value]
    raise _refusal(value, "embedding")


def _tensor(value: Any) -> Any:
    if is_array(value):
        return {"shape": list(value.shape), "data": value.tolist()}
    if isinstance(value, dict) and value.keys() >= {"shape", "data"}:
        return value
    raise _refusal(value, "tensor")


_NORMALISE: Mapping[str, Callable[[Any], Any]] = {
    "float": _float,
    "integer": _integer,
    "boolean": _boolean,
    "string": str,
    "choice": str,
    "module": str,
    "embedding": _embedding,
    "tensor": _tensor,
}


def _refusal(value: Any, type_name: str) -> ValueError:
    return ValueError(f"{_shown(value)} is no {type_name}.")


def _shown(value: Any) -> str:
    # The type alone: what the value holds may be large, or nobody's business.
    return f"A value of type {type(value).__name__!r}"
