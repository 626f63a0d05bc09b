"""Predictions with everything that is known of them, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.plain import PlainData

REASONING = ("reasoning", "rationale")
"""Fields in which DSPy's modules put the thoughts of the model, the usual one first."""


def record_of(dspy: Any, result: Any, plain: PlainData) -> dict[str, Any]:
    """What a module returned, taken apart.

    Args:
        dspy: The module.
        result: A prediction, or anything else, which is then ``outputs["result"]``.
        plain: Makes data.

    Returns:
        ``outputs``: the fields; ``reasoning``: text or ``None``; ``completions``: the fields of
        every candidate, the first of which is the one in ``outputs``.

    Raises:
        DSPyError: Something has no form as data.
    """
    if not isinstance(result, dspy.Prediction):
        return {"outputs": {"result": plain.answer(result)}, "reasoning": None, "completions": []}
    outputs = plain.answer(result)
    reasoning = next((outputs[name] for name in REASONING if name in outputs), None)
    return {
        "outputs": outputs,
        "reasoning": reasoning if isinstance(reasoning, str) else None,
        "completions": _completions(result, outputs, plain),
    }


def _completions(result: Any, outputs: dict[str, Any], plain: PlainData) -> list[dict[str, Any]]:
    found = result.completions
    if found is None:
        return [outputs]
    columns = plain.answer(found)
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
