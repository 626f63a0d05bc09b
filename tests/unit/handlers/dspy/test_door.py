from __future__ import annotations

import os
import sys
import threading
from types import ModuleType
from typing import Any

import pytest

from snakepit_bridge.errors import DSPyError, ErrorCode
from snakepit_bridge.handlers.dspy.door import DSPyDoor


def library(version: str) -> Any:
    """Something that looks like DSPy to the door, and notes what is asked of it."""
    module: Any = ModuleType("dspy")
    module.__version__ = version
    module.asked = []
    module.configure_cache = lambda **options: module.asked.append(options)
    return module


def test_the_real_library_comes_through_the_door() -> None:
    door = DSPyDoor()
    assert not door.is_open

    dspy = door.open()

    assert dspy is sys.modules["dspy"]
    assert door.is_open


def test_litellm_is_told_to_stay_off_the_network_before_it_is_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LITELLM_LOCAL_MODEL_COST_MAP", raising=False)
    seen: list[str | None] = []

    def importer(_: str) -> Any:
        seen.append(os.environ.get("LITELLM_LOCAL_MODEL_COST_MAP"))
        return library("3.4.1")

    DSPyDoor(importer=importer).open()

    assert seen == ["True"]


def test_a_second_opening_imports_nothing() -> None:
    imported: list[str] = []

    def importer(name: str) -> Any:
        imported.append(name)
        return library("3.4.1")

    door = DSPyDoor(importer=importer)
    assert door.open() is door.open()

    assert imported == ["dspy"]


@pytest.mark.parametrize("cache_dir", [None, "/var/cache/answers"])
def test_answers_are_kept_only_where_the_operator_says(cache_dir: str | None) -> None:
    module = library("3.4.1")

    DSPyDoor(importer=lambda _: module, cache_dir=cache_dir).open()

    assert module.asked == [
        {
            "enable_disk_cache": cache_dir is not None,
            "enable_memory_cache": cache_dir is not None,
            "disk_cache_dir": cache_dir,
            "restrict_pickle": True,
        }
    ]


def test_a_cache_that_somebody_chose_before_stays() -> None:
    module = library("3.4.1")
    module.cache = chosen = object()

    DSPyDoor(importer=lambda _: module).open()

    assert module.cache is chosen
    assert module.asked == []


def test_a_missing_library_is_answered_with_how_to_install_it() -> None:
    def importer(_: str) -> Any:
        raise ModuleNotFoundError("No module named 'dspy'", name="dspy")

    with pytest.raises(DSPyError, match="not installed") as caught:
        DSPyDoor(importer=importer).open()

    assert caught.value.code is ErrorCode.WRONG_CALL
    assert "pip install 'snakepit-bridge[dspy]'" in caught.value.hint
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    "failure",
    [
        ModuleNotFoundError("No module named 'litellm'", name="litellm"),
        ImportError("cannot import name 'x'"),
    ],
)
def test_a_library_that_cannot_be_imported_is_not_called_missing(failure: ImportError) -> None:
    def importer(_: str) -> Any:
        raise failure

    with pytest.raises(DSPyError, match="cannot be imported") as caught:
        DSPyDoor(importer=importer).open()

    assert str(failure) in caught.value.message
    assert caught.value.__cause__ is failure


@pytest.mark.parametrize("version", ["2.6.27", "3.3.9", "4.0.0", "nightly"])
def test_another_version_is_answered_with_the_one_to_install(version: str) -> None:
    door = DSPyDoor(importer=lambda _: library(version))

    with pytest.raises(DSPyError, match=version) as caught:
        door.open()

    assert caught.value.code is ErrorCode.WRONG_CALL
    assert "dspy>=3.4,<4" in caught.value.hint
    assert not door.is_open


@pytest.mark.parametrize("version", ["3.4.0", "3.4.1rc1", "3.10.2"])
def test_the_versions_it_was_made_for_pass(version: str) -> None:
    assert DSPyDoor(importer=lambda _: library(version)).open().__version__ == version


def test_modules_of_the_library_are_imported_through_the_door() -> None:
    imported: list[str] = []

    def importer(name: str) -> Any:
        imported.append(name)
        return library("3.4.1")

    door = DSPyDoor(importer=importer)
    door.import_module("dspyish")
    assert not door.is_open
    door.import_module("dspy.predict")

    assert imported == ["dspyish", "dspy", "dspy.predict"]


def test_threads_that_come_together_all_get_the_library() -> None:
    everybody = threading.Barrier(8)
    module = library("3.4.1")

    def importer(_: str) -> Any:
        everybody.wait(timeout=5)
        return module

    door = DSPyDoor(importer=importer)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(door.open())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)

    assert found == [module] * 8
