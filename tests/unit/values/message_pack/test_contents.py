from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given

from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.blob import BYTES, Blob
from snakepit_bridge.values.message_pack import codes
from snakepit_bridge.values.message_pack.contents import Contents
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.tag_objects import HostFunction
from snakepit_bridge.values.value_types import ValueTypes
from tests.unit.values.strategies import ANY_VALUE, same

TYPES = ValueTypes()


@TYPES.register(name="Box")
class Box(NamedTuple):
    content: Any


def _contents(*blobs: Blob) -> Contents:
    return Contents(TYPES, BlobValues(blobs))


@pytest.mark.parametrize(
    ("code", "content", "value"),
    [
        (codes.TUPLE, [1], (1,)),
        (codes.SET, [1, None], {1, None}),
        (codes.FROZENSET, [], frozenset()),
        (codes.DICT, [(1,), 2, "a", []], {(1,): 2, "a": []}),
        (codes.SLICE, [1, None, "a"], slice(1, None, "a")),
        (codes.REF, ["a"], Ref("a")),
        (codes.FUNCTION, ["a", "b", 0], HostFunction(tool="a", callback_id="b", arity=0)),
        (codes.INLINE_BLOB, [BYTES, "", [], b"a"], b"a"),
        (codes.OBJECT, ["Box", [1]], Box(1)),
        (codes.BLOB, 1, b"b"),
    ],
)
def test_contents_become_values(code: int, content: Any, value: object) -> None:
    contents = _contents(Blob(kind=BYTES, data=b"a"), Blob(kind=BYTES, data=b"b"))

    assert same(contents.value_of(code, content), value)


def test_a_ref_has_what_its_sender_knew_of_it() -> None:
    ref = _contents().value_of(codes.REF, ["a", "shop.Cart", "s"])
    short = _contents().value_of(codes.REF, ["a", "shop.Cart"])

    assert (ref.type_name, ref.session_id) == ("shop.Cart", "s")
    assert (short.type_name, short.session_id) == ("shop.Cart", "")


@pytest.mark.parametrize(
    ("code", "content", "reason"),
    [
        (codes.TUPLE, {}, "is no tuple: an array was expected, not a value of type 'dict'"),
        (codes.TUPLE, (1,), "is no tuple: an array was expected, not a value of type 'tuple'"),
        (codes.SET, [[]], "is no set: unhashable type: 'list'"),
        (codes.SET, [1, True], "is no set: two of its members are equal"),
        (codes.FROZENSET, [0, -0.0], "is no frozenset: two of its members are equal"),
        (codes.DICT, [1], "is no dict: its last key has no value"),
        (codes.DICT, [1, 2, 1.0, 3], "is no dict: two of its keys are equal"),
        (codes.DICT, [{}, 1], "is no dict: unhashable type: 'dict'"),
        (codes.SLICE, [1, 2], "is no slice: its array has 2 members where 3 belong"),
        (codes.REF, [], "is no ref: its array has 0 members where 1 to 3 belong"),
        (codes.REF, [""], "is no ref: its id is empty"),
        (codes.REF, ["a", None], "is no ref: text was expected, not a value of type 'NoneType'"),
        (codes.REF, ["a", "", "", ""], "is no ref: its array has 4 members"),
        (codes.BLOB, True, "is no blob: an integer was expected, not a value of type 'bool'"),
        (codes.BLOB, -1, "is no blob: it is at place -1, but 1 came with the value"),
        (codes.BLOB, 1, "is no blob: it is at place 1, but 1 came with the value"),
        (codes.INLINE_BLOB, [BYTES, "", [], "a"], "is no inline blob: binary data were expected"),
        (codes.INLINE_BLOB, [BYTES, "", None, b""], "is no inline blob: an array was expected"),
        (codes.INLINE_BLOB, [BYTES, "", ["a"], b""], "is no inline blob: an integer was expected"),
        (codes.INLINE_BLOB, [BYTES, "", [-1], b""], "is no inline blob: its shape has a negative"),
        (codes.INLINE_BLOB, [1, "", [], b""], "is no inline blob: text was expected"),
        (codes.INLINE_BLOB, ["odd", "", [], b""], "unknown kind 'odd'"),
        (codes.INLINE_BLOB, [BYTES, ""], "is no inline blob: its array has 2 members where 4"),
        (codes.OBJECT, ["Box"], "is no object: its array has 1 members where 2 belong"),
        (codes.OBJECT, [1, 1], "is no object: text was expected"),
        (codes.OBJECT, ["Bix", [1]], "is of the type 'Bix', which is not registered here"),
        (codes.OBJECT, ["Box", [1, 2]], "does not fit the type 'Box'"),
        (codes.FUNCTION, [""], "is no function: its tool is empty"),
        (codes.FUNCTION, [1], "is no function: text was expected"),
        (codes.FUNCTION, ["a", None], "is no function: text was expected"),
        (codes.FUNCTION, ["a", "", -1], "is no function: its arity is negative"),
        (codes.FUNCTION, ["a", "", 1.0], "is no function: an integer was expected"),
        (codes.FUNCTION, ["a", "", 1, 1], "is no function: its array has 4 members"),
    ],
)
def test_wrong_contents_are_refused(code: int, content: Any, reason: str) -> None:
    with pytest.raises(CannotReadError, match=reason) as caught:
        _contents(Blob(kind=BYTES)).value_of(code, content)

    assert caught.value.hint


@given(content=ANY_VALUE)
def test_any_content_is_read_or_refused(content: object) -> None:
    refused = 0

    for code in codes.MESSAGES:
        try:
            _contents().value_of(code, content)
        except CannotReadError:
            refused += 1

    assert refused >= 1


def test_a_blob_in_two_places_is_one_object() -> None:
    contents = _contents(Blob(kind=BYTES, data=memoryview(b"abc")))

    assert contents.value_of(codes.BLOB, 0) == b"abc"
    assert contents.value_of(codes.BLOB, 0) is contents.value_of(codes.BLOB, 0)


def test_containers_are_found_in_values_of_every_kind_that_may_hold_some() -> None:
    contents = _contents()
    box = contents.value_of(codes.OBJECT, ["Box", [[1]]])
    inner: list[Any] = [[], (), {}, set(), frozenset(), slice(1), box]

    def found(value: object) -> list[object]:
        return contents.containers_in([value])

    assert found([1, *inner, "a", None]) == inner
    assert found((inner[0], 1)) == [inner[0]]
    assert found({frozenset()}) == [frozenset()]
    assert found({"a": 1, (): [2]}) == [[2], ()]
    assert found({"a": 1}) == []
    assert found(slice([3], None, 1)) == [[3]]
    assert found(box) == [[[1]]]
    assert found(Box([4])) == []
