from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.binding import Binder, OpenBinder, binder_for
from snakepit_bridge.session.context import Session

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForTheTypeChecker


class Colour(Enum):
    RED = "red"


class Point(msgspec.Struct):
    x: int
    y: int = 0


class Picky(msgspec.Struct):
    x: int

    def __post_init__(self) -> None:
        raise ValueError


class Typed:
    def shapes(
        self,
        session: Session,
        *,
        name: str,
        times: int = 1,
        ratio: float = 0.5,
        point: Point | None = None,
    ) -> None:
        raise NotImplementedError


def _binder(method: Callable[..., Any]) -> Binder:
    binder = binder_for(method)
    assert isinstance(binder, Binder)
    return binder


SHAPES = _binder(Typed().shapes)


# --- binding ------------------------------------------------------------------------------------


def test_arguments_become_what_the_method_wants() -> None:
    bound = SHAPES.bind("shapes", {"name": "a", "ratio": 1, "point": {"x": 1, "y": 2}})

    assert bound == {"name": "a", "ratio": 1.0, "point": Point(1, 2)}
    assert type(bound["ratio"]) is float


def test_every_wrong_argument_is_named_at_once() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        SHAPES.bind("shapes", {"nmae": "a", "zzz": 1, "times": "two", "point": {"x": "no"}})

    assert caught.value.details["command"] == "shapes"
    assert caught.value.details["arguments"] == {
        "nmae": "is unknown (did you mean 'name'?)",
        "zzz": "is unknown",
        "times": "is wrong: expected `int`, got `str`",
        "point": "is wrong: expected `int`, got `str` at .x",
        "name": "is missing",
    }
    for name in ("nmae", "zzz", "times", "point", "name"):
        assert repr(name) in caught.value.message
    assert caught.value.hint == "It takes: name, times?, ratio?, point?."


@pytest.mark.parametrize(
    ("name", "value"),
    [("times", True), ("times", 1.5), ("times", None), ("name", 1), ("name", b"x"), ("ratio", "1")],
)
def test_a_value_of_another_type_is_not_bent_until_it_fits(name: str, value: object) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        SHAPES.bind("shapes", {"name": "a", name: value})

    assert list(caught.value.details["arguments"]) == [name]


def test_a_method_without_parameters_says_so() -> None:
    def nothing(session: Session) -> None:
        raise NotImplementedError

    with pytest.raises(InvalidArgumentError) as caught:
        _binder(nothing).bind("nothing", {"x": 1})

    assert caught.value.hint == "It takes no arguments."


def test_a_parameter_without_a_type_takes_anything() -> None:
    def untyped(session, *, x) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        raise NotImplementedError

    value = object()

    assert _binder(untyped).bind("untyped", {"x": value}) == {"x": value}


def test_what_is_not_named_goes_into_the_extra_ones() -> None:
    def extra(session: Session, *, x: int, **others: object) -> None:
        raise NotImplementedError

    binder = _binder(extra)

    assert binder.bind("extra", {"x": 1, "y": "two"}) == {"x": 1, "y": "two"}
    assert binder.schema()["additionalProperties"] is True


@pytest.mark.parametrize("name", ["self", "session"])
def test_no_extra_argument_takes_the_place_of_what_the_method_itself_is_given(name: str) -> None:
    """This was once the handler's failure: "got multiple values for argument 'session'"."""

    class Extra:
        def run(self, session: Session, **others: object) -> None:
            raise NotImplementedError

    with pytest.raises(InvalidArgumentError) as caught:
        _binder(Extra().run).bind("extra", {name: 1})

    assert caught.value.details["arguments"] == {name: "is unknown"}


