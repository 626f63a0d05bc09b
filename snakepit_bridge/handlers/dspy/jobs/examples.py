"""Rows of data made into DSPy's examples, every wrong one named."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from typing import Any

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.nearest import did_you_mean

MOST = 100_000
"""Rows of one job."""

NAMED = 5
"""Wrong rows that an error names; more would not help anybody."""


def examples_from(
    dspy: Any, rows: Sequence[Any], inputs: Collection[str], *, argument: str = "examples"
) -> list[Any]:
    """``dspy.Example`` objects.

    Args:
        dspy: The module.
        rows: Objects, each with values for all inputs and whatever the metric compares with.
        inputs: Names of the keys that the program is given.
        argument: What callers call the rows.

    Raises:
        InvalidArgumentError: There are none, or too many, or some are wrong; names the first.
    """
    if not rows:
        raise _wrong(argument, "it is empty", "Send a list of objects.")
    if len(rows) > MOST:
        raise _wrong(argument, f"{len(rows)} rows", f"At most {MOST} fit into one job.")
    wrong = [(index, why) for index, row in enumerate(rows) if (why := _misfit(row, inputs))]
    if wrong:
        raise _wrong_rows(argument, wrong, inputs)
    return [dspy.Example(dict(row)).with_inputs(*inputs) for row in rows]


def input_names(dspy: Any, program: Any, given: Sequence[str] | None) -> list[str]:
    """The keys of an example that a program is given.

    Args:
        dspy: The module.
        program: The module that runs.
        given: What the caller says, if anything.

    Raises:
        InvalidArgumentError: The caller says nothing, and the program does not tell; or what the
            caller says is not what the program takes.
    """
    known, needed = _inputs_of(dspy, program)
    if given is None:
        if needed:
            return needed
        raise _wrong(
            "inputs",
            "it is missing, and the program does not tell what it takes",
            "E.g. {'inputs': ['question']}.",
        )
    unknown = [name for name in given if known and name not in known]
    if unknown or not given:
        hint = did_you_mean(unknown[0], known, otherwise="") if unknown else ""
        raise _wrong(
            "inputs",
            f"the program takes no {', '.join(map(repr, unknown))}" if unknown else "it is empty",
            hint or f"It takes: {', '.join(known)}.",
        )
    return list(given)


def forward_shape(module: Any) -> inspect.Signature | None:
    """The parameters of a module's ``forward``; ``None`` of what has none."""
    try:
        # DSPy's own way to the attribute warns of whoever is about to call it.
        forward = object.__getattribute__(module, "forward")
    except AttributeError:
        return None
    return inspect.signature(forward)


def _inputs_of(dspy: Any, program: Any) -> tuple[list[str], list[str]]:
    """What a program may be given, and what it must be, as far as it tells.

    By its signature, or by the parameters of its ``forward``.
    """
    for owner in (program, getattr(program, "predict", None)):
        signature = _signature_of(dspy, owner)
        if signature is not None:
            names = list(signature.input_fields)
            return names, names
    shape = forward_shape(program)
    parameters = list(shape.parameters.values()) if shape else []
    if any(each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL) for each in parameters):
        return [], []
    needed = [each.name for each in parameters if each.default is each.empty]
    return [each.name for each in parameters], needed


def _signature_of(dspy: Any, owner: Any) -> Any:
    found = getattr(owner, "signature", None)
    return found if isinstance(found, type) and issubclass(found, dspy.Signature) else None


def _misfit(row: Any, inputs: Collection[str]) -> str:
    if not isinstance(row, dict):
        return f"is no object but {type(row).__name__!r}"
    if not all(isinstance(name, str) and name for name in row):
        return "has keys that are no names"
    missing = [name for name in inputs if name not in row]
    return f"lacks {', '.join(map(repr, missing))}" if missing else ""


def _wrong_rows(
    argument: str, wrong: list[tuple[int, str]], inputs: Collection[str]
) -> InvalidArgumentError:
    shown = "; ".join(f"row {index} {why}" for index, why in wrong[:NAMED])
    more = f"; and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    error = _wrong(
        argument,
        f"{shown}{more}",
        f"Each is an object with {', '.join(map(repr, inputs))}; rows count from 0.",
    )
    error.details["rows"] = [index for index, _ in wrong[:NAMED]]
    return error


def _wrong(argument: str, why: str, hint: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"Wrong {argument!r}: {why}.", {"argument": argument, "hint": hint})
