"""Uploads and downloads over a real gRPC port: large ones, broken ones, refused ones."""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest

from snakepit_bridge.errors import (
    BlobNotFoundError,
    BridgeError,
    HostUnavailableError,
    InvalidArgumentError,
    QuotaExceededError,
    UnauthenticatedError,
    WrongCallError,
)
from snakepit_bridge.grpc import transfer_calls
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import (
    SnakepitBridgeServicer,
    SnakepitBridgeStub,
    add_SnakepitBridgeServicer_to_server,
)
from snakepit_bridge.grpc.connection import GrpcConnection, grpc_connection
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.server import grpc_server
from snakepit_bridge.handlers.blob_handler import BlobHandler
from snakepit_bridge.leases.leases import Leases, open_leases
from snakepit_bridge.testing.fakes import FakeClock
from tests.integration.bridge_process import MIB, bridge_process
from tests.integration.served import TIMEOUT_S, info_of
from tests.unit.handlers.bridges import commands_of

GIB = 1024 * MIB

LITTLE_MIB = 128
"""What chunks under way, threads and their allocator take at most, however much is transferred."""

BLOCK = os.urandom(MIB)


@pytest.fixture
def leases(tmp_path: Path) -> Iterator[Leases]:
    with open_leases(tmp_path, max_bytes=100 * MIB) as leases:
        yield leases


@pytest.fixture
def uds() -> Iterator[Path]:
    # Paths of sockets must be short.
    with TemporaryDirectory() as folder:
        yield Path(folder) / "b.sock"


@asynccontextmanager
async def serving(leases: Leases | None, listen: Listen | None = None) -> AsyncIterator[str]:
    commands = commands_of(*([] if leases is None else [BlobHandler(leases)]))
    commands.leases = leases
    async with grpc_server(commands, listen or Listen(port=0), drain_s=0.2) as address:
        yield address


@asynccontextmanager
async def stub_of(leases: Leases | None, listen: Listen | None = None) -> AsyncIterator[Any]:
    async with serving(leases, listen) as address, grpc.aio.insecure_channel(address) as channel:
        yield SnakepitBridgeStub(channel)


def _chunk(offset: int, data: bytes, **fields: Any) -> pb.Chunk:
    return pb.Chunk(offset=offset, data=data, crc32=zlib.crc32(data), **fields)


