"""The way of large binary data beside the calls of a client."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

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

if TYPE_CHECKING:
    from snakepit_bridge.client.deadline import Deadline
    from snakepit_bridge.transport.base import Connection
    from snakepit_bridge.transport.envelope import Envelope, Reply
    from snakepit_bridge.values.blob import Blob, Data

    Ask = Callable[[str, dict[str, Any]], Coroutine[Any, Any, Any]]

_T = TypeVar("_T")

log = logging.getLogger(__name__)

MESSAGE_MARGIN = 64 * 1024
"""Bytes of a message kept free for what is no blob: names, metadata, framing."""

SMALLEST_MESSAGE = 1024 * 1024
"""The least a bridge can be told to take; only beyond it does its own limit matter."""

_FILE_REFUSED = (QuotaExceededError, InvalidArgumentError, WrongCallError)
"""A bridge that is full, or whose folder for files cannot be used."""

SETTLE_S = 1.0
"""How long a client that is done waits for the bridge to remove its files."""


class Courier:
    """Sees to it that blobs arrive, whatever their size.

    Through files where both sides are on one machine, in the message where they fit into one, else
    in pieces before or after it.

    Args:
        connection: The way to the bridge.
        ask: Calls a command and returns its value.
        shares_files: Whether to try files. The first that cannot be had is the last that is tried.
        max_message_bytes: The largest message; ``None`` is no limit but that of the bridge, which
            is asked for it once.
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
        self._limit = max_message_bytes
        self._knows_limit = not isinstance(connection, BlobConnection)
        self._held: set[str] = set()
        self._unwanted: dict[str, None] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

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
        # The largest first: then the fewest have to go a way of their own.
        places = sorted(range(len(blobs)), key=lambda place: -blobs[place].nbytes)
        ways = itertools.product((self._through_file, self._send_before), places)
        with ExitStack() as undo:
            undo.callback(self.release, handles)
            for bring, place in ways:
                blob = blobs[place]
                handle = "" if blob.handle else await bring(blob, left)
                if handle:
                    left -= blob.nbytes
                    handles.append(handle)
                    blobs[place] = blob.behind(handle)
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
        self._held.update(handles)
        try:
            yield envelope
        finally:
            # Not what ``close`` has taken already: nobody may be there any more.
            wanted = self._held.intersection(handles)
            self._held -= wanted
            self.release([*wanted])

    async def store(self, blob: Blob) -> Blob:
        """Have the bridge keep the data of a blob, for as many calls as wanted.

        Raises:
            BridgeError: It does not take them.
        """
        if blob.handle:
            return blob
        handle = await self._through_file(blob, blob.nbytes) or await self._upload(blob)
        return blob.behind(handle) if handle else blob

    async def unload(self, reply: Reply) -> Reply:
        """Fetch what the bridge has kept of an answer.

        Raises:
            BridgeError: It cannot be had.
        """
        encoded = reply.encoded
        if encoded is None or not any(blob.handle for blob in encoded.blobs):
            return reply
        try:
            blobs = [await self._fetched(blob, reply.metadata) for blob in encoded.blobs]
        finally:
            # Also of those that were not reached.
            self.release([blob.handle for blob in encoded.blobs])
        return msgspec.structs.replace(reply, encoded=msgspec.structs.replace(encoded, blobs=blobs))

    def release(self, handles: Sequence[str]) -> None:
        """Tell the bridge that nobody wants these any more, without waiting for it.

        What goes wrong is no error of anybody's: the bridge finds out by itself, later.
        """
        handles = [handle for handle in handles if handle]
        if handles:
            self._unwanted.update(dict.fromkeys(handles))
            _ = self._begin(self._release(handles))

    async def settle(self) -> None:
        """Wait until the bridge has removed what was released, but briefly."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self._at_rest()

    async def close(self) -> None:
        """Release whatever calls have left on the bridge, and wait for that, but briefly."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self._at_rest()
                # What was cancelled with everything else on the loop, and what streams hold that
                # nobody has closed.
                left, self._held = {*self._unwanted, *self._held}, set()
                self.release([*left])
                await self._at_rest()

    async def _at_rest(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.create_task(work)
        # Held until it is done, or nobody would.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _release(self, handles: Sequence[str]) -> None:
        try:
            await self._ask("blob.release", {"handle": handles})
        except BridgeError as error:
            log.info("%s blobs were not released: %s", len(handles), error)
        # Unless this was cancelled: ``close`` tries again then.
        for handle in handles:
            self._unwanted.pop(handle, None)

    async def _through_file(self, blob: Blob, _: int) -> str:
        """The handle of a file with the data; empty where none is used."""
        if self.shares_files and blob.nbytes >= SHARED_FROM:
            return await self._write(blob.data)
        return ""

    async def _send_before(self, blob: Blob, left: int) -> str:
        """The handle of data for which no room is in the message; empty where they may stay."""
        if left > SMALLEST_MESSAGE - MESSAGE_MARGIN and not self._knows_limit:
            await self._learn_limit()
        if self._limit is None or left <= self._limit - MESSAGE_MARGIN:
            return ""
        return await self._upload(blob)

    async def _upload(self, blob: Blob) -> str:
        if isinstance(self._connection, BlobConnection):
            return await self._connection.upload(blob.data)
        return ""

    async def _learn_limit(self) -> None:
        """Take the limit of the bridge, if it tells one that is below the client's."""
        try:
            told = await self._ask("system.info", {})
        except CommandNotFoundError:
            told = None
        except BridgeError as error:
            log.info("the limit of the bridge is not known: %s", error)
            return
        self._knows_limit = True
        limit = told.get("max_message_bytes") if isinstance(told, dict) else None
        if isinstance(limit, int):
            self._limit = limit if self._limit is None else min(limit, self._limit)

    async def _write(self, data: Data) -> str:
        """The handle of a file with these data; empty where none can be had."""
        try:
            lease = await self._create(len(data))
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

    async def _create(self, size: int) -> Any:
        creating = self._begin(self._ask("blob.create", {"bytes": size}))
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            # There may be a file soon all the same, and nobody else would know its handle.
            creating.add_done_callback(self._release_created)
            raise

    def _release_created(self, creating: asyncio.Task[Any]) -> None:
        if not creating.cancelled() and creating.exception() is None:
            self.release([str(creating.result()["handle"])])

    async def _fetched(self, blob: Blob, told: Mapping[str, str]) -> Blob:
        if not blob.handle:
            return blob
        return blob.holding(await self._data_of(blob.handle, told.get(PATH + blob.handle)))

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
