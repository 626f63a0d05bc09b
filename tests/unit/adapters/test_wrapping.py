from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager
from typing import Any

import pytest

from snakepit_bridge.adapters.tools import tool, tools_of
from snakepit_bridge.adapters.wrapping import enclosed

Steps = list[str]


@pytest.fixture
def steps() -> Steps:
    return []


@pytest.fixture
def enclosing(steps: Steps) -> Callable[..., AbstractContextManager[None]]:
    @contextmanager
    def enclose(name: str, *, loud: bool = False) -> Iterator[None]:
        steps.append(f"before {name} {loud}")
        try:
            yield
        finally:
            steps.append(f"after {name}")

    return enclose


def test_a_function_runs_inside(enclosing: Any, steps: Steps) -> None:
    def run(name: str, *, loud: bool = False) -> str:
        steps.append("inside")
        return f"{name} {loud}"

    wrapped = enclosed(run, enclosing)

    assert wrapped("it", loud=True) == "it True"
    assert steps == ["before it True", "inside", "after it"]
    assert wrapped.__name__ == "run"


def test_a_failure_leaves_the_block(enclosing: Any, steps: Steps) -> None:
    def run(_name: str) -> None:
        text = "no"
        raise ValueError(text)

    with pytest.raises(ValueError, match="no"):
        enclosed(run, enclosing)("it")

    assert steps[-1] == "after it"


async def test_an_async_function_runs_inside(enclosing: Any, steps: Steps) -> None:
    async def run(name: str) -> str:
        steps.append("inside")
        return name

    called = enclosed(run, enclosing)("it")

    assert steps == []
    assert await called == "it"
    assert steps == ["before it False", "inside", "after it"]


def test_a_generator_runs_inside_to_its_end(enclosing: Any, steps: Steps) -> None:
    def run(name: str) -> Iterator[str]:
        yield f"{name} 1"
        steps.append("between")
        yield f"{name} 2"

    assert list(enclosed(run, enclosing)("it")) == ["it 1", "it 2"]
    assert steps == ["before it False", "between", "after it"]


async def test_an_async_generator_runs_inside_until_it_is_closed(
    enclosing: Any, steps: Steps
) -> None:
    async def run(name: str) -> AsyncGenerator[str, None]:
        try:
            yield f"{name} 1"
            yield f"{name} 2"
        finally:
            steps.append("closed")

    async with aclosing(enclosed(run, enclosing)("it")) as items:
        assert await anext(items) == "it 1"

    assert steps == ["before it False", "closed", "after it"]


async def test_an_async_generator_runs_inside_to_its_end(enclosing: Any, steps: Steps) -> None:
    async def run(name: str) -> AsyncIterator[str]:
        yield name

    assert [item async for item in enclosed(run, enclosing)("it")] == ["it"]
    assert steps == ["before it False", "after it"]


def test_the_mark_of_a_tool_comes_along(enclosing: Any) -> None:
    @tool("Below")
    def below(_self: object) -> None:
        raise NotImplementedError

    def above(_self: object) -> None:
        raise NotImplementedError

    made = type(
        "Made",
        (),
        {"below": enclosed(below, enclosing), "above": tool("Above")(enclosed(above, enclosing))},
    )

    assert [each.description for each in tools_of(made).values()] == ["Above", "Below"]
