"""The codecs of envelopes: an encoding within the limits of a transport."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.transport.luggage import Luggage
from snakepit_bridge.transport.options import Options, usual_options
from snakepit_bridge.transport.out_of_band import fitted, present, shared
from snakepit_bridge.values.blob import ARROW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from snakepit_bridge.errors import InvalidArgumentError
    from snakepit_bridge.leases.leases import Leases
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.values import Blob, Encoded, Encoding


_REMEMBERED = 256
"""Handles of a call whose items may still be on their way; fewer items wait anywhere."""

_LONG = 64 * 1024
"""Bytes from which another thread reads them, which takes a tenth of a millisecond."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What a transport can carry."""

    max_value_bytes: int | None = None
    """The largest value that may leave, with everything that leaves beside it; ``None`` is no
    limit."""

    leases: Any = None
    """The ``Leases`` that keep blobs which do not travel in a message, if there are any."""


class BoundedCodec:
    """An encoding whose values fit into a message.

    Args:
        encoding: Reads and writes.
        room: What the transport can carry.
        options: What the caller wants; by default what is usual in the encoding.
        blobs: What came beside the arguments.
    """

    def __init__(
        self,
        encoding: Encoding,
        room: Room,
        options: Options | None = None,
        blobs: Sequence[Blob] = (),
    ) -> None:
        self._encoding = encoding
        self._room = room
        self._leases: Leases | None = room.leases
        self._options = usual_options(encoding.name) if options is None else options
        self._blobs = blobs
        self._handles: deque[str] = deque(maxlen=_REMEMBERED)
        self._read: Callable[[], Mapping[str, Any]] | None = None
        # Asked once, because nearly every call is of this kind.
        self._is_plain = not (self._options.refs or self._options.binary)

    def for_call(self, options: Options | None, blobs: Sequence[Blob]) -> BoundedCodec:
        """The same encoding for one call that wants, or brings, something special.

        Args:
            options: What it wants; ``None`` is what is usual.
            blobs: What it brings.
        """
        return BoundedCodec(self._encoding, self._room, options, blobs)

    async def read_ahead(self, args: Mapping[str, Any]) -> None:
        """Read the arguments on a thread, if that takes long; ``decode_args`` has them then.

        Large data are copied and checked, and the first ones have their library imported.
        """
        if any(map(_takes_long, self._blobs)):
            self._read = await asyncio.to_thread(_outcome_of, self._decode, args)

    def decode_args(self, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments as values; data behind handles are mapped, not read.

        Raises:
            InvalidArgumentError: Some cannot be read; names every one of them.
            BlobNotFoundError: Nothing is behind a handle.
            WrongCallError: What is behind a handle is not complete.
        """
        if not self._blobs:
            return self._encoding.decode_args(args)
        return self._decode(args) if self._read is None else self._read()

    def _decode(self, args: Mapping[str, Any]) -> Mapping[str, Any]:
        blobs = [present(blob, self._leases) for blob in self._blobs]
        return self._encoding.decode_args(args, blobs)

    def encode(self, value: Any, session: Session) -> Encoded:
        """The value in bytes.

        Raises:
            HandlerFailedError: It cannot travel in this encoding.
            SessionError: An object in it should be kept, and cannot be.
            QuotaExceededError: It is too large.
        """
        if self._is_plain:
            return self._fitted(self._encoding.encode(value))
        luggage = Luggage(self._options, session, self._leases)
        with ExitStack() as undo:
            undo.callback(luggage.give_up)
            encoded = self._encoding.encode(value, luggage)
            if luggage.blobs:
                encoded = msgspec.structs.replace(encoded, blobs=luggage.blobs)
                if self._options.shared and luggage.stores:
                    encoded = shared(encoded, luggage)
            encoded = self._fitted(encoded, luggage)
            # Whoever is late or gone never learns of what was taken for the answer.
            if not session.cancelled:
                undo.pop_all()
        self._handles.extend(luggage.handles)
        return encoded

    def give_back(self) -> None:
        """Remove what was stored for the last items of a stream that its reader has left.

        It may not have got them; what it has fetched it has still.
        """
        while self._handles and self._leases is not None:
            self._leases.release(self._handles.popleft())

    def _fitted(self, encoded: Encoded, luggage: Luggage | None = None) -> Encoded:
        limit = self._room.max_value_bytes
        return encoded if limit is None else fitted(encoded, limit, luggage)


def _takes_long(blob: Blob) -> bool:
    return (
        blob.nbytes >= _LONG
        or bool(blob.handle)
        or blob.kind == ARROW
        or "numpy" not in sys.modules
    )


def _outcome_of(
    read: Callable[[Mapping[str, Any]], Mapping[str, Any]], args: Mapping[str, Any]
) -> Callable[[], Mapping[str, Any]]:
    """Read now; what comes of it is returned, or raised, later."""
    try:
        values = read(args)
    except BridgeError as error:
        failure = error
    else:
        return lambda: values

    def fail() -> NoReturn:
        raise failure

    return fail


class RefusingCodec:
    """Refuses an envelope where any other would read it, so that its command fails like any other.

    Args:
        error: Why.
    """

    def __init__(self, error: InvalidArgumentError) -> None:
        self._error = error

    async def read_ahead(self, args: Mapping[str, Any]) -> None:
        """There is nothing that could be read."""

    def give_back(self) -> None:
        """Nothing was stored."""

    def decode_args(self, args: Mapping[str, Any]) -> NoReturn:
        """Refuse.

        Raises:
            InvalidArgumentError: The error that was given.
        """
        del args
        raise self._error

    def encode(self, value: Any, session: Session) -> NoReturn:
        """Never called: without arguments there is no value."""
        raise AssertionError(value, session)
