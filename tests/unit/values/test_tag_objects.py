from __future__ import annotations

import pickle

import pytest

from snakepit_bridge.values.tag_objects import HostFunction


def test_a_function_of_the_host_is_described_by_its_tool_alone() -> None:
    function = HostFunction(tool="weather")

    assert (function.tool, function.callback_id, function.arity) == ("weather", "", None)


def test_a_function_of_the_host_may_be_a_key_and_cannot_change() -> None:
    function = HostFunction(tool="t", callback_id="c", arity=1)

    assert {function: 1}[HostFunction(tool="t", callback_id="c", arity=1)] == 1
    with pytest.raises(AttributeError):
        function.tool = "u"  # type: ignore[misc]  # that it cannot is the point


def test_a_function_of_the_host_reaches_another_process() -> None:
    function = HostFunction(tool="t", arity=1)

    assert pickle.loads(pickle.dumps(function)) == function
