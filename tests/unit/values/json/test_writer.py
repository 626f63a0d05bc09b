from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.writer import JsonWriter
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotWriteError
from tests.ids import shown


class Mode(StrEnum):
    FAST = "fast"


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Node:
    name: str
    children: list[Node] = field(default_factory=list)


def _write(value: object) -> str:
    return JsonWriter(Fallback()).write(value).decode()


def _refusal(value: object) -> CannotWriteError:
    with pytest.raises(CannotWriteError) as caught:
        _write(value)
    return caught.value


def _nested(levels: int, innermost: object) -> object:
    value = innermost
    for _ in range(levels):
        value = [value]
    return value


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (42, "42"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        ("größe\x00", '"größe\\u0000"'),
        ([1, "a", None], '[1,"a",null]'),
        ({"b": 1, "a": []}, '{"b":1,"a":[]}'),
        (NAN, '"NaN"'),
        ([INF, -INF, None], '["Infinity","-Infinity",null]'),
        ((1, (2.5,), ()), "[1,[2.5],[]]"),
        ({"when": date(2026, 1, 11)}, '{"when":"2026-01-11"}'),
        ([UUID(int=1)], '["00000000-0000-0000-0000-000000000001"]'),
        (Point(1, 2), '{"x":1,"y":2}'),
        ([Mode.FAST], '["fast"]'),
        (Node("a", [Node("b")]), '{"name":"a","children":[{"name":"b","children":[]}]}'),
        ([1.5] * 20 + [(1,)], f"[{'1.5,' * 20}[1]]"),
        (([1.5, 2.5], [1, 2], [None]), "[[1.5,2.5],[1,2],[null]]"),
        ({1}, '{"__ffi_unserializable__":true,"__type__":"builtins.set"}'),
        ([b"hi"], '[{"__ffi_unserializable__":true,"__type__":"builtins.bytes"}]'),
    ],
    ids=lambda given: repr(given)[:40],
)
def test_a_value_becomes_json(value: object, text: str) -> None:
    assert _write(value) == text


@pytest.mark.parametrize("digits", [19, 20, 600, 700, 4_300, 4_301, 30_000])
@pytest.mark.parametrize("tag", [[], [(1,)]], ids=["plain", "beside a tuple"])
def test_integers_of_any_size_are_written_in_full(digits: int, tag: list[object]) -> None:
    text = _write([10**digits, -(10**digits), *tag])

    one = "1" + "0" * digits
    assert text == f"[{one},-{one}{',[1]' * len(tag)}]"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (1, "1"),
        (1.5, "1.5"),
        (1e16, "1e+16"),
        (True, "true"),
        (None, "null"),
        (NAN, "NaN"),
        (2**70, "1180591620717411303424"),
        (10**5_000, "1" + "0" * 5_000),
        (Mode.FAST, "fast"),
        (date(2026, 1, 11), "2026-01-11"),
        ("größe", "größe"),
    ],
    ids=lambda given: repr(given)[:20] if not isinstance(given, int) else "",
)
def test_a_key_becomes_text_as_json_does_it(key: object, text: str) -> None:
    assert _write({key: 1}) == f'{{"{text}":1}}'
    assert JsonWriter(Fallback()).key_texts({key: 1}) == [text]


@pytest.mark.parametrize(
    "members", [{1: "a", "1": "b"}, {"null": 1, None: 2}, {1.0: 1, "x": 2, "1.0": 3}]
)
def test_keys_that_become_the_same_text_are_refused(members: dict[object, object]) -> None:
    error = _refusal({"rows": [members]})

    assert error.path.startswith("$.rows[0]")
    assert error.reason == "is what several keys are written as"
    assert error.hint == "Make all keys text."


def test_the_doubled_key_is_named() -> None:
    assert str(_refusal({"a": 0, 1: "a", "1": "b"})) == (
        '$["1"] is what several keys are written as'
    )


def test_a_key_without_a_text_is_refused() -> None:
    assert str(_refusal({"a": {(1, 2): 3}})) == "$.a has a key of type 'tuple'"
    assert str(_refusal({b"k": 3})) == "$ has a key of type 'bytes'"


@pytest.mark.parametrize("tag", [[], [(1,)]], ids=["plain", "beside a tuple"])
def test_half_a_character_is_refused_with_its_place(tag: list[object]) -> None:
    in_text = _refusal({"a": ["fine", "größe", "bad\ud800"], "tag": tag})
    in_key = _refusal([{"a": 1, "\udc00": 2}, tag])

    assert str(in_text) == "$.a[2] has a lone surrogate, which is half a character"
    assert str(in_key) == '$[0]["\\udc00"] has a lone surrogate, which is half a character'


def test_data_that_contain_themselves_are_refused_where_the_circle_closes() -> None:
    rows: list[Any] = [1]
    rows.append({"rows": rows})
    node = Node("a")
    node.children.append(node)

    assert str(_refusal(rows)) == "$[1].rows contains itself"
    assert str(_refusal({"tree": node})) == "$.tree.children[0] contains itself"


class Chicken:
    """One of two kinds that turn into each other."""

    def __init__(self) -> None:
        self.egg = Egg(self)

    def to_dict(self) -> Egg:
        return self.egg


class Egg:
    def __init__(self, chicken: Chicken) -> None:
        self.chicken = chicken

    def to_dict(self) -> Chicken:
        return self.chicken


def test_objects_that_convert_to_each_other_are_refused() -> None:
    assert str(_refusal([Chicken()])) == "$[0] contains itself"


