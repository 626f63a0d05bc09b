"""What every encoding promises, whatever its bytes look like."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import HandlerFailedError, InvalidArgumentError, SessionError
from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.choice import ENCODINGS, find_encoding
from snakepit_bridge.values.encoding import Encoded, Encoding
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.message_pack.message_pack import MessagePack
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import MAX_DEPTH
from snakepit_bridge.values.snakepit.encodings import SnakepitEncoding
from snakepit_bridge.values.snakepit.snakepit_json import SnakepitJson
from snakepit_bridge.values.tagged.tagged import Tagged

# Those that a caller finds by their name, and the ones that Snakepit's service speaks.
EVERY_ENCODING: Mapping[str, Encoding] = {
    **{name or "empty": encoding for name, encoding in ENCODINGS.items()},
    "snakepit json": SnakepitJson(Fallback()),
    "snakepit tagged": SnakepitEncoding(Tagged(Fallback())),
    "snakepit msgpack": SnakepitEncoding(MessagePack(Fallback())),
}
IN_TEXT = ["empty", "json", "snakepit json"]
LOSSLESS = ["tagged", "msgpack", "snakepit tagged", "snakepit msgpack"]
# On Snakepit's service only a whole result has a place for binary data beside it.
WITH_ROOM = ["empty", "json", "tagged", "msgpack"]
WITHOUT_ROOM = ["snakepit json", "snakepit tagged", "snakepit msgpack"]

# Bytes that are no argument in the encoding. The old convention takes nearly everything.
UNREADABLE = {"": b"1e999", "json": b"hello", "tagged": b"hello", "msgpack": b"\xc1"}

# The object {"a": {"b": 1, "b": 2}}.
DOUBLED_KEY = {"msgpack": b"\x81\xa1a\x82\xa1b\x01\xa1b\x02"}
DOUBLED_KEY_IN_JSON = b'{"a":{"b":1,"b":2}}'

TOO_DEEP = {"msgpack": b"\x91" * MAX_DEPTH + b"\x90"}
TOO_DEEP_IN_JSON = b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Trunk(Beside):
    """Takes every blob, and keeps every object that it may keep."""

    wants_binary = True

    def __init__(self, *, is_full: bool = False) -> None:
        self.blobs: list[Blob] = []
        self.kept: list[object] = []
        self.is_given_up = False
        self._is_full = is_full

    def put(self, blob: Blob) -> int:
        self.blobs.append(blob)
        return len(self.blobs) - 1

    def keep(self, instance: object) -> Ref:
        if self._is_full:
            raise SessionError("The session is full.")
        self.kept.append(instance)
        return Ref(f"ref-{len(self.kept)}", type_name="some.Thing", session_id="s1")

    def give_up(self) -> None:
        self.is_given_up = True


class Thing:
    """Has no form as a value."""


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
        values = [[number, [index], "x" * index] for index in range(200)]
        arrived = [encoding.decode(encoding.encode(value)) for value in values]
        return arrived == values

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(travel, range(4)))


@pytest.mark.parametrize("value", [{1, 2}, Thing(), 1j], ids=["set", "object", "complex"])
@pytest.mark.parametrize("name", IN_TEXT)
def test_an_argument_that_json_cannot_express_is_refused_instead_of_replaced(
    name: str, value: object
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"'odd'.*which JSON cannot express"):
        EVERY_ENCODING[name].encode_args({"odd": value})


@pytest.mark.parametrize("name", LOSSLESS)
def test_an_argument_without_a_form_is_refused_instead_of_replaced(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"'odd'.*'Thing'.*cannot express"):
        EVERY_ENCODING[name].encode_args({"odd": [Thing()]})


# --- limits ---------------------------------------------------------------------------------------


def test_an_object_with_a_key_twice_is_refused_with_its_place(encoding: Encoding) -> None:
    args = {"fine": encoding.encode_args({"a": 1})["a"]}
    args["twice"] = DOUBLED_KEY.get(encoding.name, DOUBLED_KEY_IN_JSON)

    with pytest.raises(
        InvalidArgumentError, match=r"\$\.a(.* 'b' more than once|\.b is there twice)"
    ) as caught:
        encoding.decode_args(args)

    assert caught.value.details["arguments"].keys() == {"twice"}


def test_an_argument_that_is_nested_too_deeply_is_refused(encoding: Encoding) -> None:
    deep = TOO_DEEP.get(encoding.name, TOO_DEEP_IN_JSON)

    with pytest.raises(InvalidArgumentError, match="nested deeper than 200 levels"):
        encoding.decode_args({"deep": deep})


@given(data=st.binary(max_size=60))
@pytest.mark.parametrize("name", EVERY_ENCODING)
def test_bytes_of_any_kind_are_a_value_or_an_error(name: str, data: bytes) -> None:
    # Whatever else is raised fails the test.
    with suppress(InvalidArgumentError):
        assert EVERY_ENCODING[name].decode_args({"a": data}).keys() == {"a"}


# --- beside a value -------------------------------------------------------------------------------


def _arrived(encoding: Encoding, value: object, trunk: Trunk) -> Any:
    encoded = msgspec.structs.replace(encoding.encode(value, trunk), blobs=trunk.blobs)
    return encoding.decode(encoded)


@pytest.mark.parametrize("name", WITH_ROOM)
def test_arrays_travel_beside_a_value_where_there_is_room(name: str) -> None:
    trunk = Trunk()
    first, second = np.arange(6, dtype="int16").reshape(2, 3), np.ones(3)

    arrived = _arrived(EVERY_ENCODING[name], {"rows": [first, second], "count": 2}, trunk)

    assert [blob.dtype for blob in trunk.blobs] == ["int16", "float64"]
    assert arrived["count"] == 2
    for array, original in zip(arrived["rows"], [first, second], strict=True):
        np.testing.assert_array_equal(array, original, strict=True)


@pytest.mark.parametrize("name", WITH_ROOM)
def test_arguments_refer_to_what_came_beside_them(name: str) -> None:
    encoding, trunk = EVERY_ENCODING[name], Trunk()
    array = np.arange(6, dtype="float32")

    encoded = encoding.encode_args({"a": [array], "b": 1}, trunk)
    arrived = encoding.decode_args(encoded, trunk.blobs)

    assert len(trunk.blobs) == 1
    assert arrived["b"] == 1
    np.testing.assert_array_equal(arrived["a"][0], array, strict=True)


@pytest.mark.parametrize("name", WITHOUT_ROOM)
def test_nothing_inside_of_a_value_travels_beside_it_where_there_is_no_room(name: str) -> None:
    encoding, trunk = EVERY_ENCODING[name], Trunk()

    arrived = _arrived(encoding, {"rows": np.arange(3)}, trunk)
    args = encoding.encode_args({"a": np.arange(3)}, trunk)

    assert trunk.blobs == []
    assert list(arrived["rows"]) == [0, 1, 2]
    assert list(encoding.decode_args(args)["a"]) == [0, 1, 2]


@pytest.mark.parametrize("name", [*WITHOUT_ROOM, "json", "tagged", "msgpack"])
@pytest.mark.parametrize(
    "value",
    [np.arange(6, dtype="int16").reshape(2, 3), b"\x89PNG" * 20_000],
    ids=["array", "bytes"],
)
def test_a_result_may_be_nothing_but_binary_data(name: str, value: Any) -> None:
    trunk = Trunk()

    arrived = _arrived(EVERY_ENCODING[name], value, trunk)

    assert len(trunk.blobs) == 1
    assert type(arrived) is type(value)
    assert np.array_equal(arrived, value)


@pytest.mark.parametrize("name", IN_TEXT)
def test_json_has_no_binary_data_where_nobody_asks_for_them(name: str) -> None:
    encoding, trunk = EVERY_ENCODING[name], Trunk()
    trunk.wants_binary = False
    value = {"array": np.arange(3), "bytes": [b"hi"]}

    assert encoding.encode(value, trunk).parts.keys() == encoding.encode(value).parts.keys()
    assert trunk.blobs == []


# --- objects that are kept ------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_ENCODING)
def test_an_object_without_a_form_is_kept(name: str) -> None:
    first, second, trunk = Thing(), Thing(), Trunk()

    arrived = _arrived(EVERY_ENCODING[name], {"things": [first, second], "n": 2}, trunk)

    assert trunk.kept == [first, second]
    assert not trunk.is_given_up
    refs = [each["__ref__"] if name in IN_TEXT else each for each in arrived["things"]]
    assert refs == ["ref-1", "ref-2"]
    assert name in IN_TEXT or all(type(ref) is Ref for ref in refs)


@pytest.mark.parametrize("name", EVERY_ENCODING)
def test_an_object_is_marked_where_nothing_is_kept(name: str) -> None:
    encoding = EVERY_ENCODING[name]

    arrived = encoding.decode(encoding.encode([Thing()]))

    assert arrived == [
        {"__ffi_unserializable__": True, "__type__": f"{Thing.__module__}.{Thing.__qualname__}"}
    ]


def test_a_ref_is_a_text(encoding: Encoding) -> None:
    ref = Ref("ref-1", type_name="some.Thing", session_id="s1")

    assert encoding.decode(encoding.encode([ref])) == ["ref-1"]
    assert encoding.decode_args(encoding.encode_args({"a": ref})) == {"a": "ref-1"}


def test_what_was_kept_for_a_result_that_cannot_travel_is_forgotten(encoding: Encoding) -> None:
    trunk = Trunk()

    with pytest.raises(HandlerFailedError, match="lone surrogate"):
        encoding.encode({"thing": Thing(), "half": ["\ud800"]}, trunk)

    assert trunk.is_given_up


def test_what_was_put_beside_arguments_that_cannot_travel_is_forgotten(encoding: Encoding) -> None:
    trunk = Trunk()

    with pytest.raises(InvalidArgumentError, match="lone surrogate"):
        encoding.encode_args({"array": np.arange(3), "half": ["\ud800"], "b": 1}, trunk)

    assert trunk.is_given_up


def test_an_object_that_cannot_be_kept_is_the_failure_of_the_result(encoding: Encoding) -> None:
    trunk = Trunk(is_full=True)

    with pytest.raises(SessionError, match="full"):
        encoding.encode({"thing": [Thing()]}, trunk)

    assert trunk.is_given_up
