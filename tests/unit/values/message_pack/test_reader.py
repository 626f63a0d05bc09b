from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.blob import BYTES, Blob
from snakepit_bridge.values.message_pack import reader as message_pack_reader
from snakepit_bridge.values.message_pack import scan as message_pack_scan
from snakepit_bridge.values.message_pack.reader import MessagePackReader
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotReadError
from snakepit_bridge.values.value_types import ValueTypes
from tests.unit.values.strategies import same

TYPES = ValueTypes()


@TYPES.register(name="Box")
class Box(msgspec.Struct):
    content: Any = None


def _read(frame: str | bytes, *blobs: Blob) -> Any:
    data = frame if isinstance(frame, bytes) else bytes.fromhex(frame)
    return MessagePackReader(TYPES).read(data, BlobValues(blobs))


def _extension(code: int, body: bytes) -> bytes:
    return b"\xc9" + len(body).to_bytes(4) + bytes([code]) + body


def _nested(levels: int, code: int, before: bytes) -> bytes:
    frame = b"\x90"
    for _ in range(levels - 1):
        frame = _extension(code, before + frame)
    return frame


@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        ("", "$ is cut off at byte 0"),
        ("92 01", "$[1] is cut off at byte 2"),
        ("01 01", "$ has 1 bytes behind its end"),
        ("91 a1 ff", "$[0] is not UTF-8 at byte 2"),
        ("91 d6 01 91 a1 ff 01", "$[0][0] is not UTF-8 at byte 5"),
        ("91 d4 63 00", "$[0] is an extension of type 99, which means nothing here"),
        ("92 01 d6 01 92 01 d4 64", "$[1][1] is cut off at byte 8"),
        ("91 c7 05 01 92 01 d4 63 00", "$[0][1] is an extension of type 99"),
        ("81 a1 61 d5 02 92 01", "$.a[1] is cut off"),
        ("81 a1 61 c7 03 02 92 01 01", "$.a is no set: two of its members are equal"),
        ("81 d4 63 00 01", "$ is an extension of type 99"),
        ("81 80 01", "$ has a key that is no value by which an entry can be found"),
        ("81 91 80 01", "$ has a key that is no value by which an entry can be found"),
        ("81 d5 02 91 01 01", "$ has a key that is no value by which an entry can be found"),
        ("82 a1 61 01 a1 61 02", "$.a is there twice"),
        ("91 82 a1 61 01 a1 61 02", "$[0].a is there twice"),
        ("82 01 01 cb 3f f0 00 00 00 00 00 00 01", '$["1.0"] is there twice'),
        ("82 d4 05 01 01 01 01", "$[1] is there twice"),
        ("92 c0 c7 08 01 91 82 a1 61 01 a1 61 02", "$[1][0].a is there twice"),
        ("92 c7 02 01 91 01 82 a1 61 01 a1 61 02", "$[1].a is there twice"),
        ("82 a1 61 ca 00 00 00 00 a1 61 01", "$.a is there twice"),
        ("d4 10 00", "$ is no blob: it is at place 0, but 0 came with the value"),
        ("81 a1 61 c7 04 12 92 a1 41 01", "$.a is of the type 'A', which is not registered"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(frame: str, refusal: str) -> None:
    with pytest.raises(CannotReadError) as caught:
        _read(frame)

    assert str(caught.value).startswith(refusal)
    assert caught.value.hint


FLOAT32 = "ca 3f c0 00 00"


@pytest.mark.parametrize(
    ("frame", "value"),
    [
        (f"82 a1 61 {FLOAT32} d9 01 62 01", {"a": 1.5, "b": 1}),
        (f"92 81 a1 61 {FLOAT32} c7 02 01 91 01", [{"a": 1.5}, (1,)]),
        (f"c7 08 01 91 81 01 {FLOAT32}", ({1: 1.5},)),
        ("82 d5 01 91 01 01 c7 02 01 91 02 02", {(1,): 1, (2,): 2}),
        ("81 d4 05 07 01", {7: 1}),
        ("81 92 01 91 02 03", {(1, (2,)): 3}),
    ],
)
def test_forms_that_are_not_the_shortest_are_read(frame: str, value: object) -> None:
    assert same(_read(frame), value)


@given(
    value=st.recursive(
        st.integers(0, 3) | st.floats() | st.text(max_size=1),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=1), inner),
    ),
    entry=st.integers(0, 3),
)
def test_no_key_that_is_sent_twice_is_lost(value: Any, entry: int) -> None:
    twice = msgspec.Raw(b"\x82\xa1k" + bytes([entry]) + b"\xa1k\x01")
    tuples = msgspec.Raw(_extension(1, msgspec.msgpack.encode([value])))

    for frame in ([value, twice], {"a": twice, "b": value}, [tuples, twice]):
        with pytest.raises(CannotReadError, match="k is there twice"):
            _read(msgspec.msgpack.encode(frame))


