from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.client import courier as courier_module
from snakepit_bridge.client.courier import MESSAGE_MARGIN, SMALLEST_MESSAGE, Courier
from snakepit_bridge.client.deadline import Deadline
from snakepit_bridge.client.shared_files import SharedFileError
from snakepit_bridge.errors import (
    BridgeError,
    CommandNotFoundError,
    InvalidArgumentError,
    QuotaExceededError,
    WrongCallError,
)
from snakepit_bridge.leases.folder import PREFIX
from snakepit_bridge.transport.envelope import Envelope, Reply
from snakepit_bridge.transport.out_of_band import PATH, SHARED_FROM
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.encoding import Encoded
from tests.unit.client.scripted import ScriptedConnection


class Store:
    """The ``blob.*`` commands of a bridge on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / f"{PREFIX}1-abc"
        self.folder.mkdir()
        self.asked: list[str] = []
        self.trouble: dict[str, BridgeError] = {}
        self.hangs_at = ""
        self.go_on = asyncio.Event()
        self.limit: int | None = None

    async def ask(self, command: str, args: dict[str, Any]) -> Any:
        self.asked.append(command)
        if command == self.hangs_at:
            await self.go_on.wait()
        if command in self.trouble:
            raise self.trouble[command]
        if command == "system.info":
            return {"max_message_bytes": self.limit}
        if command == "blob.create":
            path = self.folder / f"file-{len(self.asked)}"
            path.write_bytes(bytes(args["bytes"]))
            return {"handle": path.name, "path": str(path), "bytes": args["bytes"]}
        for handle in args["handle"]:
            (self.folder / handle).unlink(missing_ok=True)
        return True


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def _courier(
    store: Store,
    connection: ScriptedConnection | None = None,
    *,
    shares: bool = True,
    limit: int | None = None,
) -> Courier:
    return Courier(
        connection or ScriptedConnection(),
        store.ask,
        shares_files=shares,
        max_message_bytes=limit,
    )


def _call(*blobs: Blob) -> Envelope:
    return Envelope(command="x", blobs=blobs)


HALF = Blob(kind="bytes", data=bytes(SHARED_FROM // 2))
SMALL = Blob(kind="bytes", data=b"abc")
LARGE = Blob(kind="tensor", dtype="uint8", shape=(SHARED_FROM,), data=bytes(SHARED_FROM))


async def test_a_large_blob_goes_through_a_file(store: Store) -> None:
    call, handles = await _courier(store).load(_call(SMALL, LARGE))

    (handle,) = handles
    assert call.blobs == [
        SMALL,
        Blob(kind="tensor", dtype="uint8", shape=(SHARED_FROM,), handle=handle),
    ]
    assert (store.folder / handle).read_bytes() == LARGE.data


async def test_what_a_message_can_carry_stays_in_it_without_files(store: Store) -> None:
    call, handles = await _courier(store, shares=False).load(_call(SMALL, HALF))

    assert list(call.blobs) == [SMALL, HALF]
    assert list(handles) == []
    assert store.asked == []


async def test_what_no_message_can_carry_goes_before_it(store: Store) -> None:
    connection = ScriptedConnection()
    limit = MESSAGE_MARGIN + 1000

    courier = _courier(store, connection, shares=False, limit=limit)
    call, handles = await courier.load(_call(SMALL, LARGE))

    assert [blob.handle for blob in call.blobs] == ["", "uploaded-0"]
    assert list(handles) == ["uploaded-0"]
    assert connection.kept == [LARGE.data]


async def test_a_blob_that_is_there_already_is_only_named(store: Store) -> None:
    there = Blob(kind="bytes", handle="there")

    call, handles = await _courier(store).load(_call(there))

    assert list(call.blobs) == [there]
    assert list(handles) == []


async def test_a_full_bridge_is_asked_again_for_the_next(store: Store) -> None:
    store.trouble["blob.create"] = QuotaExceededError("full")
    courier = _courier(store)

    call, _ = await courier.load(_call(LARGE, LARGE))

    assert list(call.blobs) == [LARGE, LARGE]
    assert store.asked == ["blob.create", "blob.create", "system.info"]
    assert courier.shares_files


async def test_a_bridge_that_has_no_files_is_asked_once(store: Store) -> None:
    store.trouble["blob.create"] = CommandNotFoundError("no")
    courier = _courier(store)

    call, _ = await courier.load(_call(LARGE, LARGE))

    assert list(call.blobs) == [LARGE, LARGE]
    assert store.asked == ["blob.create", "system.info"]
    assert not courier.shares_files


async def test_a_file_that_cannot_be_opened_here_is_given_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_module, "write_file", _refuse)

    courier = _courier(store)
    call, handles = await courier.load(_call(LARGE))

    assert list(call.blobs) == [LARGE]
    assert list(handles) == []
    await courier.settle()
    assert store.asked == ["blob.create", "system.info", "blob.release"]
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize("shares", [True, False])
async def test_what_is_stored_is_left_there(store: Store, *, shares: bool) -> None:
    blob = await _courier(store, shares=shares).store(LARGE)

    assert (blob.dtype, blob.shape, blob.data) == ("uint8", (SHARED_FROM,), b"")
    assert blob.handle


async def test_what_is_stored_already_stays_there(store: Store) -> None:
    there = Blob(kind="bytes", handle="there")

    assert await _courier(store).store(there) == there


async def test_what_was_brought_is_released_after_the_call(store: Store) -> None:
    courier = _courier(store)
    async with courier.bringing(_call(LARGE), Deadline("x", 5)) as call:
        assert (store.folder / call.blobs[0].handle).exists()

    await courier.settle()
    assert list(store.folder.iterdir()) == []


async def test_what_was_brought_is_released_when_the_rest_cannot_be(store: Store) -> None:
    class Full(ScriptedConnection):
        async def upload(self, data: bytes | memoryview) -> str:
            if self.kept:
                raise InvalidArgumentError("full")
            return await super().upload(data)

    courier = _courier(store, Full(), shares=False, limit=MESSAGE_MARGIN + 10)

    with pytest.raises(InvalidArgumentError, match="full"):
        await courier.load(_call(LARGE, LARGE))
    await courier.settle()
    assert store.asked == ["system.info", "blob.release"]


async def test_an_answer_in_a_file_is_mapped_and_its_file_removed(store: Store) -> None:
    (store.folder / "answer").write_bytes(b"abcdef")
    kept = Blob(kind="tensor", dtype="uint8", shape=(6,), handle="answer")

    courier = _courier(store)
    reply = await courier.unload(
        Reply(
            encoded=Encoded(b"x", blobs=[SMALL, kept]),
            metadata={f"{PATH}answer": str(store.folder / "answer")},
        )
    )

    assert reply.encoded is not None
    small, fetched = reply.encoded.blobs
    assert small is SMALL
    assert (fetched.dtype, fetched.shape, fetched.handle) == ("uint8", (6,), "")
    assert fetched.data == b"abcdef"
    await courier.settle()
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize("encoded", [None, Encoded(b"x"), Encoded(b"x", blobs=[SMALL])])
async def test_an_answer_that_is_all_there_needs_nothing(
    store: Store, encoded: Encoded | None
) -> None:
    reply = Reply(encoded=encoded)

    assert await _courier(store).unload(reply) is reply


@pytest.mark.parametrize("shares", [True, False])
async def test_an_answer_is_fetched_in_pieces_where_its_file_cannot_be_opened(
    store: Store, monkeypatch: pytest.MonkeyPatch, *, shares: bool
) -> None:
    monkeypatch.setattr(courier_module, "map_file", _refuse)
    connection = ScriptedConnection()
    handle = await connection.upload(b"abcdef")
    courier = _courier(store, connection, shares=shares)

    reply = await courier.unload(
        Reply(
            encoded=Encoded(b"x", blobs=[Blob(kind="bytes", handle=handle)]),
            metadata={PATH + handle: "/somewhere/else"},
        )
    )

    assert reply.encoded is not None
    assert reply.encoded.blobs[0].data == b"abcdef"
    assert not courier.shares_files


class Plain:
    """A connection that carries nothing but messages."""

    async def wait_ready(self) -> None: ...

    async def call(self, envelope: Envelope) -> Reply:
        raise NotImplementedError

    async def stream(self, envelope: Envelope) -> AsyncGenerator[Reply, None]:
        raise NotImplementedError
        yield


async def test_a_connection_of_messages_alone_gets_everything_in_them(store: Store) -> None:
    courier = Courier(Plain(), store.ask, shares_files=False, max_message_bytes=MESSAGE_MARGIN + 10)

    call, handles = await courier.load(_call(LARGE))

    assert list(call.blobs) == [LARGE]
    assert list(handles) == []


async def test_it_says_when_it_cannot_fetch_the_rest_of_an_answer(store: Store) -> None:
    courier = Courier(Plain(), store.ask, shares_files=False, max_message_bytes=None)
    kept = Blob(kind="bytes", handle="there")

    with pytest.raises(WrongCallError, match="this connection cannot fetch it"):
        await courier.unload(Reply(encoded=Encoded(b"x", blobs=[kept])))


async def test_a_bridge_that_does_not_release_is_no_error_of_the_call(store: Store) -> None:
    store.trouble["blob.release"] = CommandNotFoundError("no")

    courier = _courier(store)
    courier.release(["a", "b"])
    courier.release(["", ""])

    await courier.close()
    assert store.asked == ["blob.release"]


@pytest.mark.parametrize("end", [Courier.settle, Courier.close])
async def test_a_bridge_that_hangs_does_not_hold_up_a_client_that_is_done(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[Courier], Coroutine[Any, Any, None]],
) -> None:
    monkeypatch.setattr(courier_module, "SETTLE_S", 0.0)
    store.hangs_at = "blob.release"
    courier = _courier(store)
    courier.release(["a"])

    async with asyncio.timeout(5):
        await end(courier)


# --- what nobody waits for any more --------------------------------------------------------------


async def test_a_file_that_comes_after_its_caller_has_gone_is_removed(store: Store) -> None:
    store.hangs_at = "blob.create"
    courier = _courier(store)
    loading = asyncio.create_task(courier.load(_call(LARGE)))
    while not store.asked:  # noqa: ASYNC110
        await asyncio.sleep(0)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading

    store.go_on.set()
    await courier.settle()
    assert store.asked == ["blob.create", "blob.release"]
    assert list(store.folder.iterdir()) == []


async def test_a_file_that_never_comes_after_its_caller_has_gone_is_no_trouble(
    store: Store,
) -> None:
    store.hangs_at = "blob.create"
    store.trouble["blob.create"] = QuotaExceededError("full")
    courier = _courier(store)
    loading = asyncio.create_task(courier.load(_call(LARGE)))
    while not store.asked:  # noqa: ASYNC110
        await asyncio.sleep(0)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading

    store.go_on.set()
    await courier.settle()
    assert store.asked == ["blob.create"]


async def test_a_release_that_ended_with_everything_on_the_loop_is_made_up_for(
    store: Store,
) -> None:
    (store.folder / "a").write_bytes(b"abc")
    store.hangs_at = "blob.release"
    courier = _courier(store)
    before = asyncio.all_tasks()
    courier.release(["a"])
    (releasing,) = asyncio.all_tasks() - before
    await asyncio.sleep(0)
    releasing.cancel()

    store.go_on.set()
    await courier.close()
    assert store.asked == ["blob.release", "blob.release"]
    assert list(store.folder.iterdir()) == []


async def test_closing_releases_what_a_call_holds_that_nobody_has_ended(store: Store) -> None:
    courier = _courier(store)
    bringing = courier.bringing(_call(LARGE), Deadline("x", 5))
    await bringing.__aenter__()

    await courier.close()
    assert list(store.folder.iterdir()) == []
    await bringing.__aexit__(None, None, None)
    await courier.close()
    assert store.asked == ["blob.create", "blob.release"]


async def test_what_cannot_be_fetched_of_an_answer_is_released_with_the_rest(
    store: Store,
) -> None:
    for name in ("first", "third"):
        (store.folder / name).write_bytes(b"abc")
    blobs = [Blob(kind="bytes", handle=name) for name in ("first", "second", "third")]
    told = {PATH + name: str(store.folder / name) for name in ("first", "second", "third")}
    courier = Courier(Plain(), store.ask, shares_files=True, max_message_bytes=None)

    with pytest.raises(WrongCallError):
        await courier.unload(Reply(encoded=Encoded(b"x", blobs=blobs), metadata=told))
    await courier.settle()
    assert list(store.folder.iterdir()) == []


# --- the limit of the bridge ----------------------------------------------------------------------


async def test_the_bridge_is_asked_once_what_its_messages_may_have(store: Store) -> None:
    store.limit = SMALLEST_MESSAGE
    connection = ScriptedConnection()
    courier = _courier(store, connection, shares=False, limit=100 * SMALLEST_MESSAGE)

    for _ in range(2):
        call, _handles = await courier.load(_call(LARGE, HALF))
        assert [bool(blob.handle) for blob in call.blobs] == [True, False]

    assert store.asked == ["system.info"]


@pytest.mark.parametrize("own", [None, 3 * SMALLEST_MESSAGE])
async def test_the_smaller_of_both_limits_holds(store: Store, own: int | None) -> None:
    store.limit = own and 100 * own
    connection = ScriptedConnection()
    courier = _courier(store, connection, shares=False, limit=own)

    await courier.load(_call(LARGE, LARGE, LARGE, LARGE))

    assert len(connection.kept) == (0 if own is None else 2)


@pytest.mark.parametrize(
    ("trouble", "asked"), [(CommandNotFoundError("no"), 1), (QuotaExceededError("busy"), 2)]
)
async def test_a_bridge_that_does_not_tell_its_limit_is_sent_what_the_client_may(
    store: Store, trouble: BridgeError, asked: int
) -> None:
    store.trouble["system.info"] = trouble
    courier = _courier(store, shares=False, limit=100 * SMALLEST_MESSAGE)

    for _ in range(2):
        call, _handles = await courier.load(_call(LARGE))
        assert list(call.blobs) == [LARGE]

    assert store.asked == ["system.info"] * asked


def _refuse(*_: object) -> None:
    raise SharedFileError("not here")
