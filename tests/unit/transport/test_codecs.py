from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from snakepit_bridge.errors import (
    ErrorCode,
    HandlerFailedError,
    InvalidArgumentError,
    QuotaExceededError,
)
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.transport.codecs import BoundedCodec, RefusingCodec, Room
from snakepit_bridge.transport.options import Options
from snakepit_bridge.transport.out_of_band import (
    BLOB_MARGIN,
    IN_BAND_REASON,
    PART_MARGIN,
    PATH,
    SHARED_FROM,
)
from snakepit_bridge.values import Encoded, find_encoding
from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.snakepit.snakepit_json import SnakepitJson


class Ready:
    """An encoding of values that are in bytes already, or of blobs, or of what is to be kept."""

    name = "msgpack"

    def decode_args(self, args: Any, blobs: Sequence[Blob] = ()) -> Any:
        return {**args, "blobs": blobs} if blobs else args

    def encode_args(self, args: Any, beside: Beside = NOTHING) -> Any:
        return args

    def encode(self, value: Any, beside: Beside = NOTHING) -> Encoded:
        if isinstance(value, Encoded):
            return value
        for each in value:
            place = beside.put(each) if isinstance(each, Blob) else beside.keep(each)
            if place is None:
                raise HandlerFailedError("no place")
        return Encoded(b"x")

    def decode(self, encoded: Encoded) -> Any:
        return encoded


class Shelf:
    """Leases that are full after some bytes."""

    def __init__(self, room: int = 10**9) -> None:
        self.kept: dict[str, bytes] = {}
        self._room = room

    def put(self, data: bytes | memoryview) -> str:
        self._room -= len(data)
        if self._room < 0:
            raise QuotaExceededError("The shelf is full.")
        handle = f"h{len(self.kept)}"
        self.kept[handle] = bytes(data)
        return handle

    def data(self, handle: str) -> memoryview:
        return memoryview(self.kept[handle])

    def path(self, handle: str) -> str:
        return f"/shelf/{handle}"

    def release(self, handle: str) -> bool:
        return self.kept.pop(handle, None) is not None


ENCODED = [
    (Encoded(b"x" * 100), 100),
    (Encoded(b"{}", binary=b"x" * 98), 100 + PART_MARGIN),
    (Encoded(parts={"ä": b"x" * 98}), 100 + PART_MARGIN),
    (Encoded(b"x" * 96, metadata={"ä": "ä"}), 100 + PART_MARGIN),
    (Encoded(b"x", blobs=[Blob(kind="bytes", data=b"x" * 99)]), 100 + BLOB_MARGIN),
]


@pytest.fixture
def session() -> Session:
    return SessionManager(EmbeddedHost()).get_or_create("s")


def _room(limit: int | None, shelf: Any = None) -> Room:
    return Room(max_value_bytes=limit, leases=shelf)


def _blob(size: int, fill: bytes = b"x") -> Blob:
    return Blob(kind="bytes", data=fill * size)


@pytest.mark.parametrize(("encoded", "size"), ENCODED)
def test_a_value_that_just_fits_may_leave(encoded: Encoded, size: int, session: Session) -> None:
    assert BoundedCodec(Ready(), _room(size)).encode(encoded, session) is encoded
    assert BoundedCodec(Ready(), _room(None)).encode(encoded, session) is encoded


@pytest.mark.parametrize(("encoded", "size"), ENCODED)
def test_everything_that_leaves_with_a_value_counts(
    encoded: Encoded, size: int, session: Session
) -> None:
    with pytest.raises(QuotaExceededError) as caught:
        BoundedCodec(Ready(), _room(size - 1)).encode(encoded, session)

    assert caught.value.code is ErrorCode.QUOTA_EXCEEDED
    assert caught.value.message == (
        f"The answer has {size} bytes, more than the {size - 1} of one message."
    )
    assert not caught.value.retryable


