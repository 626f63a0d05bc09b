"""Every transport carries binary data beside values, whatever their size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.bootstrap import open_bridge
from snakepit_bridge.client.async_client import AsyncClient
from snakepit_bridge.errors import BlobNotFoundError, WrongCallError
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.transport import GrpcTransport
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.leases.leases import Leases
from snakepit_bridge.session.context import Session
from snakepit_bridge.settings import Settings
from snakepit_bridge.transport.base import BlobConnection, Transport
from snakepit_bridge.transport.in_process import InProcessTransport
from snakepit_bridge.transport.out_of_band import SHARED_FROM
from snakepit_bridge.values.blob import Blob

MESSAGE = 1024 * 1024
"""The smallest limit that a server takes; the arrays here are larger."""

LARGE = np.arange(2 * SHARED_FROM // 4, dtype="int32").reshape(2, -1)


class Opaque:
    def __init__(self) -> None:
        self.uses = 0

    def use(self) -> int:
        self.uses += 1
        return self.uses


class Arrays:
    @handles("arrays.double")
    def double(self, session: Session, *, array: object) -> dict[str, Any]:
        assert isinstance(array, np.ndarray)
        return {"doubled": array * 2, "was_writeable": array.flags.writeable}

    @handles("arrays.parts")
    def parts(self, session: Session, *, array: object) -> Generator[Any, None, None]:
        assert isinstance(array, np.ndarray)
        yield from array

    @handles("arrays.opaque")
    def opaque(self, session: Session) -> list[Any]:
        thing = Opaque()
        return [1, thing, {"again": thing}]


Open = Callable[..., AbstractAsyncContextManager[tuple[AsyncClient, Leases]]]


def _transport(kind: str, folder: Path) -> Transport:
    if kind == "in-process":
        return InProcessTransport()
    uds = folder / "bridge.sock" if kind == "grpc over a Unix socket" else None
    return GrpcTransport(Listen(port=0, uds=uds, max_message_bytes=MESSAGE))


@pytest.fixture(params=["in-process", "grpc", "grpc over a Unix socket"])
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    @asynccontextmanager
    async def opening(
        encoding: str, *, shares_files: bool = False
    ) -> AsyncIterator[tuple[AsyncClient, Leases]]:
        limit = None if request.param == "in-process" else MESSAGE
        async with (
            asyncio.timeout(20),
            open_bridge(Settings(), handlers=[Arrays()]) as handler,
            transport.serving(handler) as endpoint,
            endpoint.connect() as connection,
        ):
            assert handler.leases is not None
            assert isinstance(connection, BlobConnection)
            client = AsyncClient(
                connection, encoding=encoding, shares_files=shares_files, max_message_bytes=limit
            )
            yield client, handler.leases
            await client.settle()
            assert len(handler.leases) == 0, "everything is given back"

    # The path of a Unix socket must be short.
    with TemporaryDirectory(prefix="bridge-") as folder:
        transport = _transport(request.param, Path(folder))
        yield opening


ENCODINGS = pytest.mark.parametrize("encoding", ["tagged", "msgpack"])
WAYS = pytest.mark.parametrize("shares_files", [False, True], ids=["messages", "files"])


@ENCODINGS
@WAYS
async def test_an_array_of_any_size_goes_there_and_comes_back(
    opened: Open, encoding: str, *, shares_files: bool
) -> None:
    async with opened(encoding, shares_files=shares_files) as (client, _):
        for array in (LARGE, LARGE[:1, :3], LARGE[0, ::2].astype(">f8")):
            answer = await client.call("arrays.double", {"array": array})

            assert np.array_equal(answer["doubled"], array * 2)
            assert answer["doubled"].dtype == array.dtype.newbyteorder("=")
            assert not answer["was_writeable"]


@ENCODINGS
@WAYS
async def test_arrays_stream_too(opened: Open, encoding: str, *, shares_files: bool) -> None:
    async with opened(encoding, shares_files=shares_files) as (client, _):
        parts = [part async for part in client.stream("arrays.parts", {"array": LARGE})]

    assert np.array_equal(np.array(parts), LARGE)


@ENCODINGS
async def test_bytes_of_any_size_are_bytes(opened: Open, encoding: str) -> None:
    async with opened(encoding) as (client, _):
        for size in (0, 1, 5_000, 70_000, 2 * MESSAGE):
            data = bytes(range(256)) * (size // 256) + bytes(size % 256)

            assert await client.call("system.echo", {"value": {"in": [data]}}) == {"in": [data]}


@ENCODINGS
@WAYS
async def test_what_is_uploaded_serves_many_calls(
    opened: Open, encoding: str, *, shares_files: bool
) -> None:
    async with opened(encoding, shares_files=shares_files) as (client, leases):
        kept = await client.upload(LARGE)
        for _ in range(2):
            answer = await client.call("arrays.double", {"array": kept})
            assert np.array_equal(answer["doubled"], LARGE * 2)
        await client.settle()
        assert len(leases) == 1
        await client.release(kept)


@ENCODINGS
async def test_a_handle_that_leads_nowhere_is_refused(opened: Open, encoding: str) -> None:
    gone = Blob(kind="tensor", dtype="int32", shape=(1,), handle="gone")

    async with opened(encoding) as (client, _):
        with pytest.raises(BlobNotFoundError):
            await client.call("arrays.double", {"array": gone})


@ENCODINGS
async def test_an_object_is_kept_for_the_session_that_asked(opened: Open, encoding: str) -> None:
    async with opened(encoding) as (client, _):
        async with client.session() as session:
            one, ref, again = await session.call("arrays.opaque")
            kept = await session.call("session.instances")

            assert one == 1
            assert again == {"again": ref}
            assert ref.type_name.endswith(".Opaque")
            assert [each["ref"] for each in kept] == [ref]
            assert await session.call("session.release", {"ref": ref}) is True
        with pytest.raises(WrongCallError, match="Opaque"):
            await client.call("arrays.opaque")
