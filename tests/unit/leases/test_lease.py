from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import (
    BlobNotFoundError,
    BridgeError,
    InvalidArgumentError,
    QuotaExceededError,
    WrongCallError,
)
from snakepit_bridge.leases.lease import COPY_BELOW, Lease
from snakepit_bridge.leases.leases import Leases
from snakepit_bridge.testing import FakeClock
from tests.unit.leases.disks import FakeDisk

on_linux = pytest.mark.skipif(
    not hasattr(os, "posix_fallocate"), reason="room is reserved by writing"
)

LARGE = COPY_BELOW + 4096
"""Bytes of data that are mapped."""


@pytest.fixture
def disk(tmp_path: Path) -> FakeDisk:
    return FakeDisk(tmp_path)


@pytest.fixture
def leases(disk: FakeDisk) -> Iterator[Leases]:
    opened = Leases(disk, clock=FakeClock())
    yield opened
    opened.close()


def uploaded(leases: Leases, data: bytes) -> Lease:
    lease = leases.create(len(data))
    leases.write(lease.handle, 0, data)
    return lease


# --- there and back -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, COPY_BELOW - 1, COPY_BELOW, LARGE])
def test_data_come_back_as_they_were_however_they_came(leases: Leases, size: int) -> None:
    data = os.urandom(size)
    written = leases.create(size)
    written.path.write_bytes(data)

    for handle in (leases.put(data), uploaded(leases, data).handle, written.handle):
        assert bytes(leases.data(handle)) == data
        assert leases.read(handle, 0, size + 10) == data
        assert leases.path(handle).read_bytes() == data
        assert leases.checksum(handle) == zlib.crc32(data)
        leases.finish(handle)
        leases.finish(handle, crc32=zlib.crc32(data))


@pytest.mark.parametrize("size", [10, LARGE])
def test_nobody_can_write_through_a_view(leases: Leases, size: int) -> None:
    view = leases.data(leases.put(bytes(size)))

    assert view.readonly
    assert (view.format, view.ndim) == ("B", 1)


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_view_outlives_its_handle_and_the_store(disk: FakeDisk, size: int) -> None:
    leases = Leases(disk)
    handle, other = leases.put(b"x" * size), leases.put(b"y" * size)
    view, other_view = leases.data(handle), leases.data(other)

    leases.release(handle)
    leases.close()

    assert view == b"x" * size
    assert other_view == b"y" * size