def test_the_encoding_reads_and_writes(session: Session) -> None:
    codec = BoundedCodec(SnakepitJson(Fallback()), _room(100))

    assert codec.decode_args({"a": b"[1]"}) == {"a": [1]}
    assert codec.encode(b"\x00", session).binary == b"\x00"
    plain = BoundedCodec(find_encoding("json"), _room(100))
    assert plain.encode([1], session) == Encoded(b"[1]")


def test_blobs_leave_beside_the_value(session: Session) -> None:
    blobs = [_blob(3), _blob(5)]

    encoded = BoundedCodec(Ready(), _room(None)).encode(blobs, session)

    assert encoded == Encoded(b"x", blobs=blobs)


def test_the_largest_blobs_are_left_behind_when_the_message_is_too_small(session: Session) -> None:
    shelf = Shelf()
    blobs = [_blob(10), _blob(5000, b"y"), _blob(20)]

    codec = BoundedCodec(Ready(), _room(3 * BLOB_MARGIN + 100, shelf))
    encoded = codec.encode(blobs, session)

    assert list(encoded.blobs) == [blobs[0], Blob(kind="bytes", handle="h0"), blobs[2]]
    assert shelf.kept == {"h0": b"y" * 5000}


def test_a_value_too_large_without_its_blobs_is_refused_and_nothing_stays(
    session: Session,
) -> None:
    shelf = Shelf()
    codec = BoundedCodec(Ready(), _room(10, shelf))

    with pytest.raises(QuotaExceededError, match="more than the 10 of one message"):
        codec.encode([object(), _blob(3)], session)

    assert len(session.instances) == 0
    assert shelf.kept == {}


def test_what_is_kept_has_one_ref_however_often_it_is_there(session: Session) -> None:
    thing = object()

    BoundedCodec(Ready(), _room(None)).encode([thing, thing, object()], session)

    assert len(session.instances) == 2
    assert session.instances.listed()[0].type == "builtins.object"


def test_refs_can_be_switched_off(session: Session) -> None:
    codec = BoundedCodec(Ready(), _room(None)).for_call(Options(binary=True), ())

    with pytest.raises(HandlerFailedError):
        codec.encode([object()], session)

    assert len(session.instances) == 0


def test_large_blobs_are_files_for_a_caller_on_this_machine(session: Session) -> None:
    shelf = Shelf()
    codec = BoundedCodec(Ready(), _room(None, shelf))
    wants = Options(binary=True, shared=True)

    encoded = codec.for_call(wants, ()).encode([_blob(SHARED_FROM), _blob(3)], session)

    assert list(encoded.blobs) == [Blob(kind="bytes", handle="h0"), _blob(3)]
    assert encoded.metadata == {f"{PATH}h0": "/shelf/h0"}


def test_they_stay_in_the_answer_where_one_file_cannot_be_had(session: Session) -> None:
    shelf = Shelf(room=SHARED_FROM)
    codec = BoundedCodec(Ready(), _room(None, shelf))
    blobs = [_blob(SHARED_FROM), _blob(SHARED_FROM)]

    encoded = codec.for_call(Options(binary=True, shared=True), ()).encode(blobs, session)

    assert list(encoded.blobs) == blobs
    assert encoded.metadata == {IN_BAND_REASON: "The shelf is full."}
    assert shelf.kept == {}


def test_a_bridge_without_files_sends_blobs_in_the_answer(session: Session) -> None:
    codec = BoundedCodec(Ready(), _room(None)).for_call(Options(binary=True, shared=True), ())

    assert list(codec.encode([_blob(SHARED_FROM)], session).blobs) == [_blob(SHARED_FROM)]


def test_data_behind_a_handle_are_there_before_the_arguments_are_read() -> None:
    shelf = Shelf()
    handle = shelf.put(b"abc")
    sent = [Blob(kind="bytes", data=b"d"), Blob(kind="tensor", dtype="uint8", handle=handle)]

    args = BoundedCodec(Ready(), _room(None, shelf)).for_call(None, sent).decode_args({})

    assert args["blobs"] == [
        sent[0],
        Blob(kind="tensor", dtype="uint8", data=memoryview(b"abc")),
    ]


