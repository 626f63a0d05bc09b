"""What every encoding promises, whatever its bytes look like."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import HandlerFailedError, InvalidArgumentError
from snakepit_bridge.values.choice import ENCODINGS, find_encoding
from snakepit_bridge.values.encoding import Encoded, Encoding
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.refusals import MAX_DEPTH
from snakepit_bridge.values.snakepit_json import SnakepitJson

# Those that a caller finds by their name, and the one that Snakepit's service speaks.
EVERY_ENCODING = {
    **{name or "empty": encoding for name, encoding in ENCODINGS.items()},
    "snakepit": SnakepitJson(Fallback()),
}

# Bytes that are no argument in the encoding. The old convention takes nearly everything.
UNREADABLE = {"": b"1e999", "json": b"hello"}

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture(params=EVERY_ENCODING)
def encoding(request: pytest.FixtureRequest) -> Encoding:
    return EVERY_ENCODING[request.param]


def _nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_encoding_knows_the_name_it_is_found_by(name: str) -> None:
    assert find_encoding(name).name == name


@pytest.mark.parametrize("name", EVERY_ENCODING)
@given(value=VALUES)
def test_arguments_arrive_as_they_were_sent(name: str, value: object) -> None:
    encoding = EVERY_ENCODING[name]

    arrived = encoding.decode_args(encoding.encode_args({"a": value, "b": 1}))

    assert arrived == {"a": value, "b": 1}
    assert repr(arrived) == repr({"a": value, "b": 1})


@pytest.mark.parametrize("name", EVERY_ENCODING)
@given(value=VALUES)
def test_results_arrive_as_they_were_returned(name: str, value: object) -> None:
    encoding = EVERY_ENCODING[name]

    in_list = encoding.decode(encoding.encode([value]))
    in_dict = encoding.decode(encoding.encode({"rows": [value], "count": 1}))

    assert in_list == [value]
    assert repr(in_list) == repr([value])
    assert in_dict == {"rows": [value], "count": 1}


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1, 2**53 + 1, 2**70, 10**5_000, 1.0, 0.1, []],
    ids=lambda value: type(value).__name__,
)
def test_a_scalar_result_keeps_its_type(encoding: Encoding, value: object) -> None:
    arrived = encoding.decode(encoding.encode(value))

    assert arrived == value
    assert type(arrived) is type(value)


def test_no_arguments_are_no_arguments(encoding: Encoding) -> None:
    assert encoding.encode_args({}) == {}
    assert encoding.decode_args({}) == {}


def test_every_unreadable_argument_is_named(encoding: Encoding) -> None:
    unreadable = UNREADABLE[encoding.name]
    args = {**encoding.encode_args({"fine": 1}), "first": unreadable, "second": unreadable}

    with pytest.raises(InvalidArgumentError) as caught:
        encoding.decode_args(args)

    assert caught.value.details["arguments"].keys() == {"first", "second"}
    assert "'first'" in caught.value.message
    assert "'second'" in caught.value.message
    assert caught.value.hint


def test_every_unsendable_argument_is_named(encoding: Encoding) -> None:
    circle: list[Any] = []
    circle.append(circle)

    with pytest.raises(InvalidArgumentError) as caught:
        encoding.encode_args({"fine": 1, "circle": circle, "deep": _nested(MAX_DEPTH + 1)})

    assert caught.value.details["arguments"].keys() == {"circle", "deep"}
    assert caught.value.hint


@pytest.mark.parametrize("trouble", ["circle", "depth", "surrogate"])
def test_a_result_that_cannot_travel_is_refused_with_its_place(
    encoding: Encoding, trouble: str
) -> None:
    circle: list[Any] = []
    circle.append(circle)
    bad = {"circle": circle, "depth": _nested(MAX_DEPTH + 1), "surrogate": "\ud800"}[trouble]

    with pytest.raises(HandlerFailedError) as caught:
        encoding.encode({"fine": 1, "rows": [1, bad]})

    assert caught.value.details["path"].startswith("$.rows[1]")
    assert caught.value.details["path"] in caught.value.message
    assert caught.value.hint


def test_data_travel_down_to_the_limit_of_nesting(encoding: Encoding) -> None:
    value = _nested(MAX_DEPTH)

    assert encoding.decode(encoding.encode(value)) == value
    assert encoding.decode_args(encoding.encode_args({"a": value})) == {"a": value}


def test_an_unreadable_answer_is_refused(encoding: Encoding) -> None:
    unreadable = UNREADABLE[encoding.name]

    with pytest.raises(InvalidArgumentError, match="answer cannot be read"):
        encoding.decode(Encoded(unreadable, {"result": unreadable}))


def test_a_value_is_left_as_it_was(encoding: Encoding) -> None:
    value = {"a": [(1, 2), {"b": [1.5] * 20}], "c": {"d": None}}
    before = copy.deepcopy(value)

    encoding.encode(value)
    encoding.encode_args({"a": value})

    assert value == before


def test_one_encoding_serves_many_threads(encoding: Encoding) -> None:
    everyone_is_here = Barrier(4, timeout=5)

    def travel(number: int) -> bool:
        everyone_is_here.wait()
        values = [[number, (index,), "x" * index] for index in range(200)]
        arrived = [encoding.decode(encoding.encode(value)) for value in values]
        return arrived == [[number, [index], "x" * index] for index in range(200)]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(travel, range(4)))


@pytest.mark.parametrize("value", [{1, 2}, object(), 1j], ids=["set", "object", "complex"])
def test_an_argument_without_a_form_is_refused_instead_of_replaced(
    encoding: Encoding, value: object
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"'odd'.*which JSON cannot express"):
        encoding.encode_args({"odd": value})