# --- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, MIB, 3 * MIB + 1])
async def test_data_come_back_as_they_went(size: int, leases: Leases) -> None:
    data = (BLOCK * 4)[:size]
    async with serving(leases) as address, grpc_connection(address) as connection:
        handle = await connection.upload(memoryview(data))
        whole = await connection.download(handle)
        rest = await connection.download(handle, size // 2)

    assert bytes(whole) == data
    assert bytes(rest) == data[size // 2 :]
    assert whole.readonly


async def test_chunks_fit_into_the_smallest_messages(leases: Leases) -> None:
    listen = Listen(port=0, max_message_bytes=MIB)
    async with (
        serving(leases, listen) as address,
        grpc_connection(address, max_message_bytes=MIB) as connection,
    ):
        handle = await connection.upload(BLOCK * 2)

        assert await connection.download(handle) == BLOCK * 2


def _up_and_down(folder: Path, size: int) -> int:
    """Bring so many bytes, fetch them again; MiB that the server has taken for that."""

    async def transfer(target: str) -> None:
        data = (BLOCK * (size // MIB + 1))[:size]
        async with grpc_connection(target) as connection:
            handle = await connection.upload(data)
            assert await connection.download(handle) == data

    with bridge_process(folder) as bridge:
        resident = bridge.resident_mib()
        asyncio.run(transfer(bridge.target))
        return bridge.peak_mib() - resident


@pytest.mark.timeout(120)
def test_three_hundred_megabytes_go_up_and_down_in_little_memory(tmp_path: Path) -> None:
    assert _up_and_down(tmp_path, 300_000_000) <= LITTLE_MIB


@pytest.mark.skipif(
    "SNAKEPIT_BRIDGE_LARGE" not in os.environ,
    reason="takes a minute and 6 GB of memory: set SNAKEPIT_BRIDGE_LARGE=1",
)
@pytest.mark.timeout(600)
def test_more_than_fits_into_any_message_goes_up_and_down(tmp_path: Path) -> None:
    assert _up_and_down(tmp_path, 2 * GIB + 1) <= LITTLE_MIB


# --- broken connections --------------------------------------------------------------------------


async def test_a_connection_that_breaks_costs_nothing_but_time(leases: Leases, uds: Path) -> None:
    """Between client and server sits a line that is cut again and again."""
    data = BLOCK * 12
    async with cut_off(leases, uds) as (line, connection):
        line.cut_after = 5 * MIB
        handle = await connection.upload(data)
        up = line.cuts
        line.cut_after = 5 * MIB
        back = await connection.download(handle)

    assert back == data
    assert (up, line.cuts) == (1, 2)
    assert len(leases) == 1


async def test_a_connection_that_breaks_each_time_is_given_up(leases: Leases, uds: Path) -> None:
    async with cut_off(leases, uds) as (line, connection):
        handle = await connection.upload(BLOCK)
        line.cut_after, line.always = 2 * MIB, True
        with pytest.raises(HostUnavailableError):
            await connection.upload(BLOCK * 50)
        assert 1 < line.cuts <= transfer_calls.MAX_TRIES
        line.cut_after = 0
        assert await connection.download(handle) == BLOCK


async def test_a_bridge_that_does_not_come_back_is_given_up(
    leases: Leases, uds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_calls, "RECONNECT_S", 0.01)
    async with cut_off(leases, uds) as (line, connection):
        handle = leases.put(BLOCK * 10)
        line.cut_after, line.is_last = 2 * MIB, True
        with pytest.raises(HostUnavailableError):
            await connection.download(handle)

    assert line.cuts == 1


class Line:
    """A line between a client and a server's socket that can be cut."""

    def __init__(self, uds: Path) -> None:
        self._uds = uds
        self.cut_after = 0
        """Bytes in one direction after which the next cut comes; 0: never."""
        self.always = self.is_last = False
        """Whether another cut follows each, or no connection any more."""
        self.cuts = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_last and self.cuts:
            writer.transport.abort()
            return
        there, away = await asyncio.open_unix_connection(self._uds)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, away))
                group.create_task(self._carry(there, writer))
        except* (ConnectionError, CutError):
            pass
        finally:
            writer.transport.abort()
            away.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried = 0
        while piece := await reader.read(64 * 1024):
            writer.write(piece)
            await writer.drain()
            carried += len(piece)
            if 0 < self.cut_after < carried:
                self.cuts += 1
                self.cut_after = self.cut_after if self.always else 0
                raise CutError
        raise CutError


class CutError(Exception):
    """This connection ends."""


@asynccontextmanager
async def cut_off(leases: Leases, uds: Path) -> AsyncIterator[tuple[Line, GrpcConnection]]:
    """A connection to a bridge over a line that can be cut."""
    line, path = Line(uds), uds.with_name("line.sock")
    async with (
        serving(leases, Listen(uds=uds)),
        await asyncio.start_unix_server(line.connected, path),
        grpc_connection(f"unix:{path}") as connection,
    ):
        yield line, connection


async def test_a_caller_may_ask_how_much_has_come(leases: Leases) -> None:
    async with stub_of(leases) as stub:
        begun = await stub.Upload(iter([_chunk(0, b"abc", size=6)]), timeout=TIMEOUT_S)
        asked = await stub.Upload(iter([pb.Chunk(handle=begun.handle)]), timeout=TIMEOUT_S)
        rest = _chunk(3, b"def", handle=begun.handle)
        ended = await stub.Upload(iter([rest]), timeout=TIMEOUT_S)
        wanted = pb.Handle(handle=begun.handle, offset=2)
        (chunk,) = [each async for each in stub.Download(wanted, timeout=TIMEOUT_S)]

    assert (asked.received, asked.size) == (3, 6)
    assert (ended.received, ended.crc32) == (6, zlib.crc32(b"abcdef"))
    assert (chunk.offset, chunk.size, chunk.data) == (2, 6, b"cdef")


async def test_cancelled_transfers_leave_nothing_for_long(tmp_path: Path) -> None:
    """Gone at once as a rule. But now and then gRPC shows the end of a caller who is gone as the
    end of the data, and then they are kept for as long as data that nobody asks for."""
    clock, never = FakeClock(), asyncio.Event()

    async def chunks() -> AsyncIterator[pb.Chunk]:
        yield _chunk(0, b"abc", size=6)
        await never.wait()

    for _ in range(25):
        with open_leases(tmp_path, max_bytes=100 * MIB, clock=clock) as leases:
            async with stub_of(leases) as stub:
                upload = stub.Upload(chunks())
                await _until(leases.__len__)
                upload.cancel()
            clock.advance(leases.idle_s)
            leases.sweep()

            assert len(leases) == 0


async def test_an_upload_that_is_cancelled_while_it_begins_leaves_nothing(leases: Leases) -> None:
    async with serving(leases) as address:
        for turns in range(25):
            handle = await _cancelled_upload(address, turns)
            leases.release(handle)
            await _until(lambda: len(leases) == 0)


async def _cancelled_upload(address: str, turns: int) -> str:
    """Cancel an upload after so many turns of the loop; the handle, if that was too late."""
    async with grpc_connection(address) as connection:
        upload = asyncio.create_task(connection.upload(BLOCK))
        for _ in range(turns):
            await asyncio.sleep(0)
        upload.cancel()
        with suppress(asyncio.CancelledError):
            return await upload
    return ""


async def test_an_upload_that_nobody_waits_for_is_forgotten(leases: Leases) -> None:
    async with serving(leases) as address, grpc_connection(address) as connection:
        upload = asyncio.create_task(connection.upload(BLOCK * 90))
        await _until(lambda: _received(leases) > 0)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload

    assert len(leases) == 0


async def test_an_upload_whose_data_are_released_meanwhile_says_so(leases: Leases) -> None:
    """What the bridge says in the middle of a stream once came out as a failure of gRPC."""
    async with serving(leases) as address, grpc_connection(address) as connection:
        upload = asyncio.create_task(connection.upload(BLOCK * 90))
        await _until(lambda: _received(leases) > 0)
        leases.release(next(iter(leases._files)))  # noqa: SLF001
        with pytest.raises(BlobNotFoundError):
            await upload


def _received(leases: Leases) -> int:
    return sum(leases.info(handle).received for handle in list(leases._files))  # noqa: SLF001


async def _until(is_so: Any) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not is_so():  # noqa: ASYNC110  (a thread decides)
            await asyncio.sleep(0)


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunks", "status", "reason"),
    [
        ([], "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ([pb.Chunk(data=b"x", crc32=1, size=1)], "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ([_chunk(0, b"x")], "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ([_chunk(1, b"x", size=2)], "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ([_chunk(0, b"xyz", size=2)], "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ([_chunk(0, b"x", size=101 * MIB)], "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
        ([_chunk(0, b"x", handle="h")], "NOT_FOUND", "BLOB_NOT_FOUND"),
    ],
)
async def test_a_chunk_that_does_not_fit_ends_its_upload_with_a_reason(
    chunks: list[pb.Chunk], status: str, reason: str, leases: Leases
) -> None:
    async with stub_of(leases) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Upload(iter(chunks), timeout=TIMEOUT_S)

    assert caught.value.code().name == status
    assert info_of(caught.value).reason == reason
    assert len(leases) == 0


@pytest.mark.parametrize("rpc", ["Upload", "Download"])
async def test_bytes_that_are_no_message_are_a_wrong_argument(rpc: str, leases: Leases) -> None:
    async with serving(leases) as address, grpc.aio.insecure_channel(address) as channel:
        raw: Any = channel.stream_stream(f"/snakepit.SnakepitBridge/{rpc}")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            _ = [each async for each in raw(iter([b"\xff"]), timeout=TIMEOUT_S)]

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert info_of(caught.value).reason == "INVALID_ARGUMENT"


async def test_a_client_is_told_what_the_bridge_says(leases: Leases) -> None:
    begun = leases.create(5).handle
    async with serving(leases) as address, grpc_connection(address) as connection:
        with pytest.raises(QuotaExceededError, match="may be kept") as full:
            await connection.upload(bytes(101 * MIB))
        with pytest.raises(BlobNotFoundError):
            await connection.download("nobody's")
        with pytest.raises(WrongCallError, match="5 of 5 bytes are missing"):
            await connection.download(begun)
        with pytest.raises(InvalidArgumentError, match="not within"):
            await connection.download(begun, 6)

    assert not full.value.retryable
    assert full.value.hint
    assert full.value.error_id


async def test_a_bridge_that_keeps_nothing_says_so() -> None:
    async with serving(None) as address, grpc_connection(address) as connection:
        with pytest.raises(BridgeError, match="keeps no binary data"):
            await connection.upload(b"x")
        with pytest.raises(BridgeError, match="keeps no binary data"):
            await connection.download("x")


async def test_only_a_token_lets_data_in_or_out(leases: Leases) -> None:
    handle = leases.put(b"secret")
    listen = Listen(port=0, tokens=["right"])
    async with serving(leases, listen) as address:
        async with grpc_connection(address, token="right") as connection:  # noqa: S106
            assert bytes(await connection.download(handle)) == b"secret"
            assert bytes(leases.data(await connection.upload(b"more"))) == b"more"
        async with grpc_connection(address) as connection:
            with pytest.raises(UnauthenticatedError):
                await connection.upload(b"x")
            with pytest.raises(UnauthenticatedError):
                await connection.download(handle)


async def test_a_bridge_that_is_not_there_is_said_to_be_away(uds: Path) -> None:
    async with grpc_connection(f"unix:{uds}") as connection:
        with pytest.raises(HostUnavailableError):
            await connection.upload(b"x")
    with pytest.raises(WrongCallError, match="is closed"):
        await connection.upload(b"x")


async def test_leaving_the_block_ends_a_transfer_that_another_task_waits_for(
    leases: Leases,
) -> None:
    async with serving(leases) as address:
        async with grpc_connection(address) as connection:
            upload = asyncio.create_task(connection.upload(BLOCK * 90))
            await _until(lambda: len(leases) == 1)
        with pytest.raises(BridgeError, match="closed"):
            await upload


# --- bridges that are not ours -------------------------------------------------------------------


class Liar(SnakepitBridgeServicer):
    """Answers in a way that no bridge should."""

    def __init__(self, *chunks: pb.Chunk, told: pb.Handle | None = None) -> None:
        self._chunks = chunks
        self._told = told or pb.Handle(handle="h")

    async def Upload(self, request_iterator: Any, context: Any) -> pb.Handle:  # noqa: N802
        async for _ in request_iterator:
            pass
        return self._told

    async def Download(self, request: Any, context: Any) -> AsyncIterator[pb.Chunk]:  # noqa: N802
        for chunk in self._chunks:
            yield chunk


@asynccontextmanager
async def lied_to(liar: Liar) -> AsyncIterator[Any]:
    server = grpc.aio.server()
    add_SnakepitBridgeServicer_to_server(liar, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc_connection(f"127.0.0.1:{port}") as connection:
            yield connection
    finally:
        await server.stop(0)


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [_chunk(0, b"abc", size=4)],
        [_chunk(1, b"abc", size=3)],
        [_chunk(0, b"abc", size=2)],
        [pb.Chunk(data=b"abc", crc32=7, size=3)],
        [_chunk(0, b"ab", size=3), pb.Chunk(offset=2, data=b"c", crc32=7)],
    ],
)
async def test_data_that_changed_on_their_way_down_are_not_taken(chunks: list[pb.Chunk]) -> None:
    async with lied_to(Liar(*chunks)) as connection:
        with pytest.raises(BridgeError, match="changed on their way"):
            await connection.download("h")


@pytest.mark.parametrize(
    "told",
    [
        pb.Handle(handle="h", received=3, crc32=7),
        pb.Handle(handle="h", received=2, crc32=zlib.crc32(b"abc")),
    ],
)
async def test_data_that_changed_on_their_way_up_are_no_success(told: pb.Handle) -> None:
    async with lied_to(Liar(told=told)) as connection:
        with pytest.raises(BridgeError, match="changed on their way"):
            await connection.upload(b"abc")


async def test_an_answer_that_is_none_is_an_error() -> None:
    async def garbage(*_: object) -> bytes:
        return b"\xff"

    method: Any = grpc.stream_unary_rpc_method_handler(garbage)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("snakepit.SnakepitBridge", {"Upload": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc_connection(f"127.0.0.1:{port}") as connection:
        with pytest.raises(BridgeError, match="is no Handle"):
            await connection.upload(b"abc")
    await server.stop(0)