@given(data=st.binary(max_size=60), offset=st.integers(0, 70), size=st.integers(0, 70))
def test_any_part_can_be_read(
    data: bytes, offset: int, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    leases = Leases(FakeDisk(tmp_path_factory.mktemp("parts")))
    handle = leases.put(data)

    if offset > len(data):
        with pytest.raises(InvalidArgumentError, match="not within"):
            leases.read(handle, offset, size)
    else:
        assert leases.read(handle, offset, size) == data[offset : offset + size]
    leases.close()


@pytest.mark.parametrize(("offset", "size"), [(-1, 1), (0, -1)])
def test_no_part_begins_or_ends_before_the_data(leases: Leases, offset: int, size: int) -> None:
    with pytest.raises(InvalidArgumentError, match="not within"):
        leases.read(leases.put(b"abc"), offset, size)


# --- an upload ----------------------------------------------------------------------------------


@given(
    data=st.binary(min_size=1, max_size=100), moves=st.lists(st.tuples(*[st.integers(0, 30)] * 2))
)
def test_an_upload_goes_on_wherever_it_stopped_and_may_repeat_itself(
    data: bytes, moves: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    leases = Leases(FakeDisk(tmp_path_factory.mktemp("upload")))
    handle, received = leases.create(len(data)).handle, 0

    for back, size in [*moves, (5, 100)]:
        start = max(0, received - back)
        received = max(received, start + len(data[start : start + size]))
        assert leases.write(handle, start, data[start : start + size]) == received
        info = leases.info(handle)
        assert (info.received, info.crc32) == (received, zlib.crc32(data[:received]))

    assert received == len(data)
    leases.finish(handle, crc32=zlib.crc32(data))
    assert bytes(leases.data(handle)) == data
    leases.close()


@pytest.mark.parametrize("offset", [4, -1])
def test_an_upload_leaves_no_gap(leases: Leases, offset: int) -> None:
    lease = leases.create(10)
    leases.write(lease.handle, 0, b"abc")

    with pytest.raises(InvalidArgumentError, match="3 have come") as caught:
        leases.write(lease.handle, offset, b"x")

    assert caught.value.details["received"] == 3
    assert caught.value.hint == "Go on with offset 3."


def test_an_upload_is_not_longer_than_it_was_said_to_be(leases: Leases) -> None:
    lease = uploaded(leases, b"abc")

    with pytest.raises(InvalidArgumentError, match="4 bytes are more than the 3"):
        leases.write(lease.handle, 3, b"d")

    assert bytes(leases.data(lease.handle)) == b"abc"


@pytest.mark.parametrize("way", ["upload", "put"])
def test_what_came_before_is_never_overwritten(leases: Leases, way: str) -> None:
    handle = uploaded(leases, b"abc").handle if way == "upload" else leases.put(b"abc")

    assert leases.write(handle, 1, b"bc") == 3
    with pytest.raises(InvalidArgumentError, match="from 1 on are not those that came before"):
        leases.write(handle, 1, b"bd")

    assert bytes(leases.data(handle)) == b"abc"


def test_a_wrong_checksum_begins_an_upload_anew(leases: Leases) -> None:
    lease = uploaded(leases, b"abd")

    with pytest.raises(InvalidArgumentError, match=f"not {zlib.crc32(b'abc'):#010x}"):
        leases.finish(lease.handle, crc32=zlib.crc32(b"abc"))
    assert leases.info(lease.handle).received == 0
    with pytest.raises(WrongCallError, match="3 of 3 bytes are missing"):
        leases.data(lease.handle)
    leases.write(lease.handle, 0, b"abc")
    leases.finish(lease.handle, crc32=zlib.crc32(b"abc"))

    assert bytes(leases.data(lease.handle)) == b"abc"


def test_a_wrong_checksum_leaves_data_alone_that_were_not_uploaded(leases: Leases) -> None:
    handle = leases.put(b"abc")

    with pytest.raises(InvalidArgumentError, match="CRC-32"):
        leases.finish(handle, crc32=1)

    assert bytes(leases.data(handle)) == b"abc"


def test_a_disk_that_becomes_full_is_told_of_and_the_upload_goes_on_later(
    leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = leases.create(6)
    leases.write(lease.handle, 0, b"abc")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(QuotaExceededError, match="No space left"):
            leases.write(lease.handle, 3, b"def")
    assert leases.write(lease.handle, 3, b"def") == 6

    assert bytes(leases.data(lease.handle)) == b"abcdef"


# --- what is missing ----------------------------------------------------------------------------

READS: list[Callable[[Leases, str], object]] = [
    lambda leases, handle: leases.data(handle),
    lambda leases, handle: leases.read(handle, 0, 1),
    lambda leases, handle: leases.checksum(handle),
    lambda leases, handle: leases.path(handle),
    lambda leases, handle: leases.finish(handle),
    lambda leases, handle: leases.finish(handle, crc32=0),
]


@pytest.mark.parametrize("read", READS)
def test_data_that_are_not_complete_are_refused(
    leases: Leases, read: Callable[[Leases, str], object]
) -> None:
    untouched, begun, short = (leases.create(10) for _ in range(3))
    leases.write(begun.handle, 0, b"abc")
    short.path.write_bytes(b"abcd")

    for lease, missing in ((untouched, 10), (begun, 7), (short, 6)):
        with pytest.raises(WrongCallError, match=f"{missing} of 10 bytes are missing") as caught:
            read(leases, lease.handle)
        received = caught.value.details["received"]
        assert received == 10 - missing
        assert leases.info(lease.handle).received == received


def test_a_file_that_became_too_long_is_refused(leases: Leases) -> None:
    lease = leases.create(3)
    lease.path.write_bytes(b"abcd")

    with pytest.raises(WrongCallError, match="4 bytes, not 3"):
        leases.data(lease.handle)


@pytest.mark.parametrize("reads_first", [False, True])
def test_what_is_written_through_a_mapping_has_come(leases: Leases, *, reads_first: bool) -> None:
    lease = leases.create(LARGE)
    with lease.path.open("r+b") as file, mmap.mmap(file.fileno(), LARGE) as pages:
        seen = pages[0] if reads_first else 0
        pages[:] = b"x" * LARGE

    assert seen == 0
    assert bytes(leases.data(lease.handle)) == b"x" * LARGE


@on_linux
def test_what_is_written_has_come_even_if_the_time_of_the_file_is_the_same(leases: Leases) -> None:
    """A write through a mapping may leave it alone."""
    lease = leases.create(10)
    lease.path.write_bytes(b"0123456789")
    os.utime(lease.path, ns=(0, 0))

    assert bytes(leases.data(lease.handle)) == b"0123456789"


def test_what_is_written_has_come_where_only_the_time_of_the_file_tells(
    leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "SEEK_DATA")
    lease = leases.create(10)
    time_before = lease.path.stat().st_mtime
    with pytest.raises(WrongCallError, match="10 of 10 bytes are missing"):
        leases.data(lease.handle)

    lease.path.write_bytes(b"0123456789")

    assert time_before == 0, "the time of the file may be no finer than that of two calls"
    assert bytes(leases.data(lease.handle)) == b"0123456789"


def test_data_with_holes_are_copied_rather_than_mapped(leases: Leases) -> None:
    """Once a page without room ended the process that looked at it."""
    lease = leases.create(LARGE)
    with lease.path.open("wb") as file:
        file.write(b"x")
        file.truncate(LARGE)

    view = leases.data(lease.handle)

    assert isinstance(view.obj, bytes)
    assert view == b"x" + bytes(LARGE - 1)
    assert isinstance(leases.data(leases.put(bytes(LARGE))).obj, mmap.mmap)


# --- attacks ------------------------------------------------------------------------------------

USES: list[Callable[[Leases, str], object]] = [
    *READS,
    lambda leases, handle: leases.write(handle, 0, b"x"),
    lambda leases, handle: leases.info(handle),
]


@pytest.fixture(params=["put", "created"])
def victim(request: pytest.FixtureRequest, leases: Leases) -> Lease:
    """Some data, and where they are."""
    if request.param == "put":
        handle = leases.put(b"abc")
        return Lease(handle=handle, path=leases.path(handle), size=3)
    lease = leases.create(3)
    lease.path.write_bytes(b"abc")
    return lease


def refused(leases: Leases, lease: Lease, what: str) -> None:
    for use in USES:
        with pytest.raises(WrongCallError, match=what):
            use(leases, lease.handle)


def test_a_symbolic_link_is_not_followed(leases: Leases, victim: Lease, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"key")
    secret.chmod(0o600)
    victim.path.unlink()
    victim.path.symlink_to(secret)

    refused(leases, victim, "is a symbolic link")
    leases.release(victim.handle)

    assert secret.read_bytes() == b"key"


def test_a_file_with_another_name_is_not_used(leases: Leases, victim: Lease) -> None:
    (victim.path.parent / "again").hardlink_to(victim.path)

    refused(leases, victim, "has 2 names")


def test_another_file_in_its_place_is_not_used(
    leases: Leases, victim: Lease, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"key")
    secret.chmod(0o600)
    secret.rename(victim.path)

    refused(leases, victim, "is another one")


def test_a_file_that_others_may_touch_is_not_used(leases: Leases, victim: Lease) -> None:
    victim.path.chmod(0o644)

    refused(leases, victim, "has the mode 0644")


def test_a_file_of_somebody_else_is_not_used(disk: FakeDisk) -> None:
    disk.user += 1
    leases = Leases(disk)

    refused(leases, Lease(handle=leases.put(b"abc"), path=Path(), size=3), "another user")
    leases.close()


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_not_used(leases: Leases, victim: Lease, kind: str) -> None:
    victim.path.unlink()
    if kind == "pipe":
        os.mkfifo(victim.path, 0o600)
    else:
        victim.path.mkdir(mode=0o700)

    refused(leases, victim, "is no regular file|cannot be used: Is a directory")


def test_a_file_that_was_removed_is_told_of(leases: Leases, victim: Lease) -> None:
    victim.path.unlink()

    with pytest.raises(BlobNotFoundError, match="file of this handle is gone"):
        leases.data(victim.handle)


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_disk_that_fails_is_told_of(
    leases: Leases, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = leases.put(bytes(size))

    def fail(*_: object, **__: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    monkeypatch.setattr(mmap, "mmap", fail)

    with pytest.raises(WrongCallError, match="cannot be used: Input/output error"):
        leases.data(handle)


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_file_that_becomes_shorter_while_it_is_opened_is_refused(
    leases: Leases, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = leases.put(b"x" * size)
    path = leases.path(handle)
    real_map, real_read = mmap.mmap, os.pread

    def cut() -> None:
        os.truncate(path, 5)

    def cut_and_map(fd: int, length: int, *, access: int) -> mmap.mmap:
        mapping = real_map(fd, length, access=access)
        cut()
        return mapping

    def cut_and_read(fd: int, length: int, offset: int) -> bytes:
        cut()
        return real_read(fd, length, offset)

    monkeypatch.setattr(mmap, "mmap", cut_and_map)
    monkeypatch.setattr(os, "pread", cut_and_read)

    with pytest.raises(WrongCallError, match=f"{size - 5} of {size} bytes are missing"):
        leases.data(handle)


@pytest.mark.parametrize("use", USES)
def test_no_failure_tells_a_handle(leases: Leases, use: Callable[[Leases, str], object]) -> None:
    handle = leases.put(b"abc")
    leases.release(handle)

    with pytest.raises(BridgeError) as caught:
        use(leases, handle)

    assert handle not in str(caught.value)
    assert handle[:8] in str(caught.value)
