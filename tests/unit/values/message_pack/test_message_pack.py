from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakepit_bridge.errors import HandlerFailedError, InvalidArgumentError, SessionError
from snakepit_bridge.values.blob import TENSOR, Blob
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.message_pack import codes
from snakepit_bridge.values.message_pack.message_pack import MessagePack
from snakepit_bridge.values.message_pack.plainness import BYTES_BESIDE
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import MAX_DEPTH
from snakepit_bridge.values.tag_objects import HostFunction
from snakepit_bridge.values.value_types import ValueTypes
from tests.unit.values.recorder import Recorder
from tests.unit.values.strategies import ANY_VALUE, same

# With `--hypothesis-profile=long` many more.
EXAMPLES = max(2_000, settings().max_examples)

TYPES = ValueTypes()


@TYPES.register(name="Color")
class Color(Enum):
    RED = 1


@TYPES.register(name="Point")
class Point(NamedTuple):
    x: int
    y: int


@pytest.fixture
def message_pack() -> MessagePack:
    return MessagePack(Fallback(), TYPES)


# --- everything arrives --------------------------------------------------------------------------


@pytest.mark.timeout(600)
@settings(max_examples=EXAMPLES)
@given(value=ANY_VALUE)
def test_every_value_comes_back_equal_and_of_the_same_type(value: object) -> None:
    message_pack = MessagePack(Fallback())

    assert same(message_pack.decode(message_pack.encode(value)), value)


@given(value=ANY_VALUE)
def test_arguments_come_back_equal_and_of_the_same_type(value: object) -> None:
    message_pack = MessagePack(Fallback())

    arrived = message_pack.decode_args(message_pack.encode_args({"a": value, "b": 1}))

    assert same(arrived, {"a": value, "b": 1})


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_plain_data_are_plain_message_pack(value: object) -> None:
    encoded = MessagePack(Fallback()).encode(value).value

    assert same(msgspec.msgpack.decode(encoded), value)
    assert same(MessagePack(Fallback()).decode(Encoded(msgspec.msgpack.encode(value))), value)


# A promise to programs in other languages, which no change may break.
GOLDEN: list[tuple[object, str]] = [
    ((1, "a"), "d6 01 92 01 a1 61"),
    ({1}, "d5 02 91 01"),
    (frozenset({1}), "d5 03 91 01"),
    ({b"a": 1}, "c7 05 04 92 c4 01 61 01"),
    (2**64, "c7 09 05 01 00 00 00 00 00 00 00 00"),
    (-(2**63) - 1, "c7 09 05 ff 7f ff ff ff ff ff ff ff"),
    (1 - 2j, "d8 06 3f f0 00 00 00 00 00 00 c0 00 00 00 00 00 00 00"),
    (Decimal("-1.10"), "c7 05 07 2d 31 2e 31 30"),
    (Decimal("1E+9"), "d6 07 31 45 2b 39"),
    (UUID(int=1), "d8 08" + " 00" * 15 + " 01"),
    (date(2026, 1, 11), "d6 09 07 ea 01 0b"),
    (time(10, 30, 5, 6), "d7 0a 0a 1e 05 00 00 00 00 06"),
    (time(10, tzinfo=UTC), "d8 0a 0a 00 00 00 00 00 00 00" + " 00" * 8),
    (
        time(10, tzinfo=ZoneInfo("Asia/Tokyo")),
        "c7 1a 0a 0a 00 00 00 00 00 00 00 80" + " 00" * 7 + " 41 73 69 61 2f 54 6f 6b 79 6f",
    ),
    (
        datetime.fromisoformat("2026-01-11T10:30").replace(fold=1),
        "c7 0c 0b 07 ea 01 0b 0a 1e 00 01 00 00 00 00",
    ),
    (
        datetime(2026, 1, 11, tzinfo=timezone(timedelta(hours=-1))),
        "c7 14 0b 07 ea 01 0b 00 00 00 00 00 00 00 00 ff ff ff ff 29 6c 5c 00",
    ),
    (
        datetime(2026, 1, 11, tzinfo=ZoneInfo("Asia/Tokyo")),
        "c7 1e 0b 07 ea 01 0b" + " 00" * 11 + " 07 8b 30 c4 00 41 73 69 61 2f 54 6f 6b 79 6f",
    ),
    (timedelta(days=-1, seconds=5, microseconds=6), "c7 0c 0c ff ff ff ff 00 00 00 05 00 00 00 06"),
    (slice(None, 3), "d6 0d 93 c0 03 c0"),
    (..., "c7 00 0e"),
    (Ref("ab"), "c7 06 0f 93 a2 61 62 a0 a0"),
    (Ref("a", type_name="b", session_id="c"), "c7 07 0f 93 a1 61 a1 62 a1 63"),
    (
        Blob(kind=TENSOR, dtype="uint8", shape=(2,), data=b"\1\2"),
        "c7 14 11 94 a6 74 65 6e 73 6f 72 a5 75 69 6e 74 38 91 02 c4 02 01 02",
    ),
    (Color.RED, "d7 12 92 a5 43 6f 6c 6f 72 01"),
    (Point(1, 2), "c7 0a 12 92 a5 50 6f 69 6e 74 92 01 02"),
    (HostFunction(tool="a"), "c7 05 13 93 a1 61 a0 c0"),
    (HostFunction(tool="a", callback_id="b", arity=2), "c7 06 13 93 a1 61 a1 62 02"),
    (b"ab", "c4 02 61 62"),
    ({1: 2, None: 3, 1.5: True}, "83 01 02 c0 03 cb 3f f8 00 00 00 00 00 00 c3"),
]


