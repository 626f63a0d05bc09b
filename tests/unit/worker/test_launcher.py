from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import snakepit_bridge
import snakepit_bridge_launcher as launcher


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What would have been started in the place of this process."""
    started: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(os, "execv", lambda path, args: started.append((path, args)))
    return started


@pytest.mark.parametrize("script", ["grpc_server.py", "grpc_server_threaded.py"])
def test_a_script_of_snakepits_is_answered_with_our_worker(
    script: str, begun: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/deps/snakepit/priv/python/{script}"
    monkeypatch.setattr(sys, "argv", ["launcher", path, "--port", "0"])

    launcher.main()

    python = sys.executable
    told = ["-P", launcher.WORKER, "--snakepit-script", path, "--port", "0"]
    assert begun == [(python, [python, *told])]


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["-c", "import grpc"],
        ["-c", "grpc_server.py"],
        ["my_grpc_server.py"],
        ["grpc_server.py/x.py", "grpc_server.py"],
    ],
)
def test_everything_else_is_for_the_plain_interpreter(
    args: list[str], begun: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["launcher", *args])

    launcher.main()

    assert begun == [(sys.executable, [sys.executable, *args])]


def test_the_worker_is_that_of_the_package_beside_the_launcher() -> None:
    assert Path(launcher.WORKER).is_file()
    assert Path(launcher.WORKER).parent.parent == Path(snakepit_bridge.__file__).parent


def test_nothing_of_the_package_is_imported_by_the_launcher() -> None:
    source = Path(launcher.__file__).read_text()

    assert "import snakepit_bridge" not in source
    assert "from snakepit_bridge" not in source