def test_a_handle_is_refused_where_nothing_is_kept() -> None:
    codec = BoundedCodec(Ready(), _room(None)).for_call(None, [Blob(kind="bytes", handle="h")])

    with pytest.raises(InvalidArgumentError, match="this bridge keeps none"):
        codec.decode_args({})


def test_what_was_refused_is_refused_where_it_would_be_read(session: Session) -> None:
    refusing = RefusingCodec(InvalidArgumentError("no"))

    with pytest.raises(InvalidArgumentError, match="no"):
        refusing.decode_args({})
    with pytest.raises(AssertionError):
        refusing.encode(1, session)


def test_what_was_stored_for_an_answer_that_is_refused_is_removed(session: Session) -> None:
    """Its handles were known to nobody, and took the room of others for minutes."""
    shelf = Shelf()
    wants = Options(refs=True, binary=True, shared=True)
    codec = BoundedCodec(Ready(), _room(1000, shelf)).for_call(wants, ())

    with pytest.raises(QuotaExceededError, match="of one message"):
        codec.encode([object(), _blob(SHARED_FROM), _blob(2000)] + [_blob(1)] * 10, session)

    assert shelf.kept == {}
    assert len(session.instances) == 0


class Threads(Ready):
    """Notes where arguments are read."""

    def __init__(self) -> None:
        self.read_on: list[threading.Thread] = []

    def decode_args(self, args: Any, blobs: Sequence[Blob] = ()) -> Any:
        self.read_on.append(threading.current_thread())
        return super().decode_args(args, blobs)


@pytest.mark.parametrize(
    ("blob", "elsewhere"),
    [
        (Blob(kind="tensor", dtype="uint8", shape=(1,), data=b"x"), False),
        (Blob(kind="arrow", data=b"x"), True),
        (Blob(kind="bytes", handle="h0"), True),
        (_blob(64 * 1024), True),
    ],
    ids=["small", "table", "handle", "large"],
)
async def test_what_takes_long_to_read_is_not_read_on_the_loop(
    blob: Blob, *, elsewhere: bool
) -> None:
    encoding, shelf = Threads(), Shelf()
    shelf.put(b"abc")
    codec = BoundedCodec(encoding, _room(None, shelf)).for_call(None, [blob])

    await codec.read_ahead({"a": b"1"})
    args = codec.decode_args({"a": b"1"})

    assert args["a"] == b"1"
    (thread,) = encoding.read_on
    assert (thread is not threading.current_thread()) is elsewhere


async def test_what_was_read_ahead_and_refused_is_refused_with_its_command() -> None:
    codec = BoundedCodec(Ready(), _room(None)).for_call(None, [Blob(kind="bytes", handle="none")])

    await codec.read_ahead({})

    with pytest.raises(InvalidArgumentError, match="this bridge keeps none"):
        codec.decode_args({})


class Gone:
    """A command whose caller has gone while it ran."""

    command, metadata, deadline, remaining_s = "x", {}, None, None  # type: ignore[var-annotated]
    cancelled = True
    answer_metadata: ClassVar[dict[str, str]] = {}

    def on_cancel(self, told: Callable[[], None]) -> Callable[[], None]:
        return told


def test_nothing_is_kept_for_a_caller_who_is_gone(session: Session) -> None:
    shelf = Shelf()
    wants = Options(refs=True, binary=True, shared=True)
    codec = BoundedCodec(Ready(), _room(None, shelf)).for_call(wants, ())

    codec.encode([object(), _blob(SHARED_FROM)], session.seen_by(Gone()))

    assert shelf.kept == {}
    assert len(session.instances) == 0


def test_what_a_reader_left_may_be_given_back(session: Session) -> None:
    shelf = Shelf()
    codec = BoundedCodec(Ready(), _room(None, shelf)).for_call(
        Options(binary=True, shared=True), ()
    )
    for _ in range(3):
        codec.encode([_blob(SHARED_FROM)], session)
    assert len(shelf.kept) == 3

    codec.give_back()

    assert shelf.kept == {}