@pytest.mark.parametrize(("value", "frame"), GOLDEN, ids=lambda each: repr(each)[:40])
def test_the_bytes_of_every_kind_stay_what_they_are(
    message_pack: MessagePack, value: object, frame: str
) -> None:
    assert message_pack.encode(value).value.hex(" ") == frame


@pytest.mark.parametrize(("value", "frame"), GOLDEN, ids=lambda each: repr(each)[:40])
def test_bytes_written_by_others_are_read_as_the_same_value(
    message_pack: MessagePack, value: object, frame: str
) -> None:
    arrived = message_pack.decode(Encoded(bytes.fromhex(frame)))

    if isinstance(value, Blob):
        pytest.importorskip("numpy")
        assert arrived.tolist() == [1, 2]
    else:
        assert arrived == value
        assert type(arrived) is type(value)


def test_every_extension_has_golden_bytes() -> None:
    frames = [bytes.fromhex(frame) for _, frame in GOLDEN]
    # The place of a blob depends on what came before; it has a test of its own.
    written = {frame[2] if frame[0] == 0xC7 else frame[1] for frame in frames} | {codes.BLOB}

    assert written >= codes.NAMES.keys()


# --- what others may send ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "value"),
    [
        ("ca 3f c0 00 00", 1.5),
        ("cf 00 00 00 00 00 00 00 01", 1),
        ("d3 00 00 00 00 00 00 00 01", 1),
        ("db 00 00 00 01 61", "a"),
        ("c6 00 00 00 01 61", b"a"),
        ("dd 00 00 00 01 01", [1]),
        ("df 00 00 00 01 a1 61 01", {"a": 1}),
        ("d6 ff 00 00 00 01", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("81 c4 01 61 01", {b"a": 1}),
        ("81 92 01 02 03", {(1, 2): 3}),
        ("81 d5 01 91 01 03", {(1,): 3}),
        ("d5 05 00 01", 1),
        ("c7 03 0f 91 a1 61", Ref("a")),
        ("c7 03 13 91 a1 61", HostFunction(tool="a")),
        ("c7 05 13 92 a1 61 a1 62", HostFunction(tool="a", callback_id="b")),
        ("92 81 a1 61 ca 3f c0 00 00 c7 01 01 90", [{"a": 1.5}, ()]),
    ],
)
def test_other_forms_of_the_same_are_read(
    message_pack: MessagePack, frame: str, value: object
) -> None:
    arrived = message_pack.decode(Encoded(bytes.fromhex(frame)))

    assert same(arrived, value)


# --- binary data ---------------------------------------------------------------------------------


