"""The arguments of a command made into the arguments of a DSPy call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from snakepit_bridge.handlers.references import References

NESTING = 64
"""Levels of lists and objects that are looked through for refs."""


class Arguments(msgspec.Struct, frozen=True):
    """What one call is given."""

    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = msgspec.field(default_factory=dict)


def with_examples(dspy: Any, arguments: Arguments) -> Arguments:
    """The arguments of ``Module.batch`` with examples in the place of plain rows, all inputs."""

    def made(rows: Any) -> Any:
        if not isinstance(rows, list):
            return rows
        return [
            dspy.Example(row).with_inputs(*row) if isinstance(row, dict) else row for row in rows
        ]

    # Its progress bar would be written where the bridge runs.
    keywords = {"disable_progress_bar": True, **arguments.keywords}
    positional = list(arguments.positional)
    if "examples" in keywords:
        keywords["examples"] = made(keywords["examples"])
    elif positional:
        positional[0] = made(positional[0])
    return Arguments(tuple(positional), keywords)


def arguments_from(
    args: Mapping[str, Any] | Sequence[Any] | None, find: Callable[[str], Any]
) -> Arguments:
    """An object as keyword arguments, a list as positional ones.

    A text that is, as a whole, the ref of a live object stands for that object, at any depth: so a
    module can be given to an optimizer, and examples to a module.

    Args:
        args: As the command had them.
        find: The live object of a ref.

    Raises:
        ForeignRefError: A ref belongs to another session.
    """
    if args is None:
        return Arguments()
    # Only what is given can be a ref; a keyword may have any name.
    resolved = References(find, depth=NESTING - 1).resolved
    if isinstance(args, Mapping):
        return Arguments(keywords={str(name): resolved(value) for name, value in args.items()})
    return Arguments(positional=tuple(map(resolved, args)))