def test_a_type_that_refuses_without_a_word_is_quoted_as_such() -> None:
    def picky(session: Session, *, value: Picky) -> None:
        raise NotImplementedError

    with pytest.raises(InvalidArgumentError) as caught:
        _binder(picky).bind("picky", {"value": {"x": 1}})

    assert list(caught.value.details["arguments"]) == ["value"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(args=st.dictionaries(st.sampled_from([*SHAPES.schema()["properties"], "x", ""]), _JSON))
def test_whatever_comes_in_is_bound_or_refused(args: dict[str, object]) -> None:
    with suppress(InvalidArgumentError):
        assert SHAPES.bind("shapes", args).keys() == args.keys()


def test_the_open_form_gets_a_copy_of_everything() -> None:
    sent = {"x": 1}

    bound = OpenBinder().bind("open", sent)
    bound["y"] = 2

    assert sent == {"x": 1}


# --- the forms of a method ----------------------------------------------------------------------


def test_the_founding_form_is_recognised_by_its_name_or_its_type() -> None:
    def typed(s: Session, /, a: dict[str, Any]) -> None:
        raise NotImplementedError

    assert binder_for(lambda session, args: (session, args)) is None
    assert binder_for(typed) is None


def test_a_star_that_was_forgotten_is_not_taken_for_the_founding_form() -> None:
    """``name`` was once given all arguments, as a dict, without a word."""

    def greet(session: Session, name: str) -> None:
        raise NotImplementedError

    with pytest.raises(TypeError, match=r"keyword-only parameters: \(session, \*, name"):
        binder_for(greet)


def test_a_session_that_was_forgotten_is_refused() -> None:
    def greet(name: str) -> None:
        raise NotImplementedError

    with pytest.raises(TypeError, match="must take"):
        binder_for(greet)


@pytest.mark.parametrize(
    "method",
    [
        lambda: None,
        lambda *, name: name,
        lambda *sessions: sessions,
        lambda session, name: (session, name),
        lambda session, args, more: (session, args, more),
        lambda session, args, *, name: (session, args, name),
        lambda session, *args: (session, args),
        lambda session, *args, name: (session, args, name),
    ],
)
def test_any_other_form_is_refused_showing_the_two_there_are(method: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"<lambda> must take \(session, args\), or the session"):
        binder_for(method)


def test_a_type_that_no_wire_can_carry_is_refused_naming_the_parameter() -> None:
    def odd(session: Session, *, fine: int, callback: Callable[[], None]) -> None:
        raise NotImplementedError

    with pytest.raises(TypeError, match=r"odd: no value from a wire can become callback: "):
        binder_for(odd)


def test_a_type_that_exists_for_the_type_checker_alone_is_refused_with_the_remedy() -> None:
    def odd(session: Session, *, price: OnlyForTheTypeChecker) -> None:
        raise NotImplementedError

    with pytest.raises(TypeError, match="'OnlyForTheTypeChecker' does not exist at run time"):
        binder_for(odd)


def test_only_the_types_of_what_callers_send_are_read() -> None:
    def fine(session: OnlyForTheTypeChecker, *, x: int) -> OnlyForTheTypeChecker:
        raise NotImplementedError

    assert _binder(fine).bind("fine", {"x": 1}) == {"x": 1}


# --- the schema ---------------------------------------------------------------------------------


def test_the_schema_says_what_is_needed_what_else_there_is_and_what_else_there_is_not() -> None:
    schema = SHAPES.schema()

    assert schema["type"] == "object"
    assert schema["required"] == ["name"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["name"] == {"type": "string"}
    assert schema["properties"]["times"] == {"type": "integer", "default": 1}
    assert schema["$defs"]["Point"]["required"] == ["x"]


def test_the_schema_shows_defaults_as_callers_would_write_them() -> None:
    def coloured(session: Session, *, colour: Colour = Colour.RED) -> None:
        raise NotImplementedError

    assert _binder(coloured).schema()["properties"]["colour"]["default"] == "red"


def test_the_schema_shows_no_default_that_json_cannot_show() -> None:
    missing = object()

    def odd(session: Session, *, x: Any = missing) -> None:
        raise NotImplementedError

    schema = _binder(odd).schema()

    assert schema["properties"]["x"] == {}
    assert "required" not in schema


@pytest.mark.parametrize(
    ("annotation", "value", "becomes"),
    [
        (Literal["a", "b"], "a", "a"),
        (Annotated[int, msgspec.Meta(ge=1, extra_json_schema={"examples": [1]})], 1, 1),
        (list[int] | None, [1], [1]),
        (Colour, "red", Colour.RED),
        (object, [1], [1]),
        (datetime, "2030-01-01T00:00:00", datetime(2030, 1, 1)),  # noqa: DTZ001  (as it was sent)
        (bytes, b"raw", b"raw"),
        (dict[str, Any], {"a": 1}, {"a": 1}),
    ],
)
def test_types_of_every_sort_are_understood(
    annotation: Any, value: object, becomes: object
) -> None:
    def method(session: Session, *, x: object) -> None:
        raise NotImplementedError

    method.__annotations__["x"] = annotation

    assert _binder(method).bind("method", {"x": value}) == {"x": becomes}


def test_a_choice_that_does_not_exist_is_answered_with_those_that_do() -> None:
    def paint(session: Session, *, color: Literal["red", "green"] | None) -> None:
        raise NotImplementedError

    binder = binder_for(paint)
    assert binder is not None
    with pytest.raises(InvalidArgumentError) as caught:
        binder.bind("paint", {"color": "blue"})

    assert "'color' is wrong: expected one of 'green', 'red', got 'blue'" in str(caught.value)


def test_wrong_arguments_are_told_in_the_same_order_whatever_the_wire_did() -> None:
    def nothing(session: Session) -> None:
        raise NotImplementedError

    binder = binder_for(nothing)
    assert binder is not None

    def told(args: dict[str, int]) -> str:
        with pytest.raises(InvalidArgumentError) as caught:
            binder.bind("nothing", args)
        return str(caught.value)

    assert told({"b": 1, "a": 2}) == told({"a": 2, "b": 1})
