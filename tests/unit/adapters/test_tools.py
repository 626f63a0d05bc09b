from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest

from snakepit_bridge.adapters.base import BaseAdapter
from snakepit_bridge.adapters.tools import ToolMetadata, overrides_execute_tool, tool, tools_of


class Shelf(BaseAdapter):
    def __init__(self) -> None:
        super().__init__()
        self.things = ["vase"]
        self.loose = lambda: "an attribute of the object"

    @tool(description="Put a thing on the shelf")
    def put(self, thing: str, tool_name: str = "hand") -> str:
        return f"{thing} by {tool_name}"

    @tool()
    async def put_later(self, thing: str) -> str:
        return thing

    @tool(supports_streaming=True)
    def each(self) -> Iterator[str]:
        yield from self.things

    @tool(supports_streaming=True)
    async def each_later(self) -> AsyncIterator[str]:
        for thing in self.things:
            yield thing

    @tool()
    @staticmethod
    def fixed() -> str:
        return "static"

    @tool()
    @classmethod
    def of_class(cls) -> str:
        return cls.__name__

    @tool()
    def _hidden_tool(self) -> str:
        return "hidden"

    def count(self) -> int:
        return len(self.things)

    @classmethod
    def kind(cls) -> str:
        return "kind"

    @property
    def size(self) -> int:
        raise NotImplementedError

    def cleanup(self) -> None:
        raise NotImplementedError

    def _secret(self) -> None:
        raise NotImplementedError

    class Label:
        pass


# --- the mark ----------------------------------------------------------------------------------


def test_the_mark_leaves_a_function_as_it_is() -> None:
    def run() -> None:
        raise NotImplementedError

    marked = tool("Runs", supports_streaming=True, required_variables=("speed",))(run)

    assert marked is run
    assert vars(run)["_tool_metadata"] == ToolMetadata(
        description="Runs",
        supports_streaming=True,
        parameters=[],
        required_variables=["speed"],
    )


def test_the_mark_is_refused_without_parentheses() -> None:
    def run() -> None:
        raise NotImplementedError

    with pytest.raises(TypeError, match=r"write @tool\(\)"):
        tool(run)  # type: ignore[arg-type]  # the mistake


def test_the_tools_of_a_class_come_by_name_from_a_to_z_without_running_its_code() -> None:
    assert list(tools_of(Shelf)) == [
        "_hidden_tool",
        "each",
        "each_later",
        "fixed",
        "of_class",
        "put",
        "put_later",
    ]
    assert tools_of(Shelf)["put"].description == "Put a thing on the shelf"


def test_the_mark_may_stand_below_what_makes_a_method_static_or_of_its_class() -> None:
    class Loose(BaseAdapter):
        @staticmethod
        @tool("Static")
        def fixed() -> str:
            return "static"

        @classmethod
        @tool("Of the class")
        def of_class(cls) -> str:
            return cls.__name__

    assert [each.description for each in tools_of(Loose).values()] == ["Static", "Of the class"]
    assert Loose().execute_tool("fixed", {}, None) == "static"
    assert Loose().execute_tool("of_class", {}, None) == "Loose"


def test_a_plain_class_has_tools_too() -> None:
    class Plain:
        @tool()
        def run(self) -> None:
            raise NotImplementedError

    assert list(tools_of(Plain)) == ["run"]
    assert not overrides_execute_tool(Plain)


def test_tools_are_inherited_unless_they_are_overridden_without_the_mark() -> None:
    class Other(Shelf):
        def put(self, thing: str, tool_name: str = "hand") -> str:
            raise NotImplementedError

    assert "put" not in tools_of(Other)
    assert "each" in tools_of(Other)


def test_a_decorator_that_wraps_a_tool_keeps_it_one() -> None:
    def loud(function: Callable[..., str]) -> Callable[..., str]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> str:
            return function(*args, **kwargs).upper()

        return wrapper

    class Loud(BaseAdapter):
        @loud
        @tool("Says it")
        def say(self, text: str) -> str:
            return text

    assert tools_of(Loud)["say"].description == "Says it"
    assert Loud().execute_tool("say", {"text": "hi"}, None) == "HI"


def test_something_that_answers_to_every_name_is_no_tool() -> None:
    class Anything:
        def __getattr__(self, name: str) -> str:
            return name

        def __call__(self) -> None:
            raise NotImplementedError

    class Holder:
        anything = Anything()

    assert tools_of(Holder) == {}


# --- execute_tool ------------------------------------------------------------------------------


