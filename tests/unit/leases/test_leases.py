from __future__ import annotations

import asyncio
import errno
import os
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from snakepit_bridge.errors import (
    BlobNotFoundError,
    BridgeError,
    InvalidArgumentError,
    QuotaExceededError,
    WrongCallError,
)
from snakepit_bridge.leases.disk import Disk
from snakepit_bridge.leases.folder import PREFIX, UnusableFolderError
from snakepit_bridge.leases.leases import Leases, open_leases
from snakepit_bridge.testing import FakeClock
from tests.unit.leases.disks import FakeDisk

MIB = 1024 * 1024


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def disk(tmp_path: Path) -> FakeDisk:
    return FakeDisk(tmp_path / "memory", tmp_path / "disk")


@pytest.fixture
def leases(disk: FakeDisk, clock: FakeClock) -> Iterator[Leases]:
    opened = Leases(disk, max_bytes=1000, idle_s=60, clock=clock)
    yield opened
    opened.close()


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


# --- the block ----------------------------------------------------------------------------------


def test_nothing_is_made_before_the_first_use(tmp_path: Path) -> None:
    with open_leases(tmp_path / "blobs"):
        assert list(tmp_path.iterdir()) == []


def test_everything_is_gone_after_the_block(tmp_path: Path) -> None:
    with open_leases(tmp_path) as leases:
        leases.put(b"abc")
        leases.create(5)
        assert len(files(tmp_path)) == len(leases) == 2

    assert list(tmp_path.iterdir()) == []


def test_a_closed_store_says_that_it_has_ended(tmp_path: Path) -> None:
    with open_leases(tmp_path) as leases:
        handle = leases.put(b"abc")

    for use in (
        lambda: leases.put(b"abc"),
        lambda: leases.create(1),
        lambda: leases.data(handle),
        lambda: leases.release(handle),
        leases.sweep,
    ):
        with pytest.raises(WrongCallError, match="has ended"):
            use()
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_comes_while_the_store_closes_leaves_nothing(
    disk: FakeDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closing(FakeDisk):
        def reserve(self, fd: int, size: int) -> None:
            super().reserve(fd, size)
            # As if the file had been made after its folder was emptied.
            with monkeypatch.context() as patch:
                patch.setattr(os, "unlink", lambda *_, **__: None)
                store.close()

    store = Leases(Closing(*disk.folders()))

    with pytest.raises(WrongCallError, match="has ended"):
        store.put(b"abc")

    assert [list(folder.iterdir()) for folder in disk.folders() if folder.exists()] == [[]]


def test_a_store_that_closes_before_a_file_is_made_makes_none(disk: FakeDisk) -> None:
    class Closing(FakeDisk):
        closes = False

        def uid(self) -> int:
            if self.closes:
                store.close()
            return super().uid()

    closing = Closing(*disk.folders())
    store = Leases(closing, clock=FakeClock())
    store.put(b"abc")
    closing.closes = True

    with pytest.raises(WrongCallError, match="has ended"):
        store.put(b"abc")

    assert files(disk.folders()[0].parent) == []


def test_a_process_that_was_forked_off_can_do_nothing_and_removes_nothing(
    leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle, message = leases.put(b"abc"), f"belong to process {os.getpid()}, not to this one"

    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        for use in (lambda: leases.data(handle), lambda: leases.release(handle), leases.sweep):
            with pytest.raises(WrongCallError, match=message):
                use()
        leases.close()

    assert bytes(leases.data(handle)) == b"abc"


# --- handles ------------------------------------------------------------------------------------


def test_handles_are_opaque_and_unlike_each_other(leases: Leases) -> None:
    handles = [leases.put(b"a") for _ in range(100)]

    assert len(set(handles)) == 100
    assert all(re.fullmatch(r"[\w-]{32}", handle) for handle in handles)
    assert not any(handle in str(leases.path(handle)) for handle in handles)


@pytest.mark.parametrize("handle", ["", "1", "../1", "/etc/passwd", "x" * 100_000, "\0", "\ud800"])
def test_what_is_no_handle_leads_nowhere(leases: Leases, handle: str) -> None:
    leases.put(b"abc")

    with pytest.raises(BlobNotFoundError, match="No binary data have the handle") as caught:
        leases.data(handle)

    assert len(str(caught.value)) < 300
    assert not leases.release(handle)


def test_released_data_are_gone(leases: Leases, tmp_path: Path) -> None:
    handle = leases.put(b"abc")

    assert leases.release(handle)
    assert not leases.release(handle)

    assert files(tmp_path) == []
    with pytest.raises(BlobNotFoundError):
        leases.data(handle)


def test_data_of_any_form_are_kept_as_their_bytes(leases: Leases) -> None:
    view = memoryview(b"abcdefgh").cast("I", shape=[1, 2])

    assert bytes(leases.data(leases.put(view))) == b"abcdefgh"
    assert bytes(leases.data(leases.put(memoryview(b"abcdefgh")[2:4]))) == b"cd"


# --- room ---------------------------------------------------------------------------------------


def test_what_is_released_makes_room(leases: Leases) -> None:
    first = leases.create(600)

    with pytest.raises(QuotaExceededError, match="beside the 600"):
        leases.put(bytes(500))
    leases.release(first.handle)
    leases.put(bytes(1000))

    assert len(leases) == 1


def test_what_cannot_be_kept_takes_no_room(leases: Leases, disk: FakeDisk) -> None:
    disk.failures = [errno.ENOSPC, errno.ENOSPC]
    with pytest.raises(QuotaExceededError):
        leases.put(bytes(1000))

    assert bytes(leases.data(leases.put(bytes(1000)))) == bytes(1000)


def test_a_size_below_zero_is_refused(leases: Leases) -> None:
    with pytest.raises(InvalidArgumentError):
        leases.create(-1)


def test_where_the_first_folder_is_full_the_next_one_takes_the_data(
    leases: Leases, disk: FakeDisk, tmp_path: Path
) -> None:
    disk.failures = [errno.ENOSPC]

    handle = leases.put(b"abc")

    assert leases.path(handle).is_relative_to(tmp_path / "disk")
    assert files(tmp_path / "memory") == []
    assert leases.path(leases.put(b"abc")).is_relative_to(tmp_path / "memory")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EFBIG])
