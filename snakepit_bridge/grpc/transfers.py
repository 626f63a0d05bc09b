"""Uploads into the store of binary data, downloads out of it."""

from __future__ import annotations

import asyncio
import threading
import zlib
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from snakepit_bridge.errors import BridgeError, CommandNotFoundError, InvalidArgumentError
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable

    from snakepit_bridge.leases.leases import Leases

CHUNK_MARGIN = 64 * 1024
"""Bytes of a message kept free for what is not the data of a chunk."""

CHUNK_BYTES = 1024 * 1024 - CHUNK_MARGIN
"""Data of one message, which fits into the smallest that either side can be limited to. Larger ones
are hardly faster, and each is in memory several times."""


class Transfers:
    """What ``Upload`` and ``Download`` do. Files and checksums are never the loop's work.

    Args:
        leases: Where data are kept; ``None``: nowhere.
        chunk_bytes: Data of one message of a download.
    """

    def __init__(self, leases: Leases | None, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._leases = leases
        self._chunk_bytes = chunk_bytes

    async def upload(self, chunks: AsyncIterable[pb.Chunk | DecodeError]) -> pb.Handle:
        """Take what comes, each chunk when the one before it has been written.

        Raises:
            InvalidArgumentError: A chunk is not whole, or not the next one.
            BlobNotFoundError: Nothing has the handle to go on with.
            QuotaExceededError: There is no room.
        """
        upload = _Upload(self._store())
        try:
            async for chunk in chunks:
                await asyncio.to_thread(upload.take, chunk)
            told = await asyncio.to_thread(upload.told)
            # Not earlier: a caller who is gone looks like one who has sent all, for a moment.
            upload.is_unknown = False
            return told
        finally:
            if upload.is_unknown:
                await asyncio.shield(asyncio.to_thread(upload.give_up))

    async def download(self, wanted: pb.Handle) -> AsyncGenerator[pb.Chunk, None]:
        """Yield the data from an offset on; at their end a chunk without data.

        Raises:
            BlobNotFoundError: Nothing has the handle.
            InvalidArgumentError: The offset is not within the data.
            WrongCallError: The data are not complete.
        """
        leases, offset = self._store(), wanted.offset
        info = await asyncio.to_thread(leases.info, wanted.handle)
        chunk = await self._chunk(leases, wanted.handle, offset)
        chunk.handle, chunk.size = wanted.handle, info.size
        while True:
            yield chunk
            offset += len(chunk.data)
            if offset >= info.size:
                return
            chunk = await self._chunk(leases, wanted.handle, offset)

    async def _chunk(self, leases: Leases, handle: str, offset: int) -> pb.Chunk:
        def read() -> pb.Chunk:
            data = leases.read(handle, offset, self._chunk_bytes)
            return pb.Chunk(offset=offset, data=data, crc32=zlib.crc32(data))

        return await asyncio.to_thread(read)

    def _store(self) -> Leases:
        if self._leases is None:
            raise CommandNotFoundError(
                "This bridge keeps no binary data beside its messages.",
                {"hint": "Send them in a message, or ask a bridge that was started by 'serve'."},
            )
        return self._leases


class _Upload:
    """One stream of chunks. Safe to give up while a thread still takes one.

    Args:
        leases: Where the data are to be.
    """

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._lock = threading.Lock()
        self._handle = ""
        self._has_ended = False
        self.is_unknown = True
        """Whether nobody knows the handle, unless the caller has brought it."""

    def take(self, chunk: pb.Chunk | DecodeError) -> None:
        """Write the data of the next chunk.

        Raises:
            BridgeError: As ``Transfers.upload`` says; nothing of the chunk was written.
        """
        if isinstance(chunk, DecodeError):
            raise InvalidArgumentError(f"The bytes of a chunk are none: {chunk}.") from chunk
        if zlib.crc32(chunk.data) != chunk.crc32:
            raise InvalidArgumentError(
                f"The data of the chunk at {chunk.offset} are not those of its checksum.",
                {"offset": chunk.offset, "hint": "Send it again with the CRC-32 of its data."},
            )
        with self._lock:
            if self._has_ended:
                return
            if not self._handle:
                self._begin(chunk)
            elif chunk.handle not in {"", self._handle}:
                raise InvalidArgumentError(
                    "A chunk has another handle than those before it.",
                    {"hint": "Use a stream of its own for each upload."},
                )
            if chunk.data:
                self._leases.write(self._handle, chunk.offset, chunk.data)

    def told(self) -> pb.Handle:
        """What the caller is told: all has come, or how much.

        Raises:
            InvalidArgumentError: There was not even one chunk.
        """
        if not self._handle:
            raise InvalidArgumentError(
                "The upload has no chunk.", {"hint": "Send at least one, with the size of all."}
            )
        info = self._leases.info(self._handle)
        told = pb.Handle(handle=self._handle, size=info.size, received=info.received)
        if info.received == info.size:
            told.crc32 = self._leases.checksum(self._handle)
        return told

    def give_up(self) -> None:
        """Take no more; what nobody knows of is removed."""
        with self._lock:
            self._has_ended = True
            if self._handle and self.is_unknown:
                self._leases.release(self._handle)

    def _begin(self, chunk: pb.Chunk) -> None:
        if chunk.handle:
            self._handle, self.is_unknown = chunk.handle, False
        elif chunk.HasField("size"):
            self._handle = self._leases.create(chunk.size).handle
        else:
            raise InvalidArgumentError(
                "The first chunk has neither a handle nor the size of all data.",
                {"hint": "Set 'size' to begin an upload, 'handle' to go on with one."},
            )


def disk_failed(error: OSError) -> BridgeError:
    """The error for data that the system cannot read or write."""
    return BridgeError(f"The data cannot be read or written: {error.strerror or error}.")
