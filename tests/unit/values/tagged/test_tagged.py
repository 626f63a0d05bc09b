from __future__ import annotations

from decimal import Decimal
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakepit_bridge.errors import HandlerFailedError, InvalidArgumentError
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.tagged.tagged import Tagged
from snakepit_bridge.values.value_types import ValueTypes
from tests.unit.values.recorder import Recorder
from tests.unit.values.strategies import ANY_VALUE, same

# With `--hypothesis-profile=long` many more.
EXAMPLES = max(2_000, settings().max_examples)


@pytest.fixture
def tagged() -> Tagged:
    return Tagged(Fallback(), ValueTypes())


@settings(max_examples=EXAMPLES)
@given(value=ANY_VALUE)
def test_every_value_comes_back_equal_and_of_the_same_type(value: object) -> None:
    tagged = Tagged(Fallback())

    assert same(tagged.decode(tagged.encode(value)), value)


@given(value=ANY_VALUE, size=st.integers(4095, 5000))
def test_arguments_come_back_together_with_what_came_beside_them(value: object, size: int) -> None:
    tagged, beside = Tagged(Fallback()), Recorder()
    args = {"a": value, "b": (bytes(size),)}

    sent = tagged.encode_args(args, beside)

    assert same(tagged.decode_args(sent, beside.blobs), args)
    assert beside.given_up == 0


def test_a_result_travels_in_one_piece_with_its_blobs_beside_it(tagged: Tagged) -> None:
    beside = Recorder()

    encoded = tagged.encode([bytes(5000), object(), b"few"], beside)

    assert encoded.value.startswith(b'[{"__type__":"blob","__schema__":1,"index":0},')
    assert encoded.blobs == ()
    assert tagged.decode(Encoded(encoded.value, blobs=beside.blobs)) == [bytes(5000), "r1", b"few"]
    assert beside.given_up == 0


def test_what_was_taken_for_a_value_is_given_up_with_it(tagged: Tagged) -> None:
    beside = Recorder()

    with pytest.raises(HandlerFailedError) as caught:
        tagged.encode({"a": object(), "b": ["\ud800"]}, beside)

    assert str(caught.value).startswith(
        "The handler's result cannot be sent as tagged: $.b[0] has a lone surrogate"
    )
    assert caught.value.details["path"] == "$.b[0]"
    assert len(beside.kept) == 1
    assert beside.given_up == 1


def test_every_argument_that_cannot_be_written_is_named(tagged: Tagged) -> None:
    beside = Recorder()

    with pytest.raises(InvalidArgumentError) as caught:
        tagged.encode_args({"a": "\ud800", "b": 1, "c": {1: ["\udc00"]}}, beside)

    assert set(caught.value.details["arguments"]) == {"a", "c"}
    assert beside.given_up == 1


def test_an_object_gets_a_marker_in_a_result_and_is_refused_in_an_argument(
    tagged: Tagged,
) -> None:
    marked = tagged.decode(tagged.encode([object()]))

    assert marked == [{"__ffi_unserializable__": True, "__type__": "builtins.object"}]
    with pytest.raises(InvalidArgumentError, match=r"\$\[0\] is of type 'object'"):
        tagged.encode_args({"a": [object()]})


def test_every_argument_that_cannot_be_read_is_named(tagged: Tagged) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        tagged.decode_args({"a": b'{"__type__":"date"}', "b": b"1", "c": b"["})

    assert caught.value.details["arguments"]["a"] == '$ is a "date" tag without "value"'
    assert set(caught.value.details["arguments"]) == {"a", "c"}


def test_an_answer_that_cannot_be_read_is_refused(tagged: Tagged) -> None:
    with pytest.raises(InvalidArgumentError, match="The answer cannot be read as tagged"):
        tagged.decode(Encoded(b'{"a":1,"a":2}'))


def test_members_of_registered_types_come_back_as_themselves() -> None:
    types = ValueTypes()

    @types.register(name="shop.Size")
    class Size(Enum):
        SMALL = Decimal("1.5")

    tagged = Tagged(Fallback(), types)

    encoded = tagged.encode({Size.SMALL: (Size.SMALL,)})

    assert tagged.decode(encoded) == {Size.SMALL: (Size.SMALL,)}
    assert b'"class":"shop.Size"' in encoded.value
