"""What hostile input may lead to: a value, or a refusal that helps whoever sent it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fuzz.sameness import is_comparable, same_values
from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.encoding import Encoding

REFUSED: Final = object()
"""What there is in place of a value."""

MOST_TOLD = 2_000
"""Characters of a refusal of one argument: a status message has 2 KB."""

ARGUMENT = "a"
"""The name of the one argument."""


class Finding(Exception):  # noqa: N818  (it is nothing that goes wrong here)
    """An input led to what no input may lead to."""


class Collected(Beside):
    """Takes all blobs, and keeps no object."""

    wants_binary = True

    def __init__(self) -> None:
        self.blobs: list[Blob] = []

    def put(self, blob: Blob) -> int:
        """Take a blob."""
        self.blobs.append(blob)
        return len(self.blobs) - 1


def ensure(holds: object, text: str) -> None:
    """Say what was found, unless all is well.

    Raises:
        Finding: It is not.
    """
    if not holds:
        raise Finding(text)


def read(encoding: Encoding, given: Any, blobs: Sequence[Blob] = ()) -> Any:
    """Read one argument.

    Returns:
        The value, or ``REFUSED``.

    Raises:
        Finding: It was refused in a way that helps nobody.
    """
    try:
        return encoding.decode_args({ARGUMENT: given}, blobs)[ARGUMENT]
    except InvalidArgumentError as error:
        check_refusal(error)
        return REFUSED


def check_refusal(error: InvalidArgumentError) -> None:
    """A refusal names the argument, the reason and the next step, briefly, in any alphabet.

    Raises:
        Finding: This one does not.
    """
    reasons = error.details["arguments"]
    ensure(list(reasons) == [ARGUMENT], f"not the argument, but {list(reasons)}")
    ensure(reasons[ARGUMENT] in error.message, f"no reason in {error.message!r}")
    ensure(error.hint, f"no hint in {error.message!r}")
    ensure(len(str(error)) <= MOST_TOLD, f"a refusal of {len(str(error))} characters")
    str(error).encode()  # a lone surrogate would keep it from being sent


def check_return(encoding: Encoding, value: object) -> None:
    """What was read can be written, alone or with blobs beside it, and is the same again.

    Raises:
        Finding: It is not.
    """
    if not is_comparable(value):
        return
    for beside in (Beside(), Collected()):
        written = encoding.encode_args({ARGUMENT: value}, beside)
        arrived = encoding.decode_args(written, getattr(beside, "blobs", ()))[ARGUMENT]
        ensure(same_values(value, arrived), f"went as {value!r}, arrived as {arrived!r}")
