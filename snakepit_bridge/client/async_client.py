"""The client of a bridge for code on a loop."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from snakepit_bridge.client.async_session import AsyncClientSession
from snakepit_bridge.client.codec import CallCodec, error_of
from snakepit_bridge.client.courier import Courier
from snakepit_bridge.client.deadline import Deadline
from snakepit_bridge.client.repeats import Repeats
from snakepit_bridge.errors import HostUnavailableError, InvalidArgumentError
from snakepit_bridge.handlers.command import Result
from snakepit_bridge.transport.options import BLOBS
from snakepit_bridge.values.binary.forms import blob_of, bytes_blob
from snakepit_bridge.values.blob import Blob

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from snakepit_bridge.transport.base import Connection
    from snakepit_bridge.transport.envelope import Envelope, Reply

_SHARED = {BLOBS: "shared"}

_ASK_TIMEOUT_S = 30.0
"""How long the bridge may take for what it does beside a call: making a file, removing it."""


class AsyncClient:
    """Calls commands of a bridge, whichever transport leads to it. Belongs to one loop.

    Every call takes ``session``, the id of the session it runs in (none means one that ends with
    the call), and ``timeout_s``: an answer or an error comes within a second of it, even from a
    bridge that hangs. Cancelling a call tells the bridge that nobody waits any more.

    Whatever goes wrong is raised as the ``BridgeError`` subclass of its code, with all the bridge
    told: ``hint``, ``details``, ``outcome``, ``foreign_traceback``, ``metadata`` …

    Args:
        connection: The way to the bridge; whoever opened it closes it.
        encoding: How values travel, ``"json"`` or another that the bridge has.
        retries: How often to send a call again whose code had not begun because the bridge was busy
            (``POOL_FULL``), each time after the pause the bridge asks for and within ``timeout_s``.
            Nothing else is ever repeated.
        shares_files: Whether large arrays may go through files of this machine, because the bridge
            is on it; under ``"tagged"`` and ``"msgpack"``. Where they cannot, they go through the
            connection.
        max_message_bytes: What is larger goes in pieces; ``None`` is no limit.
        metadata: Said with every call, e.g. ``{"refs": "off"}``.

    Raises:
        InvalidArgumentError: There is no such encoding.
    """

    def __init__(  # noqa: PLR0913  (one name for each thing a caller may want to say)
        self,
        connection: Connection,
        *,
        encoding: str = "json",
        retries: int = 0,
        shares_files: bool = False,
        max_message_bytes: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        if retries < 0:
            text = f"retries={retries} must be at least 0"
            raise ValueError(text)
        self._connection = connection
        self._codec = CallCodec(encoding)
        self._retries = retries
        self._metadata = {**(metadata or {})}
        self._courier = Courier(
            connection,
            self._ask,
            shares_files=shares_files and self._codec.is_lossless,
            max_message_bytes=max_message_bytes,
        )

    async def call(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        session: str | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Run a command and return its value.

        Raises:
            BridgeError: Whatever went wrong.
        """
        result = await self.call_result(command, args, session=session, timeout_s=timeout_s)
        return result.value

    async def call_result(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        session: str | None = None,
        timeout_s: float | None = None,
    ) -> Result:
        """As ``call``, with the answer's metadata such as ``queue_ms`` or ``worker_id``."""
        deadline = Deadline(command, timeout_s)
        envelope = self._envelope(command, args, session=session, timeout_s=timeout_s)
        async with self._courier.bringing(envelope, deadline) as loaded:
            return await self._result(loaded, deadline)

    async def stream(
        self,
        command: str,
        args: Mapping[str, object] | None = None,
        *,
        session: str | None = None,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Any, None]:
        """Run a command and yield its items as they come; a plain value is the only item.

        The command starts when the first item is asked for. A slow reader holds its code back, and
        closing the generator (``contextlib.aclosing``) asks the code to end.

        Raises:
            BridgeError: Whatever went wrong, after the items that came before.
        """
        deadline = Deadline(command, timeout_s)
        envelope = self._envelope(command, args, session=session, timeout_s=timeout_s)
        async with (
            self._courier.bringing(envelope, deadline) as loaded,
            aclosing(self._values(loaded, deadline)) as values,
        ):
            async for value in values:
                yield value

    async def upload(self, value: object, *, timeout_s: float | None = None) -> Blob:
        """Have the bridge keep bytes, an array or a table, to be an argument of several calls.

        It keeps them until they have not been used for some minutes, or until ``release``. A single
        call needs none of this: what is too large for its message goes another way by itself.

        Returns:
            What to give to calls in the place of the value, under ``"tagged"`` or ``"msgpack"``.

        Raises:
            InvalidArgumentError: The value has no binary form, or nothing could refer to it.
            BridgeError: The bridge has no room, cannot be reached, or is late.
        """
        if not self._codec.is_lossless:
            raise InvalidArgumentError(
                "What is uploaded cannot be an argument in this client's encoding.",
                {"hint": "Open the client with encoding='msgpack' or encoding='tagged'."},
            )
        blob = _blob_from(value)
        return await Deadline("upload", timeout_s).bound(self._courier.store(blob))

    async def release(self, blob: Blob) -> None:
        """Tell the bridge that nobody needs uploaded data any more.

        Does nothing for data that are in the blob itself: a connection without uploads left them.
        """
        self._courier.release([blob.handle])

    async def settle(self) -> None:
        """Wait until the bridge has removed what was brought for calls that are over; briefly."""
        await self._courier.settle()

    async def close(self) -> None:
        """Have the bridge remove what calls have left there; takes a second at most.

        For whoever opened the connection, before closing it. ``connect`` does it by itself.
        """
        await self._courier.close()

    def session(self, session_id: str | None = None) -> AsyncClientSession:
        """The calls of one session, for ``async with``.

        Args:
            session_id: Names a session that others may use as well; it lives on after the block.
                Without a name the session is the block's own: it gets an id that nobody else has,
                and ends with the block.
        """
        return AsyncClientSession(self, session_id)

    async def commands(self, *, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """What the bridge can do: name, description, schema, and whether it streams."""
        listed: list[dict[str, Any]] = await self.call("system.describe", timeout_s=timeout_s)
        return listed

    async def wait_ready(self, *, timeout_s: float) -> None:
        """Return once the bridge answers commands.

        Raises:
            HostUnavailableError: It has not answered in time.
            UnauthenticatedError: It does not accept this caller.
        """
        ping = self._codec.envelope("system.ping", None, session=None, timeout_s=timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                await self._connection.wait_ready()
                # Any answer will do; a bridge of other commands answers that it has no ping.
                await self._connection.call(ping)
        except TimeoutError as error:
            raise HostUnavailableError(
                f"The bridge did not answer within {timeout_s} s.",
                {"timeout_s": timeout_s, "hint": "Does it run, and is this its address?"},
            ) from error

    async def _values(self, envelope: Envelope, deadline: Deadline) -> AsyncGenerator[Any, None]:
        repeats = Repeats(envelope, deadline, limit=self._retries)
        reply, replies = await self._begin_stream(repeats, deadline)
        async with aclosing(replies):
            while reply is not None and reply.failure is None:
                if reply.encoded is not None:
                    reply = await deadline.bound(self._courier.unload(reply))
                    yield self._codec.value(reply)
                if reply.is_final:
                    return
                reply = await deadline.bound(anext(replies, None))
        raise error_of(reply, envelope.command)

    async def _result(self, envelope: Envelope, deadline: Deadline) -> Result:
        repeats = Repeats(envelope, deadline, limit=self._retries)
        while True:
            reply = await deadline.bound(self._connection.call(repeats.envelope))
            if reply.failure is None:
                reply = await deadline.bound(self._courier.unload(reply))
                return Result(value=self._codec.value(reply), metadata=reply.metadata)
            await repeats.prepare(reply)

    def _envelope(
        self,
        command: str,
        args: Mapping[str, object] | None,
        *,
        session: str | None,
        timeout_s: float | None,
    ) -> Envelope:
        metadata = self._metadata
        if self._courier.shares_files:
            metadata = {**_SHARED, **metadata}
        return self._codec.envelope(
            command, args, session=session, timeout_s=timeout_s, metadata=metadata
        )

    async def _ask(self, command: str, args: Mapping[str, object]) -> Any:
        """The value of a command of the bridge's own, which has no blobs."""
        envelope = self._codec.envelope(command, args, session=None, timeout_s=_ASK_TIMEOUT_S)
        return (await self._result(envelope, Deadline(command, _ASK_TIMEOUT_S))).value

    async def _begin_stream(
        self, repeats: Repeats, deadline: Deadline
    ) -> tuple[Reply | None, AsyncGenerator[Reply, None]]:
        """The first reply of a stream, and those that follow it."""
        while True:
            replies = self._connection.stream(repeats.envelope)
            reply = await deadline.bound(anext(replies, None))
            if reply is None or reply.failure is None:
                return reply, replies
            await replies.aclose()
            await repeats.prepare(reply)


def _blob_from(value: object) -> Blob:
    if isinstance(value, bytes | bytearray | memoryview) and memoryview(value).format == "B":
        return bytes_blob(value)
    blob = value if isinstance(value, Blob) else blob_of(value)
    if blob is None:
        raise InvalidArgumentError(
            f"A value of type {type(value).__name__!r} has no binary form.",
            {"hint": "Give bytes, an array of numbers, or a table; send others as arguments."},
        )
    return blob
