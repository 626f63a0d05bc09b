"""The predictors of a program under the names that people see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Predictors:
    """Names predictors and knows their output fields.

    Args:
        dspy: The module.
        program: What runs; anything but a module has no predictors.
    """

    def __init__(self, dspy: Any, program: Any) -> None:
        is_module = isinstance(program, dspy.Module)
        self._named = dict(program.named_predictors()) if is_module else {}
        self._names = {id(predictor): name for name, predictor in self._named.items()}

    @property
    def fields(self) -> Mapping[str, tuple[str, ...]]:
        """The output fields of each predictor."""
        return {name: output_fields(predictor) for name, predictor in self._named.items()}

    def name_of(self, predictor: Any) -> str:
        """The name of a predictor in the program, else that of its class.

        A copy, as some modules make for each attempt, has the name of what it is a copy of. Code
        that asks a language model itself has none.
        """
        name = "" if predictor is None else self._names.get(id(predictor))
        if name is not None:
            return name
        like = [each for each, known in self._named.items() if _is_copy(predictor, known)]
        return like[0] if len(like) == 1 else type(predictor).__name__


def output_fields(predictor: Any) -> tuple[str, ...]:
    """The names of what a predictor asks for; none where it has no signature."""
    signature = getattr(predictor, "signature", None)
    return () if signature is None else tuple(signature.output_fields)


def _is_copy(predictor: Any, known: Any) -> bool:
    return type(predictor) is type(known) and predictor.signature is known.signature
