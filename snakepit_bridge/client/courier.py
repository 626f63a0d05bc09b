"""The way of large binary data beside the calls of a client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.client.shared_files import SharedFileError, map_file, write_file
from snakepit_bridge.errors import (
    BridgeError,
    CommandNotFoundError,
    InvalidArgumentError,
    QuotaExceededError,
    WrongCallError,
)
from snakepit_bridge.transport.base import BlobConnection
from snakepit_bridge.transport.out_of_band import PATH, SHARED_FROM
from snakepit_bridge.values.blob import Blob

if TYPE_CHECKING:
    from snakepit_bridge.client.deadline import Deadline
    from snakepit_bridge.transport.base import Connection
    from snakepit_bridge.transport.envelope import Envelope, Reply
    from snakepit_bridge.values.blob import Data

    Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]

log = logging.getLogger(__name__)

MESSAGE_MARGIN = 64 * 1024
"""Bytes of a message kept free for what is no blob: names, metadata, framing."""


_FILE_REFUSED = (QuotaExceededError, InvalidArgumentError, WrongCallError)
"""A bridge that is full, or whose folder for files cannot be used."""

SETTLE_S = 0.5
"""How long a client that is done waits for the bridge to remove its files."""


class Courier:
    """Sees to it that blobs arrive, whatever their size.

    Through files where both sides are on one machine, in the message where they fit into one, else
    in pieces before or after it.

    Args:
        connection: The way to the bridge.
        ask: Calls a command and returns its value.
        shares_files: Whether to try files. The first that cannot be had is the last that is tried.
        max_message_bytes: The largest message; ``None`` is no limit.
    """

    def __init__(
        self,
        connection: Connection,
        ask: Ask,
        *,
        shares_files: bool,
        max_message_bytes: int | None,
    ) -> None:
        self._connection = connection
        self._ask = ask
        self.shares_files = shares_files
        """Whether answers may come as files, too."""
        self._releasing: set[asyncio.Future[None]] = set()
        self._room = None if max_message_bytes is None else max_message_bytes - MESSAGE_MARGIN

    async def load(self, envelope: Envelope) -> tuple[Envelope, Sequence[str]]:
        """Take blobs out of a call that should not travel in its message.

        Returns:
            The call to send, and the handles to ``release`` after its answer.

        Raises:
            BridgeError: The bridge does not take them; nothing is left there.
        """
        blobs = list(envelope.blobs)
        left = sum(blob.nbytes for blob in blobs) + sum(map(len, envelope.args.values()))
        handles: list[str] = []
        with ExitStack() as undo:
            undo.callback(self.release, handles)
            # The largest first: then the fewest have to go a way of their own.
            for place in sorted(range(len(blobs)), key=lambda place: -blobs[place].nbytes):
                blob = blobs[place]
                handle = await self._bring(blob, fits=self._room is None or left <= self._room)
                if handle:
                    left -= blob.nbytes
                    handles.append(handle)
                    blobs[place] = _behind(handle, blob)
            undo.pop_all()
        return msgspec.structs.replace(envelope, blobs=blobs), handles

    @asynccontextmanager
    async def bringing(self, envelope: Envelope, deadline: Deadline) -> AsyncIterator[Envelope]:
        """The call to send while the block runs; what was brought for it is released after it.

        Raises:
            BridgeError: As ``load`` does, by the deadline.
        """
        if not envelope.blobs:
            yield envelope
            return
        envelope, handles = await deadline.bound(self.load(envelope))
        try:
            yield envelope
        finally:
            self.release(handles)

    async def store(self, blob: Blob) -> Blob:
        """Have the bridge keep the data of a blob, for as many calls as wanted.

        Raises:
            BridgeError: It does not take them.
        """
        handle = await self._bring(blob, fits=False)
        return _behind(handle, blob) if handle else blob

    async def unload(self, reply: Reply) -> Reply:
        """Fetch what the bridge has kept of an answer.

        Raises:
            BridgeError: It cannot be had.
        """
        encoded = reply.encoded
        if encoded is None or not any(blob.handle for blob in encoded.blobs):
            return reply
        blobs = [await self._fetched(blob, reply.metadata) for blob in encoded.blobs]
        return msgspec.structs.replace(reply, encoded=msgspec.structs.replace(encoded, blobs=blobs))

    def release(self, handles: Sequence[str]) -> None:
        """Tell the bridge that nobody wants these any more, without waiting for it.

        What goes wrong is no error of anybody's: the bridge finds out by itself, later.
        """
        handles = [handle for handle in handles if handle]
        if not handles:
            return
        releasing = asyncio.ensure_future(self._release(handles))
        # Held until it is done, or nobody would.
        self._releasing.add(releasing)
        releasing.add_done_callback(self._releasing.discard)

    async def settle(self) -> None:
        """Wait briefly for what is still to be released."""
        if self._releasing:
            await asyncio.wait(self._releasing, timeout=SETTLE_S)

    async def _release(self, handles: Sequence[str]) -> None:
        for handle in handles:
            try:
                await self._ask("blob.release", {"handle": handle})
            except BridgeError as error:
                log.info("the blob %s was not released: %s", handle, error)

    async def _bring(self, blob: Blob, *, fits: bool) -> str:
        """The handle behind which the data are now; empty where they stay in the message."""
        if blob.handle:
            return ""
        if self.shares_files and blob.nbytes >= SHARED_FROM:
            handle = await self._write(blob.data)
            if handle:
                return handle
        if fits or not isinstance(self._connection, BlobConnection):
            return ""
        return await self._connection.upload(blob.data)

    async def _write(self, data: Data) -> str:
        """The handle of a file with these data; empty where none can be had."""
        try:
            lease = await self._ask("blob.create", {"bytes": len(data)})
        except CommandNotFoundError as error:
            self._share_no_more(error)
            return ""
        except _FILE_REFUSED:
            return ""  # there may be one the next time
        handle = str(lease["handle"])
        with ExitStack() as undo:
            # Also where the caller does not wait any longer.
            undo.callback(self.release, [handle])
            try:
                await asyncio.to_thread(write_file, lease["path"], data)
            except SharedFileError as error:
                self._share_no_more(error)
                return ""
            undo.pop_all()
        return handle

    async def _fetched(self, blob: Blob, told: Mapping[str, str]) -> Blob:
        if not blob.handle:
            return blob
        data = await self._data_of(blob.handle, told.get(PATH + blob.handle))
        self.release([blob.handle])
        return Blob(kind=blob.kind, dtype=blob.dtype, shape=blob.shape, data=data)

    async def _data_of(self, handle: str, path: str | None) -> Data:
        if self.shares_files and path is not None:
            try:
                return await asyncio.to_thread(map_file, path)
            except SharedFileError as error:
                self._share_no_more(error)
        if isinstance(self._connection, BlobConnection):
            return await self._connection.download(handle)
        raise WrongCallError(
            "Part of the answer did not fit into its message, and this connection cannot fetch it.",
            {"handle": handle, "hint": "Raise --max-message-bytes, or connect over gRPC."},
        )

    def _share_no_more(self, error: Exception) -> None:
        self.shares_files = False
        log.info("binary data travel in messages from now on: %s", error)


def _behind(handle: str, blob: Blob) -> Blob:
    return Blob(kind=blob.kind, dtype=blob.dtype, shape=blob.shape, handle=handle)
