from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from snakepit_bridge.errors import (
    DSPyError,
    ErrorCode,
    InvalidArgumentError,
    QuotaExceededError,
)
from snakepit_bridge.handlers.dspy.states import store as state_store
from snakepit_bridge.handlers.dspy.states.store import StateStore


def test_a_state_is_found_again_as_it_was_saved(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "made" / "states")

    saved = store.save("qa-1.2_b", b"{}")

    assert (saved.name, saved.bytes) == ("qa-1.2_b", 2)
    assert store.read("qa-1.2_b") == b"{}"
    assert [each.shown() for each in store.listed()] == [saved.shown()]
    assert datetime.fromisoformat(saved.shown()["saved_at"]).tzinfo is UTC


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "states"
    StateStore(directory).save("a", b"{}")

    assert (directory / "a.json").stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_newer_state_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.save("a", b"1")

    store.save("a", b"22")

    assert store.read("a") == b"22"
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_a_failing_write_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StateStore(tmp_path)
    store.save("a", b"1")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DSPyError, match="cannot be written: No space left on device"):
        store.save("a", b"22")

    assert store.read("a") == b"1"
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../a", "a/b", "/etc/passwd", ".a", "-a", "_a", "a b", "a\n", "ä", "a\0"),
        "a" * 101,
    ],
)
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    store = StateStore(tmp_path)

    for act in (store.read, store.delete, lambda name: store.save(name, b"{}")):
        with pytest.raises(InvalidArgumentError, match="is no name for a state"):
            act(name)


def test_names_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.save("Program", b"{}")

    with pytest.raises(InvalidArgumentError, match="differs from 'Program' in case only"):
        store.save("program", b"{}")
    with pytest.raises(InvalidArgumentError, match="No state 'program'") as caught:
        store.read("program")

    assert caught.value.hint == "Did you mean 'Program'?"
    assert store.delete("program") is False


def test_what_is_no_plain_file_is_not_seen(tmp_path: Path) -> None:
    outside, directory = tmp_path / "outside.json", tmp_path / "states"
    outside.write_text("{}")
    directory.mkdir()
    (directory / "link.json").symlink_to(outside)
    (directory / "folder.json").mkdir()
    (directory / "other.txt").write_text("x")
    (directory / "..json").write_text("x")
    os.mkfifo(directory / "pipe.json")
    store = StateStore(directory)

    assert store.listed() == []
    for name in ("link", "folder", "pipe"):
        with pytest.raises(InvalidArgumentError, match="No state"):
            store.read(name)
        with pytest.raises(InvalidArgumentError, match="something else than a state"):
            store.save(name, b"[]")
        assert store.delete(name) is False
    assert outside.read_text() == "{}"


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_takes_a_files_place_meanwhile_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Between the look and the opening somebody replaces the file."""
    store = StateStore(tmp_path)
    if kind == "link":
        (tmp_path / "a.json").symlink_to("/etc/hostname")
    else:
        os.mkfifo(tmp_path / "a.json")
    monkeypatch.setattr(state_store, "_names", lambda _: {"a"})

    with pytest.raises((DSPyError, InvalidArgumentError)):
        store.read("a")


def test_a_directory_that_is_a_link_serves(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    StateStore(tmp_path / "link").save("a", b"{}")

    assert (tmp_path / "real" / "a.json").exists()


def test_there_are_only_so_many(tmp_path: Path) -> None:
    store = StateStore(tmp_path, max_files=2)
    store.save("a", b"1")
    store.save("b", b"1")

    store.save("b", b"2")
    with pytest.raises(QuotaExceededError, match="2 saved states"):
        store.save("c", b"1")

    assert [each.name for each in store.listed()] == ["a", "b"]


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StateStore(tmp_path)
    store.save("a", b"12345")
    monkeypatch.setattr(state_store, "MAX_BYTES", 4)

    with pytest.raises(InvalidArgumentError, match="more than 4 bytes"):
        store.read("a")


def test_deleting_says_whether_there_was_one(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.save("a", b"{}")

    assert (store.delete("a"), store.delete("a")) == (True, False)


def test_nothing_is_found_where_nothing_was_saved_yet(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "states")

    assert store.listed() == []
    assert store.delete("a") is False
    with pytest.raises(InvalidArgumentError, match="No state 'a' is saved"):
        store.read("a")
    assert not (tmp_path / "states").exists()


def test_a_directory_that_cannot_be_used_is_told_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "states").write_text("a file")
    store = StateStore(tmp_path / "states")

    for act in (store.listed, lambda: store.save("a", b"{}"), lambda: store.delete("a")):
        with pytest.raises(DSPyError, match="cannot be") as caught:
            act()
        assert caught.value.code is ErrorCode.WRONG_CALL
        assert str(tmp_path) not in str(caught.value)


def test_two_names_of_one_word_cannot_be_saved_at_once(tmp_path: Path) -> None:
    """Both look for a rival before either writes, unless they take turns."""
    store, start = StateStore(tmp_path), threading.Barrier(2)
    refused: list[str] = []

    def save(name: str) -> None:
        start.wait(timeout=5)
        try:
            store.save(name, b"{}")
        except InvalidArgumentError:
            refused.append(name)

    threads = [threading.Thread(target=save, args=[name]) for name in ("a", "A")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)

    assert len(refused) == len(store.listed()) == 1


# --- other processes, which save and delete in the same directory ---------------------------------


def vanishing(store: StateStore, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let another process delete a state as soon as its name has been seen."""
    scandir = os.scandir

    @contextmanager
    def seen(folder: int) -> Iterator[list[os.DirEntry[str]]]:
        with scandir(folder) as entries:
            found = [each for each in entries if each.is_file(follow_symlinks=False)]
        os.unlink(f"{name}.json", dir_fd=folder)
        yield found

    store.save(name, b"{}")
    monkeypatch.setattr(os, "scandir", seen)


def test_a_state_that_vanishes_while_they_are_listed_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StateStore(tmp_path)
    store.save("stays", b"{}")
    vanishing(store, monkeypatch, "goes")

    assert [each.name for each in store.listed()] == ["stays"]


def test_a_state_that_vanishes_before_it_is_read_is_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StateStore(tmp_path)
    vanishing(store, monkeypatch, "goes")

    with pytest.raises(InvalidArgumentError, match="No state 'goes' is saved"):
        store.read("goes")


def test_a_state_that_vanishes_before_it_is_deleted_was_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StateStore(tmp_path)
    vanishing(store, monkeypatch, "goes")

    assert store.delete("goes") is False


def test_a_state_that_vanishes_while_it_is_replaced_is_saved_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StateStore(tmp_path)
    store.save("a", b"1")
    listed = os.listdir

    def entries(folder: int) -> list[str]:
        found = listed(folder)
        os.unlink("a.json", dir_fd=folder)
        return found

    monkeypatch.setattr(os, "listdir", entries)
    assert store.save("a", b"22").bytes == 2


def test_what_is_saved_is_told_even_if_it_vanishes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StateStore(tmp_path)
    rename = os.rename

    def renamed(draft: str, name: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        rename(draft, name, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        os.unlink(name, dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "rename", renamed)
    assert store.save("a", b"22").bytes == 2
