from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from snakepit_bridge.client.shared_files import SharedFileError, map_file, write_file
from snakepit_bridge.leases.folder import PREFIX


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / f"{PREFIX}1-abc"
    folder.mkdir()
    return folder


def _file(folder: Path, content: bytes) -> str:
    path = folder / "data"
    path.write_bytes(content)
    return str(path)


def test_what_is_written_is_in_the_file(folder: Path) -> None:
    path = _file(folder, bytes(6))

    write_file(path, memoryview(b"abcdef"))

    assert Path(path).read_bytes() == b"abcdef"


def test_a_mapped_file_outlives_its_name(folder: Path) -> None:
    path = _file(folder, b"abcdef")

    mapped = map_file(path)
    Path(path).unlink()

    assert bytes(mapped) == b"abcdef"
    assert mapped.readonly


@pytest.mark.parametrize("size", [5, 7])
def test_a_file_of_another_size_is_left_alone(folder: Path, size: int) -> None:
    path = _file(folder, b"abcdef")

    with pytest.raises(SharedFileError, match=f"has 6 bytes and not {size}"):
        write_file(path, bytes(size))
    assert Path(path).read_bytes() == b"abcdef"


def test_a_file_that_is_not_here_is_told(folder: Path) -> None:
    with pytest.raises(SharedFileError, match="cannot be opened here: No such file"):
        map_file(str(folder / "none"))


def test_a_file_outside_of_a_bridges_directory_is_left_alone(tmp_path: Path) -> None:
    path = _file(tmp_path, b"secret")

    with pytest.raises(SharedFileError, match="lies in no directory of a bridge"):
        write_file(path, b"xxxxxx")
    assert Path(path).read_bytes() == b"secret"


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "secret"
    target.write_bytes(b"secret")
    link = folder / "link"
    link.symlink_to(target)

    with pytest.raises(SharedFileError, match="cannot be opened here"):
        write_file(str(link), b"xxxxxx")
    assert target.read_bytes() == b"secret"


def test_a_file_of_another_user_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(folder, b"abcdef")
    stranger = os.geteuid() + 1
    monkeypatch.setattr("os.geteuid", lambda: stranger)

    with pytest.raises(SharedFileError, match="is no file of this user"):
        map_file(path)


def test_a_directory_is_no_file(folder: Path) -> None:
    (folder / "inner").mkdir()

    with pytest.raises(SharedFileError, match="no file of this user"):
        map_file(str(folder / "inner"))


def test_an_empty_file_is_told(folder: Path) -> None:
    with pytest.raises(SharedFileError, match="is empty"):
        map_file(_file(folder, b""))


def test_a_full_file_system_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = _file(folder, b"abcdef")
    monkeypatch.setattr("os.pwrite", full)

    with pytest.raises(SharedFileError, match="cannot be written: No space"):
        write_file(path, b"123456")
