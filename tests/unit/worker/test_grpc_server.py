from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator

import pytest

import snakepit_bridge
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2, snakepit_bridge_pb2_grpc
from snakepit_bridge.worker import grpc_server
from snakepit_bridge.worker.grpc_server import HERE, STUBS, OwnPackage, prefer_own_package


@pytest.fixture
def _ours_first(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Finders, paths and modules are as they were, afterwards."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", [HERE, *sys.path])
    prefer_own_package()
    yield
    for name in STUBS:
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("_ours_first")
def test_our_package_is_found_before_any_path_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])

    spec = sys.meta_path[0].find_spec("snakepit_bridge", None)

    assert spec is not None
    assert spec.origin == snakepit_bridge.__file__
    assert spec.submodule_search_locations == [grpc_server.PACKAGE]


@pytest.mark.usefixtures("_ours_first")
def test_the_scripts_folder_is_no_place_to_import_from() -> None:
    assert HERE not in sys.path


@pytest.mark.usefixtures("_ours_first")
@pytest.mark.parametrize("module", [snakepit_bridge_pb2, snakepit_bridge_pb2_grpc])
def test_generated_modules_have_a_second_name_and_stay_themselves(module: object) -> None:
    full_name = module.__name__  # type: ignore[attr-defined]  # it is a module
    spec = sys.modules[full_name].__spec__

    short = importlib.import_module(full_name.rpartition(".")[2])

    assert short is module
    assert short.__spec__ is spec
    assert short.__name__ == full_name


@pytest.mark.parametrize("name", ["json", "snakepit_bridge.errors", "snakepit_bridge_launcher"])
def test_everything_else_is_found_as_ever(name: str) -> None:
    assert OwnPackage.find_spec(name) is None


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["python", "x.py", "--snakepit-run-id", "a1"], None),
        (
            ["python", "-u", "x.py", "--snakepit-run-id=a=1", "--port=0"],
            ["python", "-u", "x.py", "--snakepit-run-id", "a=1", "--port=0"],
        ),
    ],
)
def test_a_run_id_is_shown_as_a_word_of_its_own(
    words: list[str], shown: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(sys, "orig_argv", words)
    monkeypatch.setattr(os, "execv", lambda path, args: begun.append((path, args)))

    grpc_server.show_run_id()

    assert begun == ([] if shown is None else [(sys.executable, shown)])