def test_large_bytes_travel_beside_the_value(message_pack: MessagePack) -> None:
    beside, large = Recorder(), b"x" * BYTES_BESIDE

    encoded = message_pack.encode({"a": large, "b": [b"small", large]}, beside)

    assert len(encoded.value) < 30
    assert encoded.value.endswith(bytes.fromhex("d4 10 01"))
    assert [blob.data for blob in beside.blobs] == [large, large]
    assert encoded.blobs == ()
    arrived = message_pack.decode(msgspec.structs.replace(encoded, blobs=beside.blobs))
    assert arrived == {"a": large, "b": [b"small", large]}


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [0, 1, BYTES_BESIDE - 1, BYTES_BESIDE, BYTES_BESIDE + 1])
def test_bytes_of_every_size_arrive_where_nothing_can_travel_beside(
    message_pack: MessagePack, kind: Any, size: int
) -> None:
    value = b"x" * size

    arrived = message_pack.decode(message_pack.encode([kind(value), (kind(value),)]))

    assert same(arrived, [value, (value,)])


def test_a_buffer_of_numbers_is_a_tensor(message_pack: MessagePack) -> None:
    numpy = pytest.importorskip("numpy")

    arrived = message_pack.decode(message_pack.encode(memoryview(bytes(16)).cast("d")))

    assert arrived.dtype == numpy.float64
    assert arrived.tolist() == [0.0, 0.0]


def test_arrays_travel_beside_the_value_at_any_size_and_numbers_within_it(
    message_pack: MessagePack,
) -> None:
    numpy = pytest.importorskip("numpy")
    beside = Recorder()
    value = [numpy.arange(3), (numpy.float32(1.5),)]

    encoded = message_pack.encode(value, beside)
    arrived = message_pack.decode(msgspec.structs.replace(encoded, blobs=beside.blobs))
    whole = message_pack.decode(message_pack.encode(value))

    assert [blob.dtype for blob in beside.blobs] == ["int64"]
    for each in (arrived, whole):
        assert each[0].tolist() == [0, 1, 2]
        assert same(each[1], (numpy.float32(1.5),))


def test_what_a_value_holds_twice_is_put_or_kept_once(message_pack: MessagePack) -> None:
    numpy = pytest.importorskip("numpy")
    beside, array, thing = Recorder(), numpy.arange(3), object()

    encoded = message_pack.encode([array, thing, (array, thing)], beside)

    assert len(beside.blobs) == 1
    assert len(beside.kept) == 1
    assert encoded.value.count(bytes.fromhex("d4 10 00")) == 2


def test_the_blobs_of_all_arguments_are_counted_together(message_pack: MessagePack) -> None:
    beside, large = Recorder(), b"x" * BYTES_BESIDE
    args = message_pack.encode_args({"a": large, "b": [large, 1]}, beside)

    assert message_pack.decode_args(args, beside.blobs) == {"a": large, "b": [large, 1]}


def test_arguments_that_refer_to_the_same_blob_get_the_same_object(
    message_pack: MessagePack,
) -> None:
    beside = Recorder()
    args = message_pack.encode_args({"a": b"x" * BYTES_BESIDE}, beside)
    blobs = [Blob(kind=blob.kind, data=memoryview(blob.data)) for blob in beside.blobs]

    arrived = message_pack.decode_args({"a": args["a"], "b": args["a"]}, blobs)

    assert arrived["a"] is arrived["b"]


# --- objects -------------------------------------------------------------------------------------


class Cart:
    """Has no form as a value."""


def test_objects_become_refs_with_what_is_known_of_them(message_pack: MessagePack) -> None:
    beside, cart = Recorder(), Cart()

    arrived = message_pack.decode(message_pack.encode({"cart": [cart]}, beside))

    (ref,) = arrived["cart"]
    assert type(ref) is Ref
    assert (ref, ref.type_name, ref.session_id) == ("r1", "shop.Cart", "s")
    assert beside.kept == [cart]
    assert beside.given_up == 0


def test_objects_become_markers_where_nothing_is_kept(message_pack: MessagePack) -> None:
    arrived = message_pack.decode(message_pack.encode([Cart()]))

    assert arrived[0]["__ffi_unserializable__"] is True


def test_an_argument_without_a_form_is_refused_instead_of_replaced(
    message_pack: MessagePack,
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"'odd'.*\$\[1\] is of type 'Cart'"):
        message_pack.encode_args({"odd": [1, Cart()], "fine": 1})


