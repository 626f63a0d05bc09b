"""The caller's side of transfers, which go on where a connection broke."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import msgspec

from snakepit_bridge.errors import BridgeError, CommandDeadlineError, HostUnavailableError
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc.blob_wire import M, parsing

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Callable,
        Coroutine,
        Sequence,
    )
    from contextlib import AbstractContextManager

    from snakepit_bridge.values.blob import Data

T = TypeVar("T")

MAX_TRIES = 5
"""How often the same transfer is tried when its connection breaks."""

RECONNECT_S = 5.0
"""How long one try waits for a bridge that is away: it restarts, or the network does."""

FORGET_MS = 2000
"""How long the bridge may take to remove what had come of an upload that failed."""


class TransferCalls:
    """Uploads and downloads over one channel.

    Args:
        channel: The way to the bridge.
        headers: Metadata of every call.
        chunk_bytes: Data of one message.
        errors: Around a call of that name: raises what gRPC raises as errors of the bridge.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        headers: Sequence[tuple[str, str]],
        *,
        chunk_bytes: int,
        errors: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        service = "/" + pb.DESCRIPTOR.services_by_name["SnakepitBridge"].full_name
        self._headers = tuple(headers)
        self._chunk_bytes = chunk_bytes
        self._errors = errors
        self._upload: Any = channel.stream_unary(
            f"{service}/Upload",
            request_serializer=pb.Chunk.SerializeToString,
            response_deserializer=parsing(pb.Handle),
        )
        self._download: Any = channel.unary_stream(
            f"{service}/Download",
            request_serializer=pb.Handle.SerializeToString,
            response_deserializer=parsing(pb.Chunk),
        )

        self._execute: Any = channel.unary_unary(
            f"{service}/Execute",
            request_serializer=pb.ExecuteRequest.SerializeToString,
            response_deserializer=pb.ExecuteResponse.FromString,
        )

    async def upload(self, data: Data) -> str:
        """Bring data; see ``Connection.upload``."""
        view = memoryview(data)
        # The handle comes first: a stream that breaks tells nobody what it had begun.
        begun = await self._begin_upload(len(view))
        has_come = False
        try:
            await self._fill(begun, view)
            has_come = True
        finally:
            if not has_come:
                _ = self._begin(self._forget(begun.handle))
        return begun.handle

    async def settle(self) -> None:
        """Wait briefly until the bridge has removed what is of no use."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FORGET_MS / 1000):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        # Held until it is done, or nobody would.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _begin_upload(self, size: int) -> pb.Handle:
        beginning = self._begin(self._send(_only(pb.Chunk(size=size))))
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            # The bridge may have begun it, and nobody else would know the handle.
            beginning.add_done_callback(self._forget_begun)
            raise

    def _forget_begun(self, beginning: asyncio.Task[pb.Handle]) -> None:
        if not beginning.cancelled() and beginning.exception() is None:
            _ = self._begin(self._forget(beginning.result().handle))

    async def _fill(self, begun: pb.Handle, view: memoryview) -> None:
        handle = begun.handle

        async def go_on(*, is_first: bool) -> pb.Handle:
            told = begun if is_first else await self._ask(handle)
            if told.received < len(view):
                told = await self._send(self._chunks(handle, view, told.received))
            return told

        told = await _until_it_holds(go_on)
        crc32 = await asyncio.to_thread(zlib.crc32, view)
        if (told.received, told.crc32) != (len(view), crc32):
            raise _changed(handle)

    async def _forget(self, handle: str) -> None:
        """Have the bridge remove what is of no use; it does so by itself, later."""
        request = pb.ExecuteRequest(
            command="blob.release",
            args={"handle": msgspec.json.encode(handle)},
            encoding="json",
            timeout_ms=FORGET_MS,
        )
        with suppress(grpc.aio.AioRpcError, grpc.aio.UsageError):
            await self._execute(request, metadata=self._headers, timeout=FORGET_MS / 1000)

    async def download(self, handle: str, offset: int) -> memoryview:
        """Fetch data from an offset on; see ``Connection.download``."""
        found = bytearray()

        async def go_on(*, is_first: bool) -> None:
            if not is_first:
                await self._ask(handle)
            await self._fetch(handle, offset, found)

        await _until_it_holds(go_on)
        return memoryview(found).toreadonly()

    async def _ask(self, handle: str) -> pb.Handle:
        """What the bridge has of the data, once it can be reached again."""
        chunk = pb.Chunk(handle=handle)
        try:
            return await self._send(_only(chunk), timeout=RECONNECT_S, wait_for_ready=True)
        except CommandDeadlineError as error:
            text = f"The bridge has not come back within {RECONNECT_S:g} s."
            raise HostUnavailableError(text, {"handle": handle}) from error

    async def _send(self, chunks: AsyncIterable[pb.Chunk], **options: Any) -> pb.Handle:
        with self._errors("upload"):
            call = self._upload(chunks, metadata=self._headers, **options)
            try:
                told = await call
            finally:
                # A call that nobody ends is never collected; an ended one ignores this.
                call.cancel()
        return _readable(told, pb.Handle)

    async def _chunks(
        self, handle: str, view: memoryview, offset: int
    ) -> AsyncGenerator[pb.Chunk, None]:
        while offset < len(view):
            data = view[offset : offset + self._chunk_bytes]
            crc32 = await asyncio.to_thread(zlib.crc32, data)
            yield pb.Chunk(handle=handle, offset=offset, data=bytes(data), crc32=crc32)
            handle, offset = "", offset + len(data)

    async def _fetch(self, handle: str, offset: int, found: bytearray) -> None:
        """Add to what was found until everything is."""
        wanted, size = pb.Handle(handle=handle, offset=offset + len(found)), -1
        with self._errors("download"):
            call = self._download(wanted, metadata=self._headers)
            try:
                async for received in call:
                    chunk = _readable(received, pb.Chunk)
                    await _check(chunk, handle, offset + len(found))
                    size = max(size, chunk.size)
                    found += chunk.data
            finally:
                call.cancel()
        if offset + len(found) != size:
            raise _changed(handle)


async def _until_it_holds(go_on: Callable[..., Awaitable[T]]) -> T:
    """Go on with a transfer each time its connection breaks, but not for ever."""
    for tries_left in reversed(range(MAX_TRIES)):
        try:
            return await go_on(is_first=tries_left == MAX_TRIES - 1)
        except HostUnavailableError:
            if not tries_left:
                raise
    raise AssertionError(MAX_TRIES)


async def _check(chunk: pb.Chunk, handle: str, offset: int) -> None:
    crc32 = await asyncio.to_thread(zlib.crc32, chunk.data)
    if (chunk.offset, chunk.crc32) != (offset, crc32):
        raise _changed(handle)


async def _only(chunk: pb.Chunk) -> AsyncGenerator[pb.Chunk, None]:
    yield chunk


def _readable(answer: object, kind: type[M]) -> M:
    if isinstance(answer, kind):
        return answer
    raise BridgeError(f"What the bridge has sent is no {kind.__name__}: {answer}.")


def _changed(handle: str) -> BridgeError:
    return BridgeError(
        "The data changed on their way.",
        {"handle": handle, "hint": "Something between here and the bridge is broken; try again."},
    )