def test_an_object_that_converts_to_ever_new_objects_is_refused() -> None:
    class Matryoshka:
        def to_dict(self) -> list[Matryoshka]:
            return [Matryoshka()]

    assert str(_refusal(Matryoshka())).endswith(" is nested deeper than 200 levels")


def test_the_simplified_value_is_what_would_be_written() -> None:
    value = {1: (2**70, NAN, Mode.FAST), "point": Point(1, 2), "day": date(2026, 1, 11)}

    simplified = JsonWriter(Fallback()).simplified(value)

    assert simplified == {
        "1": [2**70, "NaN", "fast"],
        "point": {"x": 1, "y": 2},
        "day": "2026-01-11",
    }
    assert json.loads(_write(value)) == simplified


def test_one_object_in_two_places_is_no_circle() -> None:
    shared = (1,)

    assert _write([shared, {"a": shared}, shared]) == '[[1],{"a":[1]},[1]]'


@pytest.mark.parametrize("innermost", [1, "a", date(2026, 1, 11)], ids=shown)
def test_data_are_written_down_to_the_limit_of_nesting(innermost: object) -> None:
    assert _write(_nested(MAX_DEPTH - 1, [innermost])).startswith("[" * MAX_DEPTH)


@pytest.mark.parametrize("innermost", [[], {}, (), [1.5], Point(1, 2), 1j], ids=shown)
def test_one_level_more_is_refused(innermost: object) -> None:
    error = _refusal(_nested(MAX_DEPTH, innermost))

    assert error.reason == "is nested deeper than 200 levels"
    assert error.path.startswith("$[0][0]")
    assert error.path.endswith("[0][0]")


def test_depth_beyond_the_stack_of_the_interpreter_is_refused() -> None:
    assert _refusal(_nested(100_000, 1)).reason == "is nested deeper than 200 levels"


def test_a_value_is_left_as_it_was() -> None:
    value = {"a": [(1, 2), NAN], 1: [1.5, 2.5]}
    before = repr(value)

    _write(value)

    assert repr(value) == before


def test_failures_inside_foreign_code_are_not_hidden() -> None:
    class Broken(dict[str, int]):
        def keys(self) -> Any:
            raise LookupError

        def __iter__(self) -> Any:
            raise LookupError

    with pytest.raises(LookupError):
        _write(Broken(a=1))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_the_exact_way_writes_the_same_as_the_fast_one(value: object) -> None:
    """A tuple beside the value sends it the exact way."""
    assert _write([value, ()]) == f"[{_write(value)},[]]"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters())
        | st.binary()
        | st.dates()
        | st.timedeltas()
        | st.decimals()
        | st.complex_numbers()
        | st.uuids(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text() | st.integers() | st.floats() | st.none(), inner)
            | st.tuples(inner, inner)
            | st.frozensets(st.integers())
        ),
    )
)
def test_whatever_a_handler_returns_becomes_strict_json_or_is_refused(value: object) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    try:
        text = _write(value)
    except CannotWriteError:
        return

    json.loads(text, parse_constant=refuse)


# --- beside the text ------------------------------------------------------------------------------


class Trunk(Beside):
    def __init__(self, *, wants_binary: bool = True, most: int = 100) -> None:
        self.wants_binary = wants_binary
        self.asked: list[object] = []
        self.is_given_up = False
        self._most = most

    def put(self, blob: Blob) -> int | None:
        self.asked.append(blob.shape)
        return len(self.asked) - 1 if len(self.asked) <= self._most else None

    def keep(self, instance: object) -> Ref | None:
        self.asked.append(instance)
        return Ref("ref-1")

    def give_up(self) -> None:
        self.is_given_up = True


BLOB = '{"__type__":"blob","__schema__":1,"index":%d}'


def test_arrays_and_bytes_are_references_where_they_are_wanted_as_binary_data() -> None:
    trunk = Trunk()

    text = JsonWriter(Fallback()).write({"a": np.zeros((2, 3)), "b": [b"hi"], "c": 1}, trunk)

    assert text.decode() == f'{{"a":{BLOB % 0},"b":[{BLOB % 1}],"c":1}}'
    assert trunk.asked == [(2, 3), ()]
    assert not trunk.is_given_up


def test_what_finds_no_room_is_written_as_always() -> None:
    value = {"a": np.arange(2), "b": np.float64(1.5)}

    assert JsonWriter(Fallback()).write(value, Trunk(most=0)) == b'{"a":[0,1],"b":1.5}'


@pytest.mark.parametrize("unusual", ["text", 10**5000, [1.5] * 20], ids=["text", "int", "row"])
def test_everything_is_asked_for_once_whatever_stands_beside_it(unusual: object) -> None:
    trunk, thing = Trunk(wants_binary=False), object()

    text = JsonWriter(Fallback()).write([thing, np.arange(2), unusual], trunk)

    assert trunk.asked == [thing]
    assert b'"__ref__":"ref-1"}' in text


@pytest.mark.parametrize(
    "value", [[object(), "\ud800"], {object(): 1}, [b"", {(1, 2): 3}]], ids=["half", "key", "pair"]
)
def test_a_value_that_cannot_be_written_is_given_up(value: object) -> None:
    trunk = Trunk()

    with pytest.raises(CannotWriteError):
        JsonWriter(Fallback()).write(value, trunk)

    assert trunk.is_given_up


def test_a_value_that_breaks_while_it_is_written_is_given_up() -> None:
    class Broken(list[int]):
        def __iter__(self) -> Iterator[int]:
            raise LookupError("broken")

    trunk = Trunk()

    with pytest.raises(LookupError):
        JsonWriter(Fallback()).write([object(), Broken([1])], trunk)

    assert trunk.is_given_up