@pytest.mark.defect("D8")
async def test_an_adapter_with_marked_methods_alone_answers_calls() -> None:
    shelf = Shelf()

    assert shelf.execute_tool("put", {"thing": "cup", "tool_name": "crane"}, None) == "cup by crane"
    assert await shelf.execute_tool("put_later", {"thing": "cup"}, None) == "cup"
    assert list(shelf.execute_tool("each", {}, None)) == ["vase"]
    assert [thing async for thing in shelf.execute_tool("each_later", {}, None)] == ["vase"]
    assert shelf.execute_tool("fixed", {}, None) == "static"
    assert shelf.execute_tool("of_class", {}, None) == "Shelf"


def test_wrong_arguments_are_told_by_the_method_itself() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'thing'"):
        Shelf().execute_tool("put", {}, None)


@pytest.mark.defect("D25")
@pytest.mark.parametrize(
    "name",
    ["__class__", "call_tool", "cleanup", "count", "get_tools", "loose", "size", "things", ""],
)
def test_a_call_over_the_wire_reaches_marked_methods_alone(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        Shelf().execute_tool(name, {}, None)

    assert str(caught.value).startswith(f"Tool {name!r} not found in Shelf")


def test_an_unknown_tool_is_answered_with_the_nearest_one_among_the_others() -> None:
    with pytest.raises(AttributeError) as caught:
        Shelf().execute_tool("putt", {}, None)

    assert str(caught.value) == (
        "Tool 'putt' not found in Shelf. Did you mean 'put'? "
        "Its tools: _hidden_tool, each, each_later, fixed, of_class, put, put_later."
    )


def test_the_author_of_an_unmarked_method_is_told_of_the_mark() -> None:
    with pytest.raises(AttributeError, match=r"^Tool 'count' not found in Shelf\. Mark it with @t"):
        Shelf().execute_tool("count", {}, None)


def test_an_adapter_without_tools_says_so() -> None:
    with pytest.raises(AttributeError) as caught:
        BaseAdapter().execute_tool("run", {}, None)

    assert str(caught.value) == "Tool 'run' not found in BaseAdapter. It has no tools."


def test_of_many_tools_some_are_named() -> None:
    def run(_self: object) -> None:
        raise NotImplementedError

    marked = {f"tool_{number:02}": tool()(run) for number in range(21)}
    many = type("Many", (BaseAdapter,), marked)

    with pytest.raises(AttributeError) as caught:
        many().execute_tool("nothing of the kind", {}, None)

    assert str(caught.value).endswith("tool_18, tool_19, ....")


def test_an_execute_tool_of_ones_own_is_told_from_the_inherited_one() -> None:
    class Own(BaseAdapter):
        def execute_tool(self, tool_name: str, arguments: Mapping[str, Any], context: Any) -> Any:
            raise NotImplementedError

    class OwnOfAPlainClass:
        def execute_tool(self, tool_name: str, arguments: Mapping[str, Any], context: Any) -> Any:
            raise NotImplementedError

    assert overrides_execute_tool(Own)
    assert overrides_execute_tool(type("Heir", (Own,), {}))
    assert overrides_execute_tool(OwnOfAPlainClass)
    assert not overrides_execute_tool(BaseAdapter)
    assert not overrides_execute_tool(Shelf)


# --- call_tool ---------------------------------------------------------------------------------


def test_an_adapter_calls_its_tools_by_name() -> None:
    """A tool may have a parameter called ``tool_name``: the name of the tool is positional."""
    assert Shelf().call_tool("put", thing="cup", tool_name="crane") == "cup by crane"
    assert Shelf().call_tool("_hidden_tool") == "hidden"


def test_an_adapter_calls_public_methods_of_its_own_by_name() -> None:
    class Taller(Shelf):
        pass

    assert Taller().call_tool("count") == 1
    assert Taller().call_tool("kind") == "kind"


@pytest.mark.defect("D25")
@pytest.mark.parametrize(
    "name",
    [
        "Label",
        "__class__",
        "__init__",
        "_secret",
        "call_tool",
        "cleanup",
        "execute_tool",
        "get_tools",
        "initialize",
        "loose",
        "nothing",
        "register_with_session",
        "session_context",
        "session_id",
        "set_session_context",
        "size",
        "things",
    ],
)
def test_call_tool_reaches_nothing_but_tools_and_such_methods(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        Shelf().call_tool(name)

    assert str(caught.value).startswith(f"Tool {name!r} not found in Shelf")
