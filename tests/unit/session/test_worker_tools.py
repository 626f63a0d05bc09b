from __future__ import annotations

import pytest

from snakepit_bridge.errors import InvalidArgumentError, QuotaExceededError
from snakepit_bridge.session.worker_tools import DUPLICATE, WorkerTool, WorkerTools


def _tools(*names: str, worker_id: str = "w1") -> list[WorkerTool]:
    return [WorkerTool(name=name, worker_id=worker_id) for name in names]


def _names(tools: WorkerTools, session_id: str = "s") -> list[str]:
    return [tool.name for tool in tools.listed(session_id)]


def test_registered_tools_are_listed_by_name_until_the_session_ends() -> None:
    tools = WorkerTools()
    tools.register("s", _tools("b", "a"))
    tools.register("other", _tools("c"))

    assert _names(tools) == ["a", "b"]
    tools.forget_session("s")
    tools.forget_session("never was")
    assert (_names(tools), _names(tools, "other")) == ([], ["c"])


@pytest.mark.parametrize("name", ["a", "A.b-c_d9", "9", "a" * 64])
def test_a_name_is_of_letters_digits_and_three_signs(name: str) -> None:
    tools = WorkerTools()

    tools.register("s", _tools(name))

    assert _names(tools) == [name]


@pytest.mark.parametrize("name", ["", "_a", ".a", "a b", "a/b", "ä", "a" * 65, "a\n"])
def test_other_names_are_refused_and_nothing_is_registered(name: str) -> None:
    tools = WorkerTools()

    with pytest.raises(InvalidArgumentError, match="is not possible"):
        tools.register("s", _tools("fine", name))

    assert _names(tools) == []


@pytest.mark.parametrize("metadata", [{str(key): "" for key in range(33)}, {"k": "ö" * 2048}])
def test_too_much_metadata_is_refused(metadata: dict[str, str]) -> None:
    tool = WorkerTool(name="a", worker_id="w1", metadata=metadata)

    with pytest.raises(InvalidArgumentError, match="has metadata of"):
        WorkerTools().register("s", [tool])


def test_a_worker_may_register_its_own_tools_again() -> None:
    tools = WorkerTools()
    tools.register("s", _tools("a"))

    tools.register("s", [WorkerTool(name="a", worker_id="w1", description="new")])

    assert [tool.description for tool in tools.listed("s")] == ["new"]


def test_the_tool_of_another_worker_keeps_its_name() -> None:
    tools = WorkerTools()
    tools.register("s", _tools("a"))

    with pytest.raises(InvalidArgumentError) as caught:
        tools.register("s", _tools("b", "a", worker_id="w2"))

    assert caught.value.message.startswith(DUPLICATE)
    assert "'w1'" in caught.value.message
    assert _names(tools) == ["a"]


def test_a_session_has_only_so_many_tools() -> None:
    tools = WorkerTools(limit=2)
    tools.register("s", _tools("a", "b"))
    tools.register("s", _tools("b"))

    with pytest.raises(QuotaExceededError, match="has 2 tools"):
        tools.register("s", _tools("c"))
    assert _names(tools) == ["a", "b"]
