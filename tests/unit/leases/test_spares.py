from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.leases.folder import Folder, open_folder
from snakepit_bridge.leases.spares import IDLE_S, LARGEST, MOST, SMALLEST, Spares

SIZE = 2 * SMALLEST


class Reserving:
    """Makes files as a store does."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.error: OSError | None = None

    def __call__(self, folder: Folder, size: int) -> str:
        if self.error is not None:
            raise self.error
        name = f"spare-{len(self.names)}"
        (folder.path / name).write_bytes(b"")
        self.names.append(name)
        return name


class Later(Executor):
    """Does what it was asked to when the test wants it."""

    def __init__(self) -> None:
        self._asked: list[Callable[[], object]] = []

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._asked.append(partial(call, *args, **kwargs))
        return Future()

    def do_all(self) -> None:
        asked, self._asked = self._asked, []
        for call in asked:
            call()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = open_folder(tmp_path)
    yield folder
    folder.close()


@pytest.fixture
def reserving() -> Reserving:
    return Reserving()


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def spares(reserving: Reserving, later: Later) -> Spares:
    return Spares(reserving, executor=later)


def _files(folder: Folder) -> set[str]:
    return {each.name for each in folder.path.iterdir()}


def test_who_asks_for_one_size_again_finds_it_ready(
    spares: Spares, reserving: Reserving, later: Later, folder: Folder
) -> None:
    assert spares.take(folder, SIZE, now=0.0) is None
    assert spares.take(folder, SIZE, now=0.0) is None
    later.do_all()
    assert len(reserving.names) == MOST

    found = {spares.take(folder, SIZE, now=0.0) for _ in range(MOST)}

    assert found == set(reserving.names)
    assert spares.take(folder, SIZE, now=0.0) is None


def test_what_was_taken_is_replaced(spares: Spares, later: Later, folder: Folder) -> None:
    given = []
    for _ in range(10):
        given.append(spares.take(folder, SIZE, now=0.0))
        later.do_all()

    assert given[:2] == [None, None]
    assert None not in given[2:]
    assert len(set(given[2:])) == 8


@pytest.mark.parametrize("size", [0, SMALLEST - 1, LARGEST + 1])
def test_it_is_not_worth_it_for_every_size(
    spares: Spares, reserving: Reserving, later: Later, folder: Folder, size: int
) -> None:
    for _ in range(3):
        assert spares.take(folder, size, now=0.0) is None
        later.do_all()

    assert reserving.names == []


def test_another_size_takes_the_place_of_the_last(
    spares: Spares, reserving: Reserving, later: Later, folder: Folder
) -> None:
    for _ in range(2):
        spares.take(folder, SIZE, now=0.0)
        later.do_all()

    assert spares.take(folder, SIZE + 1, now=0.0) is None

    assert len(reserving.names) == MOST
    assert _files(folder) == set()


def test_a_file_that_comes_when_nobody_wants_its_size_any_more_is_removed(
    spares: Spares, reserving: Reserving, later: Later, folder: Folder
) -> None:
    spares.take(folder, SIZE, now=0.0)
    spares.take(folder, SIZE, now=0.0)
    spares.take(folder, SIZE + 1, now=0.0)

    later.do_all()

    assert len(reserving.names) == MOST
    assert _files(folder) == set()


def test_idle_files_are_removed(
    spares: Spares, reserving: Reserving, later: Later, folder: Folder
) -> None:
    spares.take(folder, SIZE, now=0.0)
    spares.take(folder, SIZE, now=100.0)
    later.do_all()

    spares.clear_idle(now=100.0 + IDLE_S - 1)
    assert _files(folder) == set(reserving.names)
    spares.clear_idle(now=100.0 + IDLE_S)

    assert _files(folder) == set()


def test_no_room_for_spare_files_is_nobodys_trouble(
    spares: Spares, reserving: Reserving, later: Later, folder: Folder
) -> None:
    reserving.error = OSError("full")

    for _ in range(3):
        assert spares.take(folder, SIZE, now=0.0) is None
        later.do_all()


def test_files_are_made_on_a_thread_that_ends_with_the_store(folder: Folder) -> None:
    made_on: list[str] = []

    def reserve(folder: Folder, size: int) -> str:
        made_on.append(threading.current_thread().name)
        return f"spare-{size}-{len(made_on)}-{folder.path.name}"

    spares = Spares(reserve)
    spares.take(folder, SIZE, now=0.0)
    spares.take(folder, SIZE, now=0.0)
    spares.close()
    spares.close()

    assert all(name.startswith("bridge-spares") for name in made_on)
    assert not any(each.name.startswith("bridge-spares") for each in threading.enumerate())


def test_one_that_was_never_asked_clears_and_closes() -> None:
    spares = Spares(Reserving())

    spares.clear_idle(now=IDLE_S)
    spares.close()
