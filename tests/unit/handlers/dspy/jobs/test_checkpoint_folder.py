from __future__ import annotations

import fcntl
import os
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.dspy.jobs.checkpoint_folder import (
    CheckpointFile,
    CheckpointFolder,
    _age,
    _removed,
)


def write(folder: CheckpointFolder, name: str, *, needed: bool = True) -> None:
    file = folder.open(name)
    file.append(b"one\n")
    file.append(b"two\n")
    file.close(needed=needed)


def test_a_file_grows_and_is_read(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "new")
    file = folder.open("job-1")
    file.append(b"one\n")

    assert folder.is_there
    assert folder.read("job-1") == b"one\n"
    file.close(needed=True)


def test_only_the_operator_reads_it(tmp_path: Path) -> None:
    write(CheckpointFolder(tmp_path), "job-1")

    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o077 == 0


def test_only_the_operator_sees_which_there_are(tmp_path: Path) -> None:
    write(CheckpointFolder(tmp_path / "new"), "job-1")

    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_a_file_that_nobody_needs_is_deleted(tmp_path: Path) -> None:
    write(CheckpointFolder(tmp_path), "job-1", needed=False)

    assert list(tmp_path.iterdir()) == []


def test_the_oldest_make_room(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, max_files=3)
    (tmp_path / "other.txt").write_text("not ours")
    for number in range(5):
        write(folder, f"job-{number}")
        os.utime(next(tmp_path.glob(f"job-{number}.*")), (number, number))

    assert sorted(path.name.partition(".")[0] for path in tmp_path.iterdir()) == [
        "job-2",
        "job-3",
        "job-4",
        "other",
    ]


def test_a_name_that_is_not_there_tells_no_other(tmp_path: Path) -> None:
    """Whoever knows the name of a checkpoint may read it."""
    folder = CheckpointFolder(tmp_path)
    write(folder, "job-0123")

    with pytest.raises(InvalidArgumentError, match="no checkpoint") as caught:
        folder.read("job-0132")
    assert "job-0123" not in f"{caught.value} {caught.value.details}"


@pytest.mark.parametrize("name", ["", "../secret", "a/b", ".hidden", "-x", "x" * 101, "a.b"])
def test_names_lead_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="no name"):
        CheckpointFolder(tmp_path).read(name)


def test_without_a_folder_there_are_none() -> None:
    folder = CheckpointFolder(None)

    assert not folder.is_there
    with pytest.raises(NotAllowedError, match="no checkpoints"):
        folder.read("job-1")


def test_a_file_that_has_just_gone_counts_as_old(tmp_path: Path) -> None:
    assert _age(tmp_path / "gone") == 0


def test_files_in_use_make_no_room(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, max_files=2)
    running = folder.open("job-0")
    os.utime(next(tmp_path.iterdir()), (0, 0))
    for number in range(1, 4):
        write(folder, f"job-{number}")
    running.append(b"still here\n")

    assert folder.read("job-0") == b"still here\n"
    assert sorted(path.name[:5] for path in tmp_path.iterdir()) == ["job-0", "job-3"]
    running.close(needed=True)
    write(folder, "job-4")
    write(folder, "job-5")
    assert sorted(path.name[:5] for path in tmp_path.iterdir()) == ["job-4", "job-5"]


def test_where_there_are_no_locks_the_oldest_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    folder = CheckpointFolder(tmp_path, max_files=1)
    write(folder, "job-1")
    write(folder, "job-2")

    assert [path.name[:5] for path in tmp_path.iterdir()] == ["job-2"]


def test_what_has_gone_or_is_a_link_needs_no_deleting(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    assert _removed(tmp_path / "gone")
    assert not _removed(tmp_path / "link")


class NearlyFull(FileIO):
    """Takes so many bytes, and refuses the rest."""

    room = 10

    def write(self, content: Any) -> int:
        taken = bytes(content)[: self.room]
        if content and not taken:
            raise OSError("no space left")
        self.room -= len(taken)
        return super().write(taken)


def test_a_full_disk_ends_a_file_with_its_last_whole_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = CheckpointFile(tmp_path / "f", NearlyFull(tmp_path / "f", "ab"))
    for line in (b"12345\n", b"678910\n", b"11\n", b"12\n"):
        file.append(line)
    file.close(needed=True)

    assert (tmp_path / "f").read_bytes() == b"12345\n"
    assert len(caplog.records) == 1


def test_a_file_that_cannot_be_cut_stops_nobody(tmp_path: Path) -> None:
    class Stubborn(NearlyFull):
        room = 3

        def truncate(self, size: int | None = None) -> int:
            raise OSError("no")

    file = CheckpointFile(tmp_path / "f", Stubborn(tmp_path / "f", "ab"))
    file.append(b"12345\n")
    file.append(b"6\n")
    file.close(needed=True)

    assert (tmp_path / "f").read_bytes() == b"123"


def test_a_file_that_cannot_be_closed_is_deleted_all_the_same(tmp_path: Path) -> None:
    class Stubborn(FileIO):
        def close(self) -> None:
            super().close()
            raise OSError("no")

    file = CheckpointFile(tmp_path / "f", Stubborn(tmp_path / "f", "ab"))
    with pytest.raises(OSError, match="no"):
        file.close(needed=False)
    assert not (tmp_path / "f").exists()
