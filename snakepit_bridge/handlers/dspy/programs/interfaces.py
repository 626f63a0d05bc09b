"""What a module takes to give what."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import msgspec

from snakepit_bridge.handlers.dspy.programs.plan import Plan
from snakepit_bridge.handlers.dspy.signatures.field_spec import FieldSpec, may_be_none


class Parameter(msgspec.Struct, frozen=True):
    """One input."""

    spec: FieldSpec
    required: bool = True


class Interface(msgspec.Struct, frozen=True):
    """Of a module."""

    inputs: Mapping[str, Parameter]
    outputs: Mapping[str, FieldSpec]
    """Empty where they are not known."""

    takes_more: bool = False
    """Whether there may be other inputs."""

    gives_more: bool = True
    """Whether there may be other outputs."""


def interface_of(dspy: Any, module: Any) -> Interface:
    """What can be known of a module without calling it.

    Args:
        dspy: The module of that name.
        module: Something whose class is a ``dspy.Module``.
    """
    # Of the class: asked of an instance, DSPy warns that it should not be called.
    forward = getattr(type(module), "forward", None) or type(module).aforward
    parameters = list(inspect.signature(forward).parameters.values())[1:]
    takes_more = any(each.kind is each.VAR_KEYWORD for each in parameters)
    named = [
        each for each in parameters if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    ]
    is_bare = all(each.default is not each.empty for each in named)
    signature = signature_of(dspy, module) if takes_more and is_bare else None
    if signature is not None:
        exact = (dspy.Predict, dspy.ChainOfThought)
        return Interface(
            {name: _parameter(name, field) for name, field in signature.input_fields.items()},
            {name: _spec(name, field) for name, field in signature.output_fields.items()},
            gives_more=type(module) not in exact
            and not isinstance(getattr(module, "plan", None), Plan),
        )
    return Interface(
        {each.name: Parameter(FieldSpec(Any), each.default is each.empty) for each in named},
        {},
        takes_more=takes_more,
    )


def signature_of(dspy: Any, module: Any, depth: int = 8) -> Any:
    """The signature whose inputs a module takes; ``None`` where none is known.

    Modules that repeat another one, such as ``dspy.BestOfN``, take what that one takes.
    """
    for held in (module, getattr(module, "predict", None)):
        signature = own_signature(dspy, held)
        if signature is not None:
            return signature
    inner = getattr(module, "module", None)
    if depth and isinstance(inner, dspy.Module):
        return signature_of(dspy, inner, depth - 1)
    return None


def own_signature(dspy: Any, module: Any) -> Any:
    """The signature that a module itself has; ``None`` where it has none."""
    signature = getattr(module, "signature", None)
    is_one = isinstance(signature, type) and issubclass(signature, dspy.Signature)
    return signature if is_one else None


def _parameter(name: str, field: Any) -> Parameter:
    required = field.is_required() and not may_be_none(field.annotation)
    return Parameter(_spec(name, field), required)


def _spec(name: str, field: Any) -> FieldSpec:
    description = field.json_schema_extra["desc"]
    return FieldSpec(field.annotation, "" if description == f"${{{name}}}" else description)
