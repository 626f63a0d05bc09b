from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.leases import disk
from snakepit_bridge.leases.disk import SHARED_MEMORY, Disk, closing_fd, is_blank, read_all
from snakepit_bridge.leases.disk import write_all as write


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    with closing_fd(os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT, 0o600)) as opened:
        yield opened


def test_a_folder_that_was_named_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")

    named = Disk(Path("blobs"))

    assert named.folders() == named.folders_for(1 << 60) == (Path("/blobs"),)


class Memory(Disk):
    """A machine whose shared memory has room for 100 bytes."""

    def shared_memory_room(self) -> int:
        return 100


@pytest.mark.parametrize(("size", "best"), [(0, True), (49, True), (50, False), (1 << 50, False)])
def test_data_take_less_than_half_of_the_memory_that_is_left(size: int, *, best: bool) -> None:
    memory = Memory()

    folders = memory.folders_for(size)

    assert folders == (memory.folders() if best else memory.folders()[1:])
    assert memory.folders()[0] == SHARED_MEMORY


def test_shared_memory_is_not_used_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(disk, "SHARED_MEMORY", tmp_path / "none")

    assert Disk().shared_memory_room() == 0
    assert tmp_path / "none" not in Disk().folders_for(0)


def test_shared_memory_has_the_room_of_its_file_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(disk, "SHARED_MEMORY", tmp_path)
    space = os.statvfs(tmp_path)

    assert 0 < Disk().shared_memory_room() <= space.f_blocks * space.f_frsize


def test_files_belong_to_the_user_of_this_process(fd: int) -> None:
    assert Disk().uid() == os.fstat(fd).st_uid


# --- room ---------------------------------------------------------------------------------------


def test_reserved_room_is_there(fd: int) -> None:
    Disk().reserve(fd, 100_000)

    assert os.fstat(fd).st_size == 100_000
    assert os.fstat(fd).st_blocks * 512 >= 100_000


def test_no_room_is_needed_for_nothing(fd: int) -> None:
    Disk().reserve(fd, 0)

    assert os.fstat(fd).st_size == 0


def test_a_system_that_reserves_nothing_is_given_zeros(
    fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    size = 2 * 1024 * 1024 + 5

    Disk().reserve(fd, size)

    assert read_all(fd, size + 1, 0) == bytes(size)
    assert os.fstat(fd).st_blocks * 512 >= size


def failing_with(number: int) -> Any:
    def fail(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_reserves_nothing_is_given_zeros(
    fd: int, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", failing_with(number), raising=False)

    Disk().reserve(fd, 1000)

    assert read_all(fd, 1000, 0) == bytes(1000)


def test_a_full_file_system_is_not_written_to(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", failing_with(errno.ENOSPC), raising=False)

    with pytest.raises(OSError, match="No space left"):
        Disk().reserve(fd, 1000)

    assert os.fstat(fd).st_size == 0


# --- bytes --------------------------------------------------------------------------------------


@given(step=st.integers(1, 7), data=st.binary(max_size=20))
def test_all_bytes_go_both_ways_however_few_the_system_takes_at_once(
    step: int, data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("few") / "file"
    with (
        pytest.MonkeyPatch.context() as patch,
        closing_fd(os.open(path, os.O_RDWR | os.O_CREAT, 0o600)) as fd,
    ):
        pwrite, pread = os.pwrite, os.pread
        patch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:step], at))
        patch.setattr(os, "pread", lambda fd, size, at: pread(fd, min(step, size), at))

        write(fd, memoryview(data), 3)

        assert read_all(fd, len(data), 3) == data
        assert read_all(fd, 100, 3) == data
        assert read_all(fd, 100, 0) == (bytes(3) + data if data else b"")


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room is reserved by writing")
def test_a_file_is_blank_until_it_is_written_to(fd: int) -> None:
    Disk().reserve(fd, 100_000)
    before = is_blank(fd)

    os.pwrite(fd, b"x", 50_000)

    assert (before, is_blank(fd)) == (True, False)
