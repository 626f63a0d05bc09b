from __future__ import annotations

import importlib
import importlib.metadata

import pytest

import snakepit_bridge


@pytest.mark.parametrize("name", sorted(snakepit_bridge.__all__))
def test_a_public_name_is_the_thing_itself_from_its_own_module(name: str) -> None:
    value = getattr(snakepit_bridge, name)

    module = getattr(value, "__module__", None)
    if module is not None:
        assert getattr(importlib.import_module(module), name) is value


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="'snakepit_bridge' has no attribute 'Nothing'"):
        _ = snakepit_bridge.Nothing


def test_dir_lists_names_that_nobody_has_used_yet() -> None:
    assert set(snakepit_bridge.__all__) <= set(dir(snakepit_bridge))


def test_the_version_is_that_of_the_distribution() -> None:
    try:
        installed = importlib.metadata.version("snakepit-bridge")
    except importlib.metadata.PackageNotFoundError:
        installed = snakepit_bridge.__version__  # run from the folder

    assert installed == snakepit_bridge.__version__


@pytest.mark.parametrize("name", ["snakepit_bridge_pb2", "snakepit_bridge_pb2_grpc"])
def test_the_generated_code_has_the_names_that_snakepits_users_import(name: str) -> None:
    ours = importlib.import_module(f"snakepit_bridge.grpc._generated.{name}")

    assert importlib.import_module(name) is ours
