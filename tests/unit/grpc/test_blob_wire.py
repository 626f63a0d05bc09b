from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st

from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc.blob_scan import MAX_FIELDS, VIEWED_FROM
from snakepit_bridge.grpc.blob_wire import (
    WithBlobs,
    apart,
    message_of,
    parsing,
    reading,
    writing,
)
from snakepit_bridge.values.blob import Blob

Carrier: TypeAlias = (
    "pb.ExecuteRequest | pb.SessionRequest | pb.ExecuteResponse | pb.StreamResponse"
)

KINDS: list[type[Carrier]] = [
    pb.ExecuteRequest,
    pb.SessionRequest,
    pb.ExecuteResponse,
    pb.StreamResponse,
]

LARGE = b"\x07" * VIEWED_FROM

UNKNOWN = b"\x9a\x06\x05later" + b"\xa0\x06\x96\x01" + b"\xad\x06abcd" + b"\xb1\x06abcdefgh"
"""Fields 99, 100, 101 and 102 of each wire type there is: text, number, 4 bytes, 8 bytes."""


def _wire(blob: Blob) -> pb.Blob:
    return pb.Blob(
        kind=blob.kind,
        dtype=blob.dtype,
        shape=blob.shape,
        data=b"" if blob.handle else bytes(blob.data),
        handle=blob.handle,
    )


def _without_copies(kind: type[Carrier], raw: bytes) -> tuple[bytes, list[Blob]] | None:
    """What is read, as what can be compared; ``None`` for no message."""
    read = reading(kind)(raw)
    if isinstance(read, DecodeError):
        return None
    message, blobs = apart(read)
    message = kind.FromString(message.SerializeToString())
    message.ClearField("blobs")
    return message.SerializeToString(deterministic=True), list(blobs)


def _by_protobuf(kind: type[Carrier], raw: bytes) -> tuple[bytes, list[Blob]] | None:
    try:
        message = kind.FromString(raw)
    except DecodeError:
        return None
    blobs = [
        Blob(
            kind=wire.kind,
            dtype=wire.dtype,
            shape=tuple(wire.shape),
            data=wire.data,
            handle=wire.handle,
        )
        for wire in message.blobs
    ]
    message.ClearField("blobs")
    return message.SerializeToString(deterministic=True), blobs


_TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
_VIEWS = st.binary(max_size=9).map(lambda data: memoryview(b"." + data)[1:])
_BLOBS = st.lists(
    st.builds(
        Blob,
        kind=_TEXT,
        dtype=_TEXT,
        shape=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3).map(tuple),
        data=st.sampled_from([b"", b"x", LARGE, LARGE + b"\x4a\x22"])
        | st.binary(max_size=300)
        | _VIEWS,
        handle=st.just("") | _TEXT,
    ),
    max_size=4,
)


@st.composite
def _messages(draw: st.DrawFn) -> Carrier:
    kind = draw(st.sampled_from(KINDS))
    message = kind(request_id=draw(_TEXT), metadata=draw(st.dictionaries(_TEXT, _TEXT, max_size=2)))
    if draw(st.booleans()):
        message.MergeFromString(UNKNOWN)
    return message


@st.composite
def _serialized(draw: st.DrawFn) -> tuple[type[Carrier], bytes]:
    """Messages with blobs between other fields, some of them known to nobody."""
    message = draw(_messages())
    pieces = [message.SerializeToString()]
    for blob in draw(_BLOBS):
        wire = _wire(blob)
        if draw(st.booleans()):
            wire.MergeFromString(UNKNOWN)
        pieces += [
            type(message)(blobs=[wire]).SerializeToString(),
            draw(st.sampled_from([b"", UNKNOWN])),
        ]
    # Large enough in any case to be read without copies.
    pieces.append(type(message)(blobs=[pb.Blob(data=LARGE)]).SerializeToString())
    return type(message), b"".join(draw(st.permutations(pieces)))


# --- there and back -----------------------------------------------------------------------------


@given(message=_messages(), blobs=_BLOBS)
def test_what_is_written_is_what_protobuf_would_have_written(
    message: Carrier, blobs: Sequence[Blob]
) -> None:
    written = writing(WithBlobs(message, blobs))

    message.blobs.extend(_wire(blob) for blob in blobs)
    assert type(message).FromString(written) == message


@given(sent=_serialized())
def test_what_is_read_is_what_protobuf_would_have_read(sent: tuple[type[Carrier], bytes]) -> None:
    kind, raw = sent

    assert _without_copies(kind, raw) == _by_protobuf(kind, raw) is not None


@given(
    sent=_serialized(),
    place=st.integers(-200, 200),
    cut=st.integers(0, 12),
    put=st.binary(max_size=12),
)
def test_damaged_bytes_are_read_as_protobuf_reads_them(
    sent: tuple[type[Carrier], bytes], place: int, cut: int, put: bytes
) -> None:
    kind, raw = sent
    place %= len(raw)
    damaged = raw[:place] + put + raw[place + cut :]

    assert _without_copies(kind, damaged) == _by_protobuf(kind, damaged)


