"""Where an encoding puts what has no place within the value."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snakepit_bridge.values.blob import Blob
    from snakepit_bridge.values.refs import Ref


class Beside:
    """What travels, or stays, beside one value; this one offers no room for anything.

    An encoding asks once for each blob and for each object, in the order of the value.
    """

    wants_binary = False
    """Whether the caller wants arrays and bytes as binary data, where the encoding would find a
    text for them."""

    def put(self, blob: Blob) -> int | None:
        """Take a blob; returns its place, or ``None``: then it has to go into the value."""
        del blob
        return None

    def keep(self, instance: object) -> Ref | None:
        """Keep an object that has no form as a value; ``None``: then a marker stands for it.

        Raises:
            SessionError: It should be kept, and cannot be.
        """
        del instance
        return None

    def give_up(self) -> None:
        """The value cannot be written after all: forget what was taken for it."""


NOTHING = Beside()
"""For values that have to be whole by themselves."""


@contextmanager
def giving_up(beside: Beside) -> Iterator[None]:
    """Let what was taken for a value be forgotten, should the block fail."""
    with ExitStack() as on_failure:
        on_failure.callback(beside.give_up)
        yield
        on_failure.pop_all()
