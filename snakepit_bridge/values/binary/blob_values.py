"""What the blobs of one message stand for, each made once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from snakepit_bridge.values.binary.forms import value_of
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.refusals import CannotReadError


class BlobValues:
    """The values of blobs by their places.

    A text of some kilobytes has room for thousands of references to one blob, and each may be a
    copy of it: so all of a message, of all arguments together, get the same object.

    Args:
        blobs: What came beside the message.
    """

    def __init__(self, blobs: Sequence[Blob] = ()) -> None:
        self._blobs = blobs
        self._values: dict[int, Any] = {}
        self._refusals: dict[int, tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self._blobs)

    def at(self, place: int) -> Any:
        """What the blob at this place stands for.

        Args:
            place: From 0 on, below the number of blobs.

        Raises:
            CannotReadError: The data are not what the blob says of them.
        """
        if place in self._refusals:
            raise CannotReadError(*self._refusals[place])
        if place not in self._values:
            try:
                self._values[place] = value_of(self._blobs[place])
            except CannotReadError as error:
                self._refusals[place] = error.reason, error.hint
                raise
        return self._values[place]
