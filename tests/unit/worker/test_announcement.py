from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from snakepit_bridge.worker.announcement import announced


def never(_: Callable[[], None]) -> None:
    raise NotImplementedError


def test_the_port_is_told_by_file_and_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ready"
    if_killed: list[Callable[[], None]] = []

    with announced(38307, path, if_killed=if_killed.append):
        assert path.read_text() == "38307"
        assert capsys.readouterr().out == "GRPC_READY:38307\n"

    assert not path.exists()


def test_what_must_not_be_left_behind_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    if_killed: list[Callable[[], None]] = []

    with announced(1, path, if_killed=if_killed.append):
        for call in if_killed:
            call()
        assert not path.exists()


def test_without_a_file_the_line_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    with announced(7, None, if_killed=never):
        assert capsys.readouterr().out == "GRPC_READY:7\n"


def test_nobody_needs_to_read_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)

    with announced(7, None, if_killed=never):
        pass


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError),
        announced(7, tmp_path / "no" / "folder", if_killed=never),
    ):
        raise NotImplementedError