def test_values_of_registered_types_come_back_as_themselves(message_pack: MessagePack) -> None:
    value = {"a": [Color.RED, Point(1, 2)], Color.RED: Point(3, 4)}

    assert same(message_pack.decode(message_pack.encode(value)), value)


def test_values_of_types_that_are_not_registered_where_they_are_read_are_refused(
    message_pack: MessagePack,
) -> None:
    encoded = message_pack.encode({"a": [1, Color.RED]})

    with pytest.raises(InvalidArgumentError, match=r"\$\.a\[1\].*'Color', which is not reg"):
        MessagePack(Fallback(), ValueTypes()).decode(encoded)


# --- what is refused -----------------------------------------------------------------------------


def test_what_was_kept_is_given_up_when_the_value_cannot_be_written(
    message_pack: MessagePack,
) -> None:
    beside = Recorder()

    with pytest.raises(HandlerFailedError, match=r"\$\.b\[0\]"):
        message_pack.encode({"a": Cart(), "b": ["\ud800"]}, beside)

    assert beside.given_up == 1


def test_what_was_kept_is_given_up_when_no_more_can_be_kept(message_pack: MessagePack) -> None:
    class Full(Recorder):
        def keep(self, instance: object) -> Ref:
            if self.kept:
                raise SessionError("The session is full.")
            return super().keep(instance)

    beside = Full()

    with pytest.raises(SessionError, match="full"):
        message_pack.encode([Cart(), Cart()], beside)

    assert beside.given_up == 1


def test_an_unreadable_answer_is_refused(message_pack: MessagePack) -> None:
    with pytest.raises(InvalidArgumentError, match="answer cannot be read as msgpack"):
        message_pack.decode(Encoded(b"\x92\x01"))


def test_every_unreadable_argument_is_named_with_its_place(message_pack: MessagePack) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        message_pack.decode_args({"a": b"\x92\x01", "b": b"\x91\xc1", "c": b"\x01"})

    assert caught.value.details["arguments"] == {
        "a": "$[1] is cut off at byte 2",
        "b": "$[0] has the byte 0xC1, which means nothing",
    }
    assert caught.value.hint


def _nested(levels: int, kind: Any = list) -> Any:
    value = kind()
    for _ in range(levels - 1):
        value = kind([value])
    return value


@pytest.mark.parametrize(
    "kind",
    [
        list,
        tuple,
        frozenset,
        lambda members=(): dict(enumerate(members)),
        lambda members=(): dict(zip([()], members, strict=False)),
    ],
)
def test_containers_of_every_kind_travel_down_to_the_limit_of_nesting(
    message_pack: MessagePack, kind: Any
) -> None:
    value = _nested(MAX_DEPTH, kind)

    arrived = message_pack.decode(message_pack.encode(value))

    assert same(arrived, value)
    with pytest.raises(HandlerFailedError, match="nested deeper"):
        message_pack.encode(_nested(MAX_DEPTH + 1, kind))


MUTATED_FRAMES = [
    *(bytes.fromhex(frame) for _, frame in GOLDEN),
    b"\x9f" + b"".join(bytes.fromhex(frame) for _, frame in GOLDEN[:15]),
    b"\x82\xa1a\x92\x01\x02\xa1b\x81\xa1c\xca\x00\x00\x00\x00",
]


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    written = ANY_VALUE.map(lambda value: MessagePack(Fallback()).encode(value).value)
    frame = bytearray(draw(st.sampled_from(MUTATED_FRAMES) | written))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(frame)))
        end = at + draw(st.integers(0, 3))
        frame[at:end] = draw(st.binary(max_size=3)) + frame[at : draw(st.integers(at, at + 8))]
    return bytes(frame)


@pytest.mark.timeout(600)
@settings(max_examples=EXAMPLES)
@given(frame=mutations() | st.binary())
def test_bytes_are_read_or_refused_with_the_place(frame: bytes) -> None:
    message_pack = MessagePack(Fallback(), TYPES)
    refusal = ""

    try:
        message_pack.encode(message_pack.decode(Encoded(frame)))
    except InvalidArgumentError as error:
        refusal = error.message

    assert not refusal or "cannot be read as msgpack: $" in refusal
    # The decoder refuses nothing of which the place is not found.
    assert "is no MessagePack" not in refusal