def test_full_disks_are_a_clear_failure_that_leaves_nothing(
    leases: Leases, disk: FakeDisk, tmp_path: Path, number: int
) -> None:
    disk.failures = [number, number]

    with pytest.raises(QuotaExceededError, match="no room for 3 bytes") as caught:
        leases.create(3)

    assert "--blob-dir" in caught.value.hint
    assert caught.value.retryable
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_a_clear_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    store = Leases(Disk(tmp_path / "file" / "blobs"))
    with pytest.raises(WrongCallError, match="Not a directory") as caught:
        store.put(b"abc")

    assert "--blob-dir" in caught.value.hint


@pytest.mark.parametrize("place", ["file", "file/blobs"])
def test_a_chosen_folder_that_cannot_be_used_is_refused_at_once(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(UnusableFolderError, match=r"--blob-dir\) cannot be used: "):
        open_leases(tmp_path / place).__enter__()

    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_directory_that_somebody_removed_is_made_anew(tmp_path: Path) -> None:
    with open_leases(tmp_path) as leases:
        lost = leases.put(b"abc")
        path = leases.path(lost)
        path.unlink()
        path.parent.rmdir()

        again = leases.put(b"def")

        assert bytes(leases.data(again)) == b"def"
        with pytest.raises(BlobNotFoundError, match="is gone"):
            leases.data(lost)


# --- time ---------------------------------------------------------------------------------------


def test_data_that_nobody_uses_are_removed(
    leases: Leases, clock: FakeClock, tmp_path: Path
) -> None:
    idle, used = leases.put(b"idle"), leases.put(b"used")
    clock.advance(59)
    leases.data(used)
    assert leases.sweep() == 0
    clock.advance(1)

    assert leases.sweep() == 1

    assert len(leases) == len(files(tmp_path)) == 1
    with pytest.raises(BlobNotFoundError, match="--blob-idle-s"):
        leases.data(idle)


def test_idle_data_are_gone_without_a_sweep(
    leases: Leases, clock: FakeClock, tmp_path: Path
) -> None:
    handle = leases.put(bytes(1000))
    clock.advance(60)

    with pytest.raises(BlobNotFoundError):
        leases.data(handle)

    assert files(tmp_path) == []


def test_idle_data_make_room_for_others(leases: Leases, clock: FakeClock) -> None:
    leases.put(bytes(1000))
    clock.advance(60)

    assert bytes(leases.data(leases.put(bytes(1000)))) == bytes(1000)


@pytest.mark.parametrize(
    ("use", "counts"),
    [
        (lambda leases, handle: leases.data(handle), True),
        (lambda leases, handle: leases.read(handle, 0, 1), True),
        (lambda leases, handle: leases.write(handle, 0, b"a"), True),
        (lambda leases, handle: leases.path(handle), True),
        (lambda leases, handle: leases.checksum(handle), True),
        (lambda leases, handle: leases.finish(handle), True),
        (lambda leases, handle: leases.info(handle), False),
    ],
)
def test_whoever_uses_data_keeps_them_alive(
    leases: Leases, clock: FakeClock, use: Callable[[Leases, str], object], *, counts: bool
) -> None:
    handle = leases.put(b"abc")
    clock.advance(50)

    use(leases, handle)

    assert leases.info(handle).expires_in_s == (60 if counts else 10)


async def test_idle_data_are_removed_while_the_sweeping_goes_on(
    disk: FakeDisk, clock: FakeClock
) -> None:
    loop, swept = asyncio.get_running_loop(), asyncio.Event()

    class Told(Leases):
        def sweep(self) -> int:
            count = super().sweep()
            if count:
                loop.call_soon_threadsafe(swept.set)
            return count

    leases = Told(disk, idle_s=60, clock=clock)
    leases.put(b"abc")
    clock.advance(60)

    async with asyncio.timeout(5), leases.sweeping(interval_s=0.001):
        await swept.wait()

    assert len(leases) == 0
    leases.close()


# --- what others left behind --------------------------------------------------------------------


def abandon(root: Path) -> Path:
    path = root / f"{PREFIX}1-x"
    path.mkdir(mode=0o700, parents=True)
    (path / "1").write_bytes(b"old")
    return path


async def test_what_was_left_behind_is_removed_at_the_start(disk: FakeDisk, leases: Leases) -> None:
    left = [abandon(root) for root in disk.folders()]

    async with asyncio.timeout(5), leases.sweeping():
        while any(path.exists() for path in left):  # noqa: ASYNC110
            await asyncio.sleep(0)


def test_the_first_use_removes_what_was_left_behind(leases: Leases, disk: FakeDisk) -> None:
    left = [abandon(root) for root in disk.folders()]

    leases.put(b"abc")

    assert not any(path.exists() for path in left)
    assert len(leases) == 1


def test_a_store_that_is_not_used_removes_it_too_but_does_not_look_at_every_sweep(
    leases: Leases, disk: FakeDisk, clock: FakeClock
) -> None:
    root = disk.folders()[0]
    left = abandon(root)
    leases.sweep()
    assert not left.exists()

    left = abandon(root)
    leases.sweep()
    assert left.exists()
    clock.advance(300)
    leases.sweep()

    assert not left.exists()


# --- together -----------------------------------------------------------------------------------


def together(*works: Callable[[], object]) -> list[object]:
    """What each gives; all begin at the same time."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        start.wait(timeout=5)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_data_are_released_once(leases: Leases) -> None:
    handle = leases.put(bytes(1000))

    answers = together(*[lambda: leases.release(handle)] * 8)

    assert sorted(map(bool, answers)) == [False] * 7 + [True]
    leases.put(bytes(1000))


def test_no_more_is_kept_than_there_is_room_for(leases: Leases, tmp_path: Path) -> None:
    def put() -> bool:
        with suppress(QuotaExceededError):
            return bool(leases.put(bytes(300)))
        return False

    answers = together(*[put] * 8)

    assert sum(map(bool, answers)) == len(leases) == len(files(tmp_path)) == 3


def test_an_upload_that_is_sent_twice_at_once_arrives_once(disk: FakeDisk) -> None:
    leases, data = Leases(disk), os.urandom(64 * 1024)
    handle = leases.create(len(data)).handle

    def send() -> None:
        for start in range(0, len(data), 1024):
            leases.write(handle, start, data[start : start + 1024])

    together(*[send] * 4)

    assert leases.info(handle).crc32 == zlib.crc32(data)
    assert bytes(leases.data(handle)) == data
    leases.close()


def test_threads_do_not_disturb_each_other(disk: FakeDisk, tmp_path: Path) -> None:
    leases = Leases(disk)

    def work() -> None:
        for number in range(20):
            data = os.urandom(number * 500)
            lease = leases.create(len(data))
            leases.write(lease.handle, 0, data)
            handle = leases.put(data)
            leases.sweep()
            assert bytes(leases.data(lease.handle)) == bytes(leases.data(handle)) == data
            assert leases.release(handle)
            assert leases.release(lease.handle)

    together(*[work] * 8)

    assert (len(leases), files(tmp_path)) == (0, [])
    leases.close()


def test_a_store_that_closes_amid_its_use_leaves_nothing(disk: FakeDisk) -> None:
    leases = Leases(disk)

    def use() -> None:
        with suppress(BridgeError):
            while True:
                leases.data(leases.put(b"abc"))

    together(*[use] * 4, leases.close)

    assert [path for root in disk.folders() if root.exists() for path in root.iterdir()] == []
