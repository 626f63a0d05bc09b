from __future__ import annotations

import os
from pathlib import Path

import pytest

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.dspy.jobs.checkpoint_folder import CheckpointFolder, _age


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


def test_a_name_that_is_not_there_gets_the_nearest(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    write(folder, "job-0123")

    with pytest.raises(InvalidArgumentError, match="no checkpoint") as caught:
        folder.read("job-0132")
    assert "job-0123" in caught.value.hint


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
