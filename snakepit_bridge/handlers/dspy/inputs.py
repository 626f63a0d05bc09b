"""The inputs of a module as the types of its signature."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, get_args

from snakepit_bridge.errors import DSPyError, ErrorCode

Check = Callable[[Any, Mapping[str, Any]], None]
"""Raises where a class may not be called with these keywords."""

_PLAIN = (str, bool, int, float, list, tuple, dict)
"""What data are; everything else is a live object, and left as it is."""

MAX_PROBLEM = 200
"""Characters told of what is wrong with one input."""


def typed_inputs(
    dspy: Any, signature: Any, given: Mapping[str, Any], check: Check
) -> dict[str, Any]:
    """The inputs with objects of DSPy's types made of data, and with values of the wrong type told.

    DSPy would put data that stand for an image into the prompt as text.

    Args:
        dspy: The module.
        signature: Whose input fields say what is wanted.
        given: The inputs by name; names that are no fields are left alone.
        check: Asked before a class of DSPy's is called.

    Raises:
        DSPyError: Names every input that does not fit its type.
        NotAllowedError: An object would be made in a way that is not allowed.
    """
    made, wrong = dict(given), {}
    for name, field in signature.input_fields.items():
        value, kind = given.get(name), field.annotation
        if not isinstance(value, _PLAIN) or (kind in (str, Any) and not field.metadata):
            continue
        if field.metadata:
            kind = Annotated[kind, *field.metadata]
        try:
            made[name] = _typed(dspy, kind, value, check)
        except ValueError as error:
            wrong[name] = _told(error)
    if wrong:
        told = "; ".join(f"{name!r}: {why}" for name, why in wrong.items())
        raise DSPyError(
            f"Inputs do not fit their types: {told}.",
            {"arguments": sorted(wrong), "hint": "'dspy.inspect' tells the schema of each input."},
            code=ErrorCode.INVALID_ARGUMENT,
        )
    return made


def _typed(dspy: Any, kind: Any, value: Any, check: Check) -> Any:
    classes = [each for each in _parts(kind) if isinstance(each, type)]
    if any(issubclass(each, dspy.Tool) for each in classes):
        return value
    types = [each for each in classes if issubclass(each, dspy.Type)]
    for each in types:
        for data in _objects(value):
            check(each, data)
    if isinstance(value, str) and kind in types:
        return kind(value) if issubclass(kind, dspy.Image) else value
    return _adapter(kind).validate_python(value)


@lru_cache(maxsize=1024)
def _adapter(kind: Any) -> Any:
    """Pydantic's reader of a type; a signature has no others."""
    import pydantic

    return pydantic.TypeAdapter(kind)


def _parts(kind: Any) -> Iterator[Any]:
    yield kind
    for each in get_args(kind):
        yield from _parts(each)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
    inside = value.values() if isinstance(value, dict) else value
    for each in inside if isinstance(value, (dict, list, tuple)) else ():
        yield from _objects(each)


def _told(error: ValueError) -> str:
    problems = getattr(error, "errors", None)
    if callable(problems):
        told = [_problem(each) for each in problems(include_url=False, include_context=False)]
        return "; ".join(told)[:MAX_PROBLEM]
    return str(error)[:MAX_PROBLEM]


def _problem(error: Mapping[str, Any]) -> str:
    place = ".".join(str(each) for each in error["loc"])
    return f"{place}: {error['msg']}" if place else str(error["msg"])
