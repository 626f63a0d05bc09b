from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.json_types import JsonValue
from snakepit_bridge.lazy_names import lazy_names


def _scope() -> dict[str, Any]:
    return {"__name__": "snakepit_bridge", "__all__": ["JsonValue"]}


def test_a_name_comes_from_its_home_and_is_kept() -> None:
    scope = _scope()
    find, _ = lazy_names(scope, {"JsonValue": "json_types"})

    assert find("JsonValue") is JsonValue
    assert scope["JsonValue"] is JsonValue


def test_a_name_without_a_home_is_refused() -> None:
    find, _ = lazy_names(_scope(), {})

    with pytest.raises(AttributeError, match="module 'snakepit_bridge' has no attribute 'nothing'"):
        find("nothing")


def test_names_that_were_not_used_yet_are_listed() -> None:
    _, names = lazy_names(_scope(), {"JsonValue": "json_types"})

    assert names() == ["JsonValue", "__all__", "__name__"]
