from __future__ import annotations

import fcntl
import gc
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from snakepit_bridge.leases.disk import closing_fd
from snakepit_bridge.leases.folder import PREFIX, Folder, open_folder, remove_abandoned

OURS = os.geteuid()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    opened = open_folder(tmp_path)
    yield opened
    opened.close()


def left_behind(root: Path, name: str = "1-x") -> Path:
    """What a process leaves that is killed."""
    path = root / f"{PREFIX}{name}"
    path.mkdir(mode=0o700)
    (path / "1").write_bytes(b"secret")
    return path


def test_the_directory_is_for_its_user_alone_and_named_after_its_process(
    tmp_path: Path, folder: Folder
) -> None:
    (path,) = tmp_path.iterdir()

    assert path == folder.path
    assert path.name.startswith(f"{PREFIX}{os.getpid()}-")
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_two_directories_of_one_process_are_apart(tmp_path: Path) -> None:
    folders = [open_folder(tmp_path) for _ in range(2)]

    assert len({folder.path for folder in folders}) == 2
    for folder in folders:
        folder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    open_folder(tmp_path / "a" / "b").close()

    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_a_file_is_for_its_user_alone(folder: Folder) -> None:
    with closing_fd(folder.create("1")) as fd:
        assert stat.S_IMODE(os.fstat(fd).st_mode) == 0o600
        assert not os.get_inheritable(fd)


@pytest.mark.parametrize("what", ["file", "link", "dangling link"])
def test_nothing_that_is_there_becomes_a_new_file(
    folder: Folder, tmp_path: Path, what: str
) -> None:
    target = tmp_path / "target"
    match what:
        case "file":
            (folder.path / "1").write_bytes(b"")
        case "link":
            target.write_bytes(b"")
            (folder.path / "1").symlink_to(target)
        case _:
            (folder.path / "1").symlink_to(target)

    with pytest.raises(FileExistsError):
        folder.create("1")

    assert target.exists() == (what == "link")


def test_a_file_is_found_again_by_the_directory_and_not_by_its_path(
    folder: Folder, tmp_path: Path
) -> None:
    os.close(folder.create("1"))
    folder.path.rename(tmp_path / "elsewhere")
    folder.path.mkdir(mode=0o700)
    (folder.path / "1").write_bytes(b"theirs")

    with closing_fd(folder.open("1")) as fd:
        assert os.read(fd, 10) == b""
    assert not folder.is_there()


def test_a_removed_file_may_be_removed_again(folder: Folder) -> None:
    os.close(folder.create("1"))

    folder.remove("1")
    folder.remove("1")

    with pytest.raises(FileNotFoundError):
        folder.open("1")


def test_a_closed_folder_is_gone_with_its_files_and_takes_no_more(folder: Folder) -> None:
    os.close(folder.create("1"))
    assert folder.is_there()

    folder.close()
    folder.close()

    assert not folder.path.exists()
    assert not folder.is_there()
    with pytest.raises(FileNotFoundError):
        folder.create("2")


def test_a_process_that_was_forked_off_removes_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        folder.close()

    assert folder.is_there()


def test_a_folder_that_nobody_has_any_more_is_no_open_file(tmp_path: Path) -> None:
    def opened() -> int:
        """How many open files are this directory."""
        there = 0
        for path in Path("/dev/fd").iterdir():
            with suppress(OSError):
                there += os.path.samestat(os.fstat(int(path.name)), directory)
        return there

    folder = open_folder(tmp_path)
    directory = folder.path.stat()
    assert opened() == 1

    folder.close()
    del folder
    gc.collect()

    assert opened() == 0


# --- what others have left behind ---------------------------------------------------------------


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    paths = [left_behind(tmp_path, name) for name in ("1-a", "2-b")]

    assert remove_abandoned(tmp_path, uid=OURS) == 2
    assert not any(path.exists() for path in paths)


def test_what_belongs_to_a_process_that_lives_stays(tmp_path: Path, folder: Folder) -> None:
    os.close(folder.create("1"))

    assert remove_abandoned(tmp_path, uid=OURS) == 0
    assert (folder.path / "1").exists()


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    theirs = left_behind(tmp_path)
    open_to_others = left_behind(tmp_path, "2-b")
    open_to_others.chmod(0o750)
    other_name = tmp_path / "other"
    other_name.mkdir(mode=0o700)
    (tmp_path / f"{PREFIX}file").write_bytes(b"")

    assert remove_abandoned(tmp_path, uid=OURS + 1) == 0
    assert theirs.exists()
    theirs.rename(tmp_path / "taken-away")
    assert remove_abandoned(tmp_path, uid=OURS) == 0
    assert len(list(tmp_path.iterdir())) == 4


def test_a_link_to_a_directory_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    target = left_behind(tmp_path)
    (root / f"{PREFIX}link").symlink_to(target)

    assert remove_abandoned(root, uid=OURS) == 0
    assert (target / "1").read_bytes() == b"secret"


def test_a_link_in_a_directory_goes_without_what_it_leads_to(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"kept")
    path = left_behind(tmp_path)
    (path / "2").symlink_to(kept)
    (path / "3").hardlink_to(kept)

    assert remove_abandoned(tmp_path, uid=OURS) == 1
    assert kept.read_bytes() == b"kept"


def test_a_directory_within_is_not_ours_to_remove(tmp_path: Path) -> None:
    path = left_behind(tmp_path)
    (path / "folder").mkdir()

    assert remove_abandoned(tmp_path, uid=OURS) == 0
    assert [each.name for each in path.iterdir()] == ["folder"]


def test_a_folder_that_cannot_be_listed_has_nothing_for_us(tmp_path: Path) -> None:
    assert remove_abandoned(tmp_path / "none", uid=OURS) == 0


def test_where_nothing_can_be_locked_everything_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    folder = open_folder(tmp_path)

    assert folder.is_there()
    assert remove_abandoned(tmp_path, uid=OURS) == 0
    assert folder.is_there()
    folder.close()
