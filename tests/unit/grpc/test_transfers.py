from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError

from snakepit_bridge.errors import (
    BlobNotFoundError,
    BridgeError,
    CommandNotFoundError,
    InvalidArgumentError,
    QuotaExceededError,
    WrongCallError,
)
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc.transfers import Transfers, disk_failed
from snakepit_bridge.leases.leases import Leases, open_leases

DATA = bytes(range(256)) * 10


@pytest.fixture
def leases(tmp_path: Path) -> Iterator[Leases]:
    with open_leases(tmp_path, max_bytes=10_000) as leases:
        yield leases


def _chunk(offset: int, data: bytes, *, handle: str = "", size: int | None = None) -> pb.Chunk:
    return pb.Chunk(handle=handle, offset=offset, data=data, crc32=zlib.crc32(data), size=size)


async def _each(*chunks: pb.Chunk | DecodeError) -> AsyncIterator[pb.Chunk | DecodeError]:
    for chunk in chunks:
        yield chunk


async def _upload(leases: Leases | None, *chunks: pb.Chunk | DecodeError) -> pb.Handle:
    return await Transfers(leases).upload(_each(*chunks))


async def _download(
    leases: Leases | None, handle: str, offset: int = 0, chunk_bytes: int = 1000
) -> list[pb.Chunk]:
    wanted = pb.Handle(handle=handle, offset=offset)
    transfers = Transfers(leases, chunk_bytes=chunk_bytes)
    return [chunk async for chunk in transfers.download(wanted)]


# --- up -----------------------------------------------------------------------------------------


async def test_chunks_become_data_behind_a_handle(leases: Leases) -> None:
    told = await _upload(leases, _chunk(0, DATA[:1000], size=len(DATA)), _chunk(1000, DATA[1000:]))

    assert (told.size, told.received, told.crc32) == (len(DATA), len(DATA), zlib.crc32(DATA))
    assert leases.data(told.handle) == DATA


async def test_no_data_are_data_too(leases: Leases) -> None:
    told = await _upload(leases, _chunk(0, b"", size=0))

    assert (told.size, told.received, told.crc32) == (0, 0, 0)
    assert bytes(leases.data(told.handle)) == b""


async def test_a_part_stays_and_the_rest_may_follow(leases: Leases) -> None:
    begun = await _upload(leases, _chunk(0, DATA[:1000], size=len(DATA)))
    asked = await _upload(leases, pb.Chunk(handle=begun.handle))
    ended = await _upload(leases, _chunk(1000, DATA[1000:], handle=begun.handle))

    assert (begun.received, begun.crc32) == (1000, 0)
    assert asked == begun
    assert (ended.handle, ended.received) == (begun.handle, len(DATA))
    assert leases.data(begun.handle) == DATA


async def test_what_came_before_may_come_once_more(leases: Leases) -> None:
    begun = await _upload(leases, _chunk(0, DATA[:1000], size=len(DATA)))

    ended = await _upload(leases, _chunk(500, DATA[500:], handle=begun.handle))

    assert (ended.received, ended.crc32) == (len(DATA), zlib.crc32(DATA))


@pytest.mark.parametrize(
    ("chunks", "kind", "text"),
    [
        ([], InvalidArgumentError, "no chunk"),
        ([_chunk(0, b"x")], InvalidArgumentError, "neither a handle nor the size"),
        ([_chunk(0, b"x", size=-1)], InvalidArgumentError, "-1 bytes"),
        ([_chunk(0, b"x", size=10_001)], QuotaExceededError, "10001 bytes"),
        ([_chunk(1, b"x", size=5)], InvalidArgumentError, "from 1 on"),
        ([_chunk(-1, b"x", size=5)], InvalidArgumentError, "from -1 on"),
        ([_chunk(0, b"xyz", size=2)], InvalidArgumentError, "more than the 2"),
        ([_chunk(0, b"x", size=5), _chunk(2, b"y")], InvalidArgumentError, "from 2 on"),
        ([_chunk(0, b"x", handle="nobody's")], BlobNotFoundError, "nobody"),
        ([pb.Chunk(handle="nobody's")], BlobNotFoundError, "nobody"),
        ([pb.Chunk(data=b"x", crc32=1, size=5)], InvalidArgumentError, "checksum"),
        ([_chunk(0, b"x", size=5), DecodeError("odd")], InvalidArgumentError, "odd"),
        (
            [_chunk(0, b"x", size=5), _chunk(1, b"y", handle="other")],
            InvalidArgumentError,
            "another handle",
        ),
    ],
)
async def test_what_does_not_fit_is_refused_and_leaves_nothing(
    chunks: list[pb.Chunk], kind: type[BridgeError], text: str, leases: Leases
) -> None:
    with pytest.raises(kind, match=text):
        await _upload(leases, *chunks)

    assert len(leases) == 0


