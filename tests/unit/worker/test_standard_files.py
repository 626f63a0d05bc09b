from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from snakepit_bridge.worker.standard_files import open_standard_files


@contextmanager
def closed(number: int) -> Iterator[None]:
    """One of the standard files is closed."""
    before, was_inherited = os.dup(number), os.get_inheritable(number)
    os.close(number)
    try:
        yield
    finally:
        os.dup2(before, number, was_inherited)
        os.close(before)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_null_device_takes_the_place_of_a_standard_file_that_is_closed(number: int) -> None:
    with closed(number):
        open_standard_files()

        assert os.path.samestat(os.fstat(number), os.stat(os.devnull))  # noqa: PTH116
        assert os.get_inheritable(number)


def test_standard_files_that_are_open_stay_what_they_are() -> None:
    before = [os.fstat(number) for number in range(3)]

    open_standard_files()

    after = [os.fstat(number) for number in range(3)]
    assert [(each.st_dev, each.st_ino) for each in after] == [
        (each.st_dev, each.st_ino) for each in before
    ]
