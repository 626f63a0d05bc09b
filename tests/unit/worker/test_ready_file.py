from __future__ import annotations

from pathlib import Path

import pytest

from snakepit_bridge.worker.ready_file import remove_ready_file, write_ready_file


def test_the_file_holds_the_port_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "snakepit_ready_w_1"

    write_ready_file(path, 38307)

    assert path.read_bytes() == b"38307"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_put_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    (path / "by a folder").mkdir(parents=True)

    with pytest.raises(OSError, match="taken"):
        write_ready_file(path, 1)

    assert list(tmp_path.iterdir()) == [path]


def test_only_the_own_file_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    write_ready_file(path, 1)

    remove_ready_file(path, 2)
    assert path.exists()

    remove_ready_file(path, 1)
    assert not path.exists()


def test_a_file_that_elixir_has_removed_is_not_missed(tmp_path: Path) -> None:
    remove_ready_file(tmp_path / "gone", 1)