def test_nested_extensions_are_gone_through_once_instead_of_once_for_each_level() -> None:
    body = msgspec.msgpack.encode({"a": [1] * 100, "b": {}})
    levels = MAX_DEPTH - 2
    frame = body
    for _ in range(levels):
        frame = _extension(1, b"\x91" + frame)

    value = _read(frame)

    for _ in range(levels):
        (value,) = value
    assert value == {"a": [1] * 100, "b": {}}
    with pytest.raises(CannotReadError, match="there twice"):
        _read(frame[: -len(body)] + body.replace(b"\xa1b", b"\xa1a"))


@pytest.mark.parametrize(
    ("code", "before"),
    [(1, b"\x91"), (3, b"\x91"), (4, b"\x92\x01"), (13, b"\x93\x01\x01"), (18, b"\x92\xa1A")],
    ids=["tuple", "frozenset", "dict", "slice", "object"],
)
def test_bombs_of_nested_extensions_are_refused(code: int, before: bytes) -> None:
    for levels in (MAX_DEPTH + 1, 1_000, 20_000):
        with pytest.raises(CannotReadError):
            _read(_nested(levels, code, before))


@pytest.mark.parametrize("head", [b"\x91", b"\x81\x01", b"\x81\xa1a", b"\x92\x90"])
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 900, 100_000])
def test_bombs_of_nested_containers_are_refused(head: bytes, levels: int) -> None:
    with pytest.raises(CannotReadError, match="nested deeper") as caught:
        _read(head * (levels - 1) + b"\x90")

    assert caught.value.path.startswith(("$[", "$.a."))


def test_levels_within_objects_are_counted() -> None:
    fields, objects = b"\x81\xa7content", (MAX_DEPTH - 1) // 2
    frame = b"\x90"
    for _ in range(objects):
        frame = _extension(18, b"\x92\xa3Box" + fields + frame)

    value = _read(b"\x91" + frame)

    for _ in range(objects):
        value = value[0] if type(value) is list else value.content
    with pytest.raises(CannotReadError, match="nested deeper"):
        _read(b"\x91\x91" + frame)


def test_data_are_read_down_to_the_limit_of_nesting() -> None:
    value = _read(b"\x91" * (MAX_DEPTH - 1) + b"\x90")

    assert str(value) == "[" * MAX_DEPTH + "]" * MAX_DEPTH


def test_many_containers_beside_each_other_are_not_deep() -> None:
    rows = [{"a": [1], "b": {}}] * (MAX_DEPTH + 1)

    assert _read(msgspec.msgpack.encode(rows)) == rows


def test_more_items_than_there_is_room_for_are_refused_before_they_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(message_pack_scan, "MAX_ITEMS", 10)

    assert _read(b"\x99" + bytes(9)) == [0] * 9
    with pytest.raises(CannotReadError, match=r"\$ holds more than"):
        _read(b"\x9a" + bytes(10))


@pytest.mark.parametrize("frame", ["90", "81 01 01"])
def test_a_stack_that_is_nearly_full_is_no_crash(
    monkeypatch: pytest.MonkeyPatch, frame: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(message_pack_reader, "_decode", full)

    with pytest.raises(CannotReadError, match="nested deeper"):
        _read(frame)


def test_what_only_the_decoder_refuses_is_refused_in_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise msgspec.DecodeError("odd")

    monkeypatch.setattr(message_pack_reader, "_decode", refuse)

    with pytest.raises(CannotReadError, match=r"\$ is no MessagePack: odd"):
        _read("90")


def test_blobs_stand_where_they_stood() -> None:
    blobs = [Blob(kind=BYTES, data=b"a"), Blob(kind=BYTES, data=memoryview(b"b"))]

    assert _read("82 a1 61 d4 10 01 a1 62 91 d4 10 00", *blobs) == {"a": b"b", "b": [b"a"]}
    assert _read("81 d4 10 00 c0", *blobs) == {b"a": None}


def test_what_refers_to_the_same_blob_is_the_same_object() -> None:
    one, other = _read("92 d4 10 00 d4 10 00", Blob(kind=BYTES, data=memoryview(b"abc")))

    assert one == b"abc"
    assert one is other
