"""From what an encoding refuses to the errors a caller sees, every wrong argument named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from snakepit_bridge.errors import HandlerFailedError, InvalidArgumentError
from snakepit_bridge.values.refusals import (
    CannotReadError,
    CannotWriteError,
    NotThisEncodingError,
    RefusedError,
)

_From = TypeVar("_From")
_To = TypeVar("_To")


def read_each(
    args: Mapping[str, _From], read: Callable[[_From], _To], encoding: str
) -> dict[str, _To]:
    """Read every argument.

    Args:
        args: Bytes, or whatever ``read`` takes, by argument name.
        read: Reads one, or raises ``CannotReadError``.
        encoding: What an error calls the encoding.

    Raises:
        InvalidArgumentError: Names every argument that ``read`` refused.
    """
    return _each(args, read, f"cannot be read as {encoding}")


def write_each(
    args: Mapping[str, object], write: Callable[[object], bytes], encoding: str
) -> dict[str, bytes]:
    """Write every argument; the twin of ``read_each``, with ``CannotWriteError``."""
    return _each(args, write, f"cannot be sent as {encoding}")


def unreadable_answer(error: CannotReadError, encoding: str) -> InvalidArgumentError:
    """The error of a client that got bytes it cannot read."""
    hint = error.hint
    # Anything else was said in this encoding, and then it has a hint of its own.
    if not hint or isinstance(error, NotThisEncodingError):
        hint = "Was it sent in another encoding?"
    return InvalidArgumentError(
        f"The answer cannot be read as {encoding}: {error}.", {"hint": hint}
    )


def unwritable_result(error: CannotWriteError, encoding: str) -> HandlerFailedError:
    """The error of a handler that returned something which cannot travel."""
    return HandlerFailedError(
        f"The handler's result cannot be sent as {encoding}: {error}.",
        {"path": error.path, "hint": error.hint},
    )


def _each(
    args: Mapping[str, _From], change: Callable[[_From], _To], trouble: str
) -> dict[str, _To]:
    changed: dict[str, _To] = {}
    refused: dict[str, RefusedError] = {}
    for name, given in args.items():
        try:
            changed[name] = change(given)
        except RefusedError as error:
            refused[name] = error
    if refused:
        raise _wrong_arguments(refused, trouble)
    return changed


def _wrong_arguments(refused: Mapping[str, RefusedError], trouble: str) -> InvalidArgumentError:
    reasons = {name: str(error) for name, error in refused.items()}
    noun = "Argument" if len(reasons) == 1 else "Arguments"
    listed = ", ".join(f"{name!r} ({reason})" for name, reason in reasons.items())
    # Twenty arguments with the same mistake need the hint once.
    hint = " ".join(dict.fromkeys(error.hint for error in refused.values()))
    return InvalidArgumentError(
        f"{noun} {trouble}: {listed}.", {"arguments": reasons, "hint": hint}
    )