_BEFORE = pb.ExecuteRequest(command="c").SerializeToString()
_AFTER = pb.ExecuteRequest(blobs=[pb.Blob(data=LARGE)]).SerializeToString()


@pytest.mark.parametrize(
    "field",
    [
        b"\xff",
        b"\xff" * 11,
        b"\x4a",
        b"\x4a\xff",
        b"\x4a\xff\xff\xff\xff\x7f",
        b"\x4a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x4a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
        b"\x4a\x04\x22\x7fab",
        b"\x4a\x06\x22\xff\xff\xff\xff\x07",
        b"\x4a\x02\x22\x80",
        b"\x4a\x02\x0a\xff",
        b"\x4a\x03\x0a\x01\xff",
        b"\x48\x07",
        b"\x4d....",
        b"\x49........",
        b"\x49...",
        b"\x4b\x4c",
        b"\x4b",
        b"\x4e",
        b"\x02\x01x",
        b"\xca\x00\x02\x22\x00",
        b"\x4a\x82\x00\x22\x00",
        b"\x4a\x82\x80\x80\x80\x80\x80\x00\x22\x00",
        b"\x4a\x00",
        b"\x4a\x08\x22\x01a\x22\x03bcd",
        b"\x4a\x02\x20\x07",
        b"\x82\x80\x80\x80\x80\x80\x80\x80\x80\x02x",
    ],
)
def test_odd_fields_are_read_as_protobuf_reads_them(field: bytes) -> None:
    for raw in (_BEFORE + field + _AFTER, _BEFORE + _AFTER + field):
        read = _without_copies(pb.ExecuteRequest, raw)

        assert read == _by_protobuf(pb.ExecuteRequest, raw)


@given(raw=st.binary(max_size=50))
@example(raw=b"")
def test_few_bytes_are_protobufs_alone(raw: bytes) -> None:
    assert _without_copies(pb.ExecuteRequest, raw) == _by_protobuf(pb.ExecuteRequest, raw)


@pytest.mark.parametrize(
    "raw",
    [
        _BEFORE + b"\xa0\x06\x01" * 2 * MAX_FIELDS + _AFTER,
        _BEFORE + b"\x4a\x02\x22\x00" * 2 * MAX_FIELDS + _AFTER,
        # One blob, of 16 KiB: 8192 times data of no bytes.
        _BEFORE + b"\x4a\x80\x80\x01" + b"\x22\x00" * 2 * MAX_FIELDS + _AFTER,
    ],
)
def test_more_fields_than_anybody_sends_are_left_to_protobuf(raw: bytes) -> None:
    read = reading(pb.ExecuteRequest)(raw)

    assert not isinstance(read, WithBlobs)
    assert _without_copies(pb.ExecuteRequest, raw) == _by_protobuf(pb.ExecuteRequest, raw)


# --- without copies -----------------------------------------------------------------------------


def test_large_data_are_a_view_of_what_came_and_small_ones_do_not_keep_it() -> None:
    sent = pb.ExecuteRequest(command="c", blobs=[pb.Blob(data=LARGE), pb.Blob(data=b"small")])
    raw = sent.SerializeToString()

    read = reading(pb.ExecuteRequest)(raw)

    assert isinstance(read, WithBlobs)
    large, small = read.blobs
    assert isinstance(large.data, memoryview)
    assert large.data.obj is raw
    assert (large.data.format, large.data.ndim, large.data.contiguous) == ("B", 1, True)
    assert bytes(large.data) == LARGE
    assert small.data == b"small"
    assert isinstance(small.data, bytes)
    assert (read.message.command, list(read.message.blobs)) == ("c", [])


def test_a_small_message_has_its_blobs_within() -> None:
    sent = pb.ExecuteRequest(blobs=[pb.Blob(kind="tensor", shape=[1], data=b"x")])

    read = reading(pb.ExecuteRequest)(sent.SerializeToString())

    assert read == sent
    assert not isinstance(read, DecodeError)
    assert message_of(read) is read
    assert apart(read) == (sent, [Blob(kind="tensor", shape=(1,), data=b"x")])


def test_a_message_without_blobs_is_nothing_but_itself() -> None:
    message = pb.ExecuteRequest(command="c")

    assert writing(message) == message.SerializeToString()
    assert apart(message) == (message, ())
    assert message_of(WithBlobs(message, [])) is message


def test_data_behind_a_handle_do_not_travel() -> None:
    blob = Blob(kind="bytes", data=b"here", handle="there")

    written = writing(WithBlobs(pb.ExecuteRequest(), [blob]))

    assert pb.ExecuteRequest.FromString(written).blobs == [pb.Blob(kind="bytes", handle="there")]


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x02\xff\xfe"])
def test_what_is_no_message_is_an_error_to_look_at(raw: bytes) -> None:
    assert isinstance(parsing(pb.Handle)(raw), DecodeError)
    assert isinstance(reading(pb.ExecuteRequest)(raw), DecodeError)


def test_a_text_that_is_none_is_found_in_large_messages() -> None:
    for field in (b"\x0a\x02\xff\xfe", b"\x4a\x04\x0a\x02\xff\xfe"):
        assert isinstance(reading(pb.ExecuteRequest)(field + _AFTER), DecodeError)
