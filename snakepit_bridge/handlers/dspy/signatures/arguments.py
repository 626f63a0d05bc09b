"""Signatures among the arguments of a command, where they are sent as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from snakepit_bridge.handlers.dspy.call_shape import shape_of
from snakepit_bridge.handlers.dspy.signatures.signature_data import SignatureMaker

SIGNATURE = "signature"
"""The parameter."""


def takes_signature(target: Callable[..., Any]) -> bool:
    """Whether the first parameter of a class is a signature; of others an object is only data."""
    shape = shape_of(target)
    return shape is not None and next(iter(shape.parameters), "") == SIGNATURE


def resolved_signatures(
    args: Mapping[str, Any] | Sequence[Any] | None, maker: SignatureMaker
) -> Mapping[str, Any] | Sequence[Any] | None:
    """The arguments with a class in the place of an object that describes a signature.

    Args:
        args: Keyword arguments, whose ``signature`` is meant, or positional ones, whose first is.
        maker: Makes the class.

    Raises:
        InvalidArgumentError: The object describes no signature.
        NotAllowedError: It has a type that is not allowed.
    """
    if isinstance(args, Mapping):
        given = args.get(SIGNATURE)
        return {**args, SIGNATURE: maker.made(given)} if isinstance(given, Mapping) else args
    if args and isinstance(args[0], Mapping):
        return [maker.made(args[0]), *args[1:]]
    return args