async def test_a_damaged_chunk_spoils_nothing_that_came_before(leases: Leases) -> None:
    begun = await _upload(leases, _chunk(0, DATA[:1000], size=len(DATA)))
    good = _chunk(1000, DATA[1000:1500], handle=begun.handle)
    damaged = pb.Chunk(offset=1500, data=DATA[1500:], crc32=zlib.crc32(DATA))

    with pytest.raises(InvalidArgumentError, match="1500 are not those of its checksum"):
        await _upload(leases, good, damaged)

    assert leases.info(begun.handle).received == 1500


async def test_asking_for_data_that_a_program_writes_changes_nothing(leases: Leases) -> None:
    lease = leases.create(len(DATA))
    lease.path.write_bytes(DATA)

    asked = await _upload(leases, pb.Chunk(handle=lease.handle))

    assert (asked.received, asked.crc32) == (len(DATA), zlib.crc32(DATA))
    assert leases.data(lease.handle) == DATA


async def test_an_upload_that_is_cancelled_leaves_nothing_that_nobody_knows(
    leases: Leases,
) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def chunks() -> AsyncIterator[pb.Chunk]:
        yield _chunk(0, DATA, size=5000)
        begun.set()
        await never.wait()

    upload = asyncio.create_task(Transfers(leases).upload(chunks()))
    await begun.wait()
    assert len(leases) == 1
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload

    assert len(leases) == 0


async def test_an_upload_that_is_cancelled_keeps_what_came_for_a_handle_somebody_knows(
    leases: Leases,
) -> None:
    handle = leases.create(5000).handle
    begun, never = asyncio.Event(), asyncio.Event()

    async def chunks() -> AsyncIterator[pb.Chunk]:
        yield _chunk(0, DATA, handle=handle)
        begun.set()
        await never.wait()

    upload = asyncio.create_task(Transfers(leases).upload(chunks()))
    await begun.wait()
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload

    assert leases.info(handle).received == len(DATA)


def test_a_chunk_that_is_still_taken_when_its_upload_has_ended_begins_nothing(
    leases: Leases,
) -> None:
    from snakepit_bridge.grpc.transfers import _Upload

    upload = _Upload(leases)
    upload.give_up()

    upload.take(_chunk(0, DATA, size=5000))

    assert len(leases) == 0


# --- down ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 1, 1000, 2559, 2560])
async def test_data_come_in_chunks_from_an_offset_on(offset: int, leases: Leases) -> None:
    handle = leases.put(DATA)

    first, *others = chunks = await _download(leases, handle, offset)

    assert b"".join(chunk.data for chunk in chunks) == DATA[offset:]
    assert (first.handle, first.size, first.offset) == (handle, len(DATA), offset)
    assert [chunk.offset for chunk in others] == list(range(offset + 1000, len(DATA), 1000))
    assert all(chunk.crc32 == zlib.crc32(chunk.data) for chunk in chunks)
    assert not any(chunk.handle or chunk.HasField("size") for chunk in others)


async def test_no_data_come_as_one_empty_chunk(leases: Leases) -> None:
    handle = leases.put(b"")

    assert await _download(leases, handle) == [pb.Chunk(handle=handle, size=0)]


@pytest.mark.parametrize("offset", [-1, 2561])
async def test_an_offset_beyond_the_data_is_refused(offset: int, leases: Leases) -> None:
    handle = leases.put(DATA)

    with pytest.raises(InvalidArgumentError, match="not within the 2560 bytes"):
        await _download(leases, handle, offset)


async def test_what_is_not_there_cannot_be_fetched(leases: Leases) -> None:
    begun = await _upload(leases, _chunk(0, DATA[:1000], size=len(DATA)))

    with pytest.raises(WrongCallError, match="1560 of 2560 bytes are missing"):
        await _download(leases, begun.handle)
    with pytest.raises(BlobNotFoundError):
        await _download(leases, "nobody's")


async def test_data_that_are_released_meanwhile_end_their_download(leases: Leases) -> None:
    handle = leases.put(DATA)
    chunks = Transfers(leases, chunk_bytes=1000).download(pb.Handle(handle=handle))
    await anext(chunks)
    leases.release(handle)

    with pytest.raises(BlobNotFoundError):
        await anext(chunks)


# --- without a store ----------------------------------------------------------------------------


async def test_a_bridge_that_keeps_nothing_says_so() -> None:
    with pytest.raises(CommandNotFoundError, match="keeps no binary data"):
        await _upload(None, _chunk(0, b"x", size=1))
    with pytest.raises(CommandNotFoundError, match="keeps no binary data"):
        await _download(None, "x")


def test_a_disk_that_fails_is_no_secret() -> None:
    assert str(disk_failed(OSError(5, "Input/output error"))).endswith("Input/output error.")
    assert "odd" in str(disk_failed(OSError("odd")))
