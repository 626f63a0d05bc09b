from __future__ import annotations

import json
import logging
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from snakepit_bridge.adapters.base import BaseAdapter
from snakepit_bridge.adapters.registration import tool_registrations
from snakepit_bridge.adapters.tools import tool
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb

if TYPE_CHECKING:
    from fractions import Fraction


class Foo:
    pass


class Full(BaseAdapter):
    @tool("Find things", supports_streaming=True, required_variables=["key", "place"])
    def search(
        self, query: str, limit: int = 10, *more: Any, fuzzy: float = 1.5, **rest: Any
    ) -> Any:
        """Not shown, for the mark has a description.

        Args:
            query: What to find.
            rest: Ignored.
        """
        raise NotImplementedError

    @tool()
    def about(self) -> None:
        """Tell of it.

        In two paragraphs.
        """

    @tool()
    def bare(self, anything) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        raise NotImplementedError


def only(cls: type) -> pb.ToolRegistration:
    (registration,) = tool_registrations(cls)
    return registration


def adapter_with(method: Callable[..., Any], name: str = "run", **mark: Any) -> type:
    return type("Made", (BaseAdapter,), {name: tool(**mark)(method)})


def parameter(annotation: Any) -> pb.ParameterSpec:
    def run(_self: object, value) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        raise NotImplementedError

    run.__annotations__["value"] = annotation
    (spec,) = only(adapter_with(run)).parameters
    return spec


def with_default(value: Any) -> pb.ParameterSpec:
    def run(_self: object, value: Any = value) -> None:
        raise NotImplementedError

    (spec,) = only(adapter_with(run)).parameters
    return spec


# --- what is told ------------------------------------------------------------------------------


def test_tools_come_from_a_to_z_of_a_class_as_of_its_objects() -> None:
    assert [each.name for each in tool_registrations(Full)] == ["about", "bare", "search"]
    assert tool_registrations(Full()) == tool_registrations(Full)


def test_the_description_is_that_of_the_mark_or_else_the_docstring_as_it_stands() -> None:
    about, bare, search = tool_registrations(Full)

    assert search.description == "Find things"
    assert about.description == Full.about.__doc__
    assert bare.description == ""


def test_metadata_tells_where_the_tool_comes_from_and_what_it_needs() -> None:
    about, _, search = tool_registrations(Full)

    assert dict(about.metadata) == {"adapter_class": "Full", "module": __name__}
    assert search.metadata["required_variables"] == "key,place"
    assert (about.supports_streaming, search.supports_streaming) == (False, True)


@pytest.mark.defect("D19")
def test_parameters_are_those_that_a_caller_gives_by_name() -> None:
    """Starred ones were once told as required parameters of those names."""
    search = tool_registrations(Full)[2]

    assert [each.name for each in search.parameters] == ["query", "limit", "fuzzy"]
    assert [each.required for each in search.parameters] == [True, False, False]
    assert [each.validation_json for each in search.parameters] == [
        "",
        '{"default": 10}',
        '{"default": 1.5}',
    ]
    assert not any(each.HasField("default_value") for each in search.parameters)


def test_a_parameter_is_described_by_the_docstring() -> None:
    search = tool_registrations(Full)[2]

    assert [each.description for each in search.parameters] == ["What to find.", "", ""]


def test_static_and_class_methods_have_no_object_to_leave_out() -> None:
    class Loose(BaseAdapter):
        @tool()
        @staticmethod
        def fixed(first: int) -> None:
            """Static."""

        @tool()
        @classmethod
        def of_class(cls, second: int) -> None:
            """Of the class."""

    fixed, of_class = tool_registrations(Loose)

    assert [each.name for each in fixed.parameters] == ["first"]
    assert [each.name for each in of_class.parameters] == ["second"]
    assert [fixed.description, of_class.description] == ["Static.", "Of the class."]


def test_an_adapter_that_looks_at_names_itself_is_told_as_one_more_tool() -> None:
    class Legacy(BaseAdapter):
        def execute_tool(self, tool_name: str, arguments: Mapping[str, Any], context: Any) -> Any:
            raise NotImplementedError

        @tool()
        def find(self) -> None:
            raise NotImplementedError

    legacy, find = tool_registrations(Legacy)

    assert find.name == "find"
    assert legacy == pb.ToolRegistration(
        name="execute_tool", description="Legacy tool execution method"
    )


@pytest.mark.defect("D8")
def test_the_execute_tool_that_every_adapter_inherits_is_no_tool() -> None:
    assert tool_registrations(BaseAdapter) == []


def test_an_execute_tool_that_is_marked_itself_is_told_once() -> None:
    class Marked(BaseAdapter):
        @tool("Mine")
        def execute_tool(self, tool_name: str, arguments: Mapping[str, Any], context: Any) -> Any:
            raise NotImplementedError

    assert only(Marked).description == "Mine"


# --- types -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "text", "type_name"),
    [
        (int, "int", "int"),
        (str, "str", "str"),
        (list[int], "list[int]", "list"),
        (typing.Dict[str, Any], "typing.Dict[str, Any]", "dict"),  # noqa: UP006
        (typing.Optional[int], "typing.Optional[int]", "optional"),  # noqa: UP045
        (int | None, "int | None", "int | none"),
        (Any, "Any", "any"),
        (None, "None", "none"),
        (Callable[[int], str], "Callable[[int], str]", "callable"),
        (Foo, "Foo", "foo"),
    ],
)
def test_a_type_has_the_same_name_as_an_object_or_as_a_text(
    annotation: Any, text: str, type_name: str
) -> None:
    assert parameter(annotation).type == type_name
    assert parameter(text).type == type_name


def test_a_parameter_without_a_type_takes_anything() -> None:
    (spec,) = tool_registrations(Full)[1].parameters

    assert spec.type == "any"


@pytest.mark.parametrize(
    ("text", "type_name"),
    [
        ("Nowhere", "nowhere"),
        ("nowhere.Thing", "thing"),
        ("Optional[Nowhere]", "optional"),
        ("Nowhere | None", "nowhere | none"),
        ("Foo.Inner", "inner"),
        ("not python", "not python"),
        ("Foo[int]", "foo"),
    ],
)
def test_a_type_that_is_not_there_keeps_its_name(text: str, type_name: str) -> None:
    assert parameter(text).type == type_name


def test_one_type_that_is_not_there_spoils_no_other() -> None:
    class Mixed(BaseAdapter):
        @tool()
        def run(self, part: Fraction, whole: typing.Optional[int]) -> None:  # noqa: UP045
            raise NotImplementedError

    assert [each.type for each in only(Mixed).parameters] == ["fraction", "optional"]


# --- defaults ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 1.5, "text", [1, {"a": True}]])
def test_a_default_is_told_as_json(value: Any) -> None:
    spec = with_default(value)

    assert json.loads(spec.validation_json) == {"default": value}
    assert not spec.required


@pytest.mark.defect("D20")
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({1}, {"default": "{1}"}),
        (float("inf"), {"default": "inf"}),
        (b"x" * 300, {"default": "b'" + "x" * 198}),
    ],
)
def test_a_default_without_json_is_told_as_its_text(value: Any, told: Any) -> None:
    assert json.loads(with_default(value).validation_json) == told


@pytest.mark.defect("D20")
def test_a_default_that_has_only_an_address_is_not_told() -> None:
    spec = with_default(object())

    assert spec.validation_json == ""
    assert not spec.required


def test_a_default_that_holds_itself_is_told_as_its_text() -> None:
    value: list[Any] = []
    value.append(value)

    assert json.loads(with_default(value).validation_json) == {"default": "[[...]]"}


# --- what Elixir would refuse ------------------------------------------------------------------


def run_nothing(_self: object) -> None:
    raise NotImplementedError


@pytest.mark.parametrize("name", ["_private", "über", "x" * 65, "two words", "end\n"])
def test_a_name_that_elixir_refuses_costs_no_other_tool(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    marked = {name: tool()(run_nothing), "x" * 64: tool()(run_nothing)}

    (kept,) = tool_registrations(type("Made", (BaseAdapter,), marked))

    assert kept.name == "x" * 64
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert repr(name) in record.getMessage()


@pytest.mark.parametrize(("letters", "is_told"), [(3966, True), (3967, False)])
def test_metadata_stays_within_what_elixir_takes(letters: int, *, is_told: bool) -> None:
    """In Erlang's format a map takes 6 bytes, each text 5 more than it has letters."""
    cls = type("Made", (BaseAdapter,), {"__module__": "m" * 20})
    cls.run = tool(required_variables=["v" * letters])(run_nothing)  # type: ignore[attr-defined]

    assert ("required_variables" in only(cls).metadata) is is_told
    assert only(cls).metadata["adapter_class"] == "Made"


def test_a_tool_whose_own_code_fails_costs_no_other_tool(caplog: pytest.LogCaptureFixture) -> None:
    class Shy:
        def __repr__(self) -> str:
            text = "no"
            raise OSError(text)

    def shy(_self: object, value: Any = Shy()) -> None:  # noqa: B008  (the case)
        raise NotImplementedError

    marked = {"shy": tool()(shy), "fine": tool()(run_nothing)}

    assert only(type("Made", (BaseAdapter,), marked)).name == "fine"
    assert "tool 'shy' of Made was left out" in caplog.text
